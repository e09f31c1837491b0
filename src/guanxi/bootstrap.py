"""The composition root: the only place that knows every part and puts them together."""

from __future__ import annotations

from asyncio import create_task, to_thread, wait
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from time import sleep
from typing import TYPE_CHECKING, Any

import structlog

from guanxi.access import KeyKind, Permission, jobs as access_jobs
from guanxi.access.service import Access
from guanxi.customers.audiences.jobs import ExportWork, PutWork
from guanxi.customers.audiences.lists import Lists
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.boards.kinds import AttributeKind, AudienceKind, TraitKind
from guanxi.customers.boards.service import Boards
from guanxi.customers.events.model import Source
from guanxi.customers.events.sealing import resealer
from guanxi.customers.events.service import EventIntake
from guanxi.customers.facts.service import Facts
from guanxi.customers.history.service import History
from guanxi.customers.members.service import Members
from guanxi.customers.privacy.jobs import ErasureJob
from guanxi.customers.privacy.retention import KIND as RETENTION, Retention
from guanxi.customers.privacy.service import Privacy
from guanxi.customers.profiles.service import Profiles
from guanxi.customers.projection.jobs import READER, Projection
from guanxi.customers.stages.service import Stages
from guanxi.customers.traits.basics import Basics
from guanxi.customers.traits.service import Vocabularies
from guanxi.definitions.jobs import ApplyWork, EffectWork
from guanxi.definitions.service import Definitions
from guanxi.kernel.clock import HOUR, MINUTE, SECOND, Clock, SystemClock
from guanxi.kernel.errors import Unavailable
from guanxi.kernel.text import Text
from guanxi.runtime.outbox.jobs import OutboxJob
from guanxi.runtime.timers.jobs import TimerJob
from guanxi.runtime.work.files import Files
from guanxi.runtime.work.handle import Kind
from guanxi.runtime.work.jobs import Crew, Runner
from guanxi.runtime.work.service import Works
from guanxi.runtime.worker import Job
from guanxi.storage import key_check
from guanxi.storage.database import UNAVAILABLE, Database
from guanxi.storage.events import epochs
from guanxi.storage.events.handover import Handover
from guanxi.storage.events.log import EventLog
from guanxi.storage.events.vitals import check_lake, waiting
from guanxi.storage.events.writer import GroupWriter
from guanxi.storage.home import Home
from guanxi.storage.locks import AdvisoryLocks, FileLocks, locks_of
from guanxi.storage.merchants import get_merchant, list_merchants
from guanxi.storage.migrate import current, migrate, newest
from guanxi.storage.person_keys import PersonKeys
from guanxi.storage.scrub import shrink
from guanxi.storage.vault import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from fastapi import FastAPI, Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Scope

    from guanxi.api.context import ApiContext
    from guanxi.connectors.segment.routes import Authenticate, Sender
    from guanxi.console.render import Console

_log = structlog.get_logger(__name__)

LAKE_READERS = (READER,)
"""Readers that must have passed an event before it may leave the tail."""

HAND_OVER_ROWS = 20_000
HAND_OVER_AGE = 5 * MINUTE
"""The tail is handed over when it has this many events, or when its oldest has waited this long: a lake of many small
files is slow to read."""


BOARDS_EVERY = 10 * MINUTE
"""How old what all members have in common may be; whoever counts by a rule of their own gets what is true now."""


@dataclass(frozen=True, slots=True)
class Product:
    """An opened installation with everything that stands on it."""

    home: Home
    database: Database
    clock: Clock
    vault: Vault
    log: EventLog
    locks: FileLocks | AdvisoryLocks
    person_keys: PersonKeys
    intake: EventIntake
    projection: Projection
    handover: Handover
    access: Access
    members: Members
    privacy: Privacy
    erasures: ErasureJob
    definitions: Definitions
    vocabularies: Vocabularies
    profiles: Profiles
    boards: Boards
    audiences: Audiences
    stages: Stages
    history: History
    works: Works

    @property
    def services(self) -> tuple[object, ...]:
        """The capabilities' services, for whoever finds them by type."""
        return (
            self.intake,
            self.members,
            self.privacy,
            self.definitions,
            self.vocabularies,
            self.profiles,
            self.boards,
            self.audiences,
            self.stages,
            self.works,
        )


def _reread(form: str, raw: bytes, timezone: str) -> list[dict[str, Any]] | tuple[str, Text]:
    """Read a rejected row of a file again; the readers of files are loaded when one is mended."""
    from guanxi.connectors.files import reread  # noqa: PLC0415

    return reread(form, raw, timezone)


def build(home: Home, clock: Clock | None = None) -> Product:
    """Put the parts of an installation together; opens connections only when they are needed."""
    clock = clock or SystemClock()
    database = Database.of(home)
    vault = Vault(home.master_key)
    log = EventLog(home, database, clock)
    locks = locks_of(database, home.locks)
    keys = PersonKeys(vault)
    intake = EventIntake(database, log, vault, clock, _reread)
    projection = Projection(database, log, intake, vault, keys)
    handover = Handover(database, log, locks, resealer(database, vault, keys), clock)
    privacy = Privacy(database, log, intake, vault, keys, projection.catch_up)
    # What looks at definitions only; kinds stand on it, and plans and changes on them.
    readable = Definitions(database, kinds=(), clock=clock)
    providers = (Basics(intake),)
    vocabularies = Vocabularies(intake, readable, providers)
    facts = Facts(home, database, log, locks, vault)
    profiles = Profiles(database, log, facts, providers, Lists(), READER)
    boards = Boards(database, log, intake, profiles, vocabularies, readable, clock)
    history = History(database, log, locks, intake, profiles, boards, vocabularies, clock)
    kinds = tuple(kind(vocabularies, boards, intake) for kind in (AttributeKind, TraitKind, AudienceKind))

    works = Works(database, Files(home.path / "work", vault, clock), clock)

    def forget(merchant_id: str) -> None:
        facts.forget(merchant_id)
        boards.forget(merchant_id)
        history.forget(merchant_id)
        works.forget(merchant_id)

    return Product(
        home=home,
        database=database,
        clock=clock,
        vault=vault,
        log=log,
        locks=locks,
        person_keys=keys,
        intake=intake,
        projection=projection,
        handover=handover,
        access=Access.of(database, vault),
        members=Members(log, intake, vault, keys),
        privacy=privacy,
        erasures=ErasureJob(
            database, log, locks, handover, privacy, intake, vault, keys, clock, projection.mend, forget
        ),
        definitions=Definitions(database, kinds, clock),
        vocabularies=vocabularies,
        profiles=profiles,
        boards=boards,
        audiences=Audiences(database, profiles, boards, vocabularies, readable, vault, clock),
        stages=Stages(database, profiles, boards, vocabularies, clock),
        history=history,
        works=works,
    )


@contextmanager
def opened(path: Path, clock: Clock | None = None) -> Iterator[Product]:
    """Open an installation, bring tables and positions up to date if they are not, and close it at the end of the block.

    Raises ``NoHome``, ``BrokenHome``, ``WrongKey``, ``InvalidInput`` for settings that make no sense, and what the
    database says when it cannot be reached.
    """
    product = build(Home.open(path), clock)
    try:
        if current(product.database) != newest():
            migrate(product.database)
        key_check.check(product.database, product.vault)
        epochs.mend(product.database, product.log)
        yield product
    finally:
        product.database.dispose()


class Background:
    """What the worker does, for all merchants there are; new merchants are noticed within a few seconds."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._merchants: list[str] = []
        self._looked_at = 0

    def merchants(self) -> list[str]:
        """Return the slugs of all merchants, at most five seconds old."""
        now = self._product.clock.now()
        if not self._merchants or not self._looked_at <= now < self._looked_at + 5 * SECOND:
            with self._product.database.reading() as tx:
                self._merchants = [merchant.merchant_id for merchant in list_merchants(tx)]
            self._looked_at = now
        return self._merchants

    def jobs(self) -> list[Job]:
        """Return the jobs that somebody waits for, the most urgent first."""
        product = self._product
        retention = Retention(product.database)
        timers = TimerJob(product.database, {RETENTION: retention.fire})
        begun: set[str] = set()

        def fire(now: int) -> int:
            if new := set(self.merchants()) - begun:
                with product.database.transaction() as tx:
                    for merchant_id in sorted(new):
                        retention.begin(tx, get_merchant(tx, merchant_id), now)
                begun.update(new)
            return timers.run_once(now)

        outbox = OutboxJob(product.database, {}, product.clock)
        return [
            Job("beside", lambda _now: self._each(product.log.drain_beside), SECOND // 2),
            Job("customers", lambda _now: self._each(product.projection.run), SECOND // 5),
            Job("erasures", lambda _now: self._each(product.erasures.run), MINUTE),
            Job("timers", fire, SECOND, timers.lag),
            Job("outbox", outbox.run_once, SECOND, outbox.lag),
            Job("access", self._prune_access, HOUR),
        ]

    def lake_jobs(self) -> list[Job]:
        """Return the jobs that write to the lake: a set of theirs takes seconds, so they have a loop of their own."""
        return [
            Job("handover", lambda _now: self._each(self.hand_over), 5 * SECOND),
            Job("compaction", lambda _now: self.tidy(), 10 * MINUTE),
            Job("boards", lambda _now: self._each(self.renew), BOARDS_EVERY),
            Job("changes", lambda _now: self._each(self._tell), 5 * SECOND),
            Job("history", lambda _now: self._each(self._look_back), 5 * SECOND),
        ]

    def work_kinds(self) -> dict[str, Kind]:
        """Return what long work there is, by name."""
        product = self._product
        record = access_jobs.recording(product.clock)
        kinds: tuple[Kind, ...] = (
            ExportWork(product.audiences, product.intake),
            PutWork(product.database, product.audiences, product.boards, product.intake, record),
            EffectWork(product.definitions, self._board_took),
            ApplyWork(product.definitions, self._board_took, record),
        )
        return {kind.name: kind for kind in kinds}

    def crew(self) -> Crew:
        """Return who does long work, in threads of their own: what takes a minute must not hold up the loops."""
        product, kinds = self._product, self.work_kinds()
        return Crew(
            lambda: Runner(product.database, product.works.files, kinds, product.clock), warm=self._load
        )

    def _load(self) -> None:
        """Load the analytic engine, which takes longer than most work."""
        try:
            for merchant_id in self.merchants()[:1]:
                self._product.audiences.warm(self._product.intake.merchant(merchant_id)[0])
        except _NOT_NOW:
            _log.warning("not_warmed", exc_info=True)

    def _board_took(self, merchant_id: str) -> int:
        with self._product.database.reading() as tx:
            board = self._product.boards.live(tx, merchant_id)
        return board.took if board is not None else 0

    def _each(self, work: Callable[[str], int]) -> int:
        return sum(work(merchant_id) for merchant_id in self.merchants())

    def hand_over(self, merchant_id: str) -> int:
        """Hand the tail over once it is long or old enough; returns how many events moved."""
        product = self._product
        tail = product.log.backlog(merchant_id)
        waited = product.clock.now() - tail["oldest"]
        if tail["rows"] < HAND_OVER_ROWS and (not tail["rows"] or waited < HAND_OVER_AGE):
            return 0
        # Somebody may have restored the database beneath us: what has been written since lies behind the watermark,
        # where a hand-over deletes.
        epochs.mend(product.database, product.log)
        return product.handover.run(merchant_id, LAKE_READERS)

    def tidy(self) -> int:
        """Compact the lakes and give back what the tail no longer needs; returns how many months were merged."""
        done = self._each(self.compact)
        shrink(self._product.database)
        return done

    def compact(self, merchant_id: str) -> int:
        """Sort and merge crowded months of the lake, and delete files that nobody reads any more."""
        product = self._product
        with product.locks.hold(f"lake/{merchant_id}", wait=False) as mine:
            if not mine:
                return 0
            lake = product.log.lake(merchant_id)
            done = lake.compact()
            lake.vacuum(hours=1)
            return done

    def renew(self, merchant_id: str) -> int:
        """Build a merchant's board anew if anything has moved; returns 0, because the next one can wait."""
        self._product.boards.refresh(self._product.intake.merchant(merchant_id)[0])
        return 0

    def _tell(self, merchant_id: str) -> int:
        return self._product.boards.tell(self._product.intake.merchant(merchant_id)[0])

    def _look_back(self, merchant_id: str) -> int:
        return self._product.history.run(self._product.intake.merchant(merchant_id)[0])

    def _prune_access(self, now: int) -> int:
        with self._product.database.transaction() as tx:
            access_jobs.prune(tx, now)
        return 0

    def settle(self, on_progress: Callable[[int], None] = lambda _: None) -> int:
        """Work until everything that has arrived is projected and in the lake; returns how many events were taken in."""
        product = self._product
        done = 0
        for merchant_id in self.merchants():
            while product.log.drain_beside(merchant_id):
                pass
            while True:
                while taken := product.projection.run(merchant_id, 10_000):
                    done += taken
                    on_progress(done)
                if not waiting(product.database, product.log, merchant_id, READER).rows:
                    break
                # On PostgreSQL readers wait for whoever else is writing on the server.
                sleep(0.05)
            while product.handover.run(merchant_id, LAKE_READERS):
                on_progress(done)
        shrink(product.database)
        return done


def create_web(product: Product, *, demo: tuple[str, str] | None = None) -> FastAPI:
    """Return the web application of an installation: API, tracking routes and console.

    ``demo`` is the sign-in that the console's door shows when it serves demonstration data.
    """
    # Commands that serve nothing need not wait a second for the web framework.
    from guanxi.api import (  # noqa: PLC0415
        accounts,
        audiences,
        dead_letters,
        definitions,
        events,
        members,
        overview,
        privacy,
        work,
    )
    from guanxi.api.app import create_app  # noqa: PLC0415
    from guanxi.api.context import ApiContext  # noqa: PLC0415
    from guanxi.connectors.segment.routes import BODY_LIMITS, REFUSALS, routes  # noqa: PLC0415
    from guanxi.console.app import build_console  # noqa: PLC0415
    from guanxi.console.audiences.lists import UPLOADS  # noqa: PLC0415
    from guanxi.console.context import ConsoleContext, DemoSignIn  # noqa: PLC0415

    writer = GroupWriter(product.log)
    context = ApiContext(
        database=product.database,
        clock=product.clock,
        vault=product.vault,
        access=product.access,
        log=product.log,
        services=product.services,
        body_limits={**BODY_LIMITS, **UPLOADS},
        refusals=REFUSALS,
        probes={"lake": partial(_probe_lakes, product)},
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        writer.start()
        warming = create_task(to_thread(_warm, product, pages.state.console))
        # Small shops are warm by then; nobody waits for a large one's.
        await wait({warming}, timeout=_PATIENCE)
        yield
        await warming
        await to_thread(writer.stop)

    tracking = routes(product.intake, writer, _authenticate(context))
    parts = (members, audiences, definitions, privacy, overview, events, accounts, dead_letters, work)
    capabilities = [one.router for one in parts]
    app = create_app(context, [tracking, *capabilities], lifespan=lifespan)
    pages = build_console(
        ConsoleContext(
            database=product.database,
            clock=product.clock,
            vault=product.vault,
            access=product.access,
            log=product.log,
            services=product.services,
            demo=DemoSignIn(*demo) if demo else None,
        )
    )
    app.router.routes.append(_pages_at_root(pages))
    return app


def _pages_at_root(pages: ASGIApp) -> BaseRoute:
    """Serve what the API does not. Its own addresses stay its own: a wrong method there is a 405 and no missing page."""
    from starlette.routing import Match, Mount  # noqa: PLC0415

    class Pages(Mount):
        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            if scope["type"] == "http" and scope["path"].startswith("/v1/"):
                return Match.NONE, {}
            return super().matches(scope)

    return Pages("/", app=pages)


def _probe_lakes(product: Product) -> None:
    with product.database.reading() as tx:
        merchants = list_merchants(tx)
    for merchant in merchants:
        check_lake(product.database, product.log, merchant.merchant_id)


_PATIENCE = 1
"""Seconds that a start may wait until the first visitor need not."""

_NOT_NOW: tuple[type[Exception], ...] = (*UNAVAILABLE, Unavailable)

_FIRST_PAGES = ("access/", "bare", "base", "document", "shell/", "home/")


def _warm(product: Product, console: Console) -> None:
    """Do what would make the first visitor wait: compile pages, read the past days, load the analytic engine.

    In the order in which they are needed: sign-in and overview, its figures, the latest events, all other pages.
    """
    try:
        console.load(*_FIRST_PAGES)
        for merchant_id in Background(product).merchants()[:1]:
            with product.database.reading() as tx:
                merchant = get_merchant(tx, merchant_id)
                product.members.overview(tx, merchant, merchant.days.day(product.clock.now()))
            product.log.newest(merchant_id, limit=1)
            product.audiences.warm(merchant)
        console.load("")
    except _NOT_NOW:
        _log.warning("not_warmed", exc_info=True)


def _authenticate(context: ApiContext) -> Authenticate:
    """Recognise senders of events by their API key."""
    from guanxi.api.auth import find_caller_by, key_text_of  # noqa: PLC0415
    from guanxi.connectors.segment.routes import Sender  # noqa: PLC0415

    async def authenticate(request: Request, body_key: str) -> Sender:
        text = key_text_of(request.headers.get("authorization", "")) or body_key
        caller = await find_caller_by(context, request, text, Permission.EVENTS_WRITE)
        key = caller.key
        source = Source(key.name, key.account, key.channel)
        return Sender(key.merchant_id, source, public=key.kind is KeyKind.WRITE)

    return authenticate
