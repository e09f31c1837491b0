"""An installation, opened: every part of it, put together."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guanxi.access.service import Access
from guanxi.customers.audiences.lists import Lists
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.boards.kinds import AttributeKind, AudienceKind, TraitKind
from guanxi.customers.boards.service import Boards
from guanxi.customers.events.sealing import resealer
from guanxi.customers.events.service import EventIntake
from guanxi.customers.facts.service import Facts
from guanxi.customers.history.service import History
from guanxi.customers.members.service import Members
from guanxi.customers.privacy.jobs import ErasureJob
from guanxi.customers.privacy.service import Privacy
from guanxi.customers.profiles.service import Profiles
from guanxi.customers.projection.jobs import READER, Projection
from guanxi.customers.stages.service import Stages
from guanxi.customers.traits.basics import Basics
from guanxi.customers.traits.service import Vocabularies
from guanxi.definitions.service import Definitions
from guanxi.kernel.clock import Clock, SystemClock
from guanxi.kernel.text import Text
from guanxi.runtime.work.files import Files
from guanxi.runtime.work.service import Works
from guanxi.storage import key_check
from guanxi.storage.database import Database
from guanxi.storage.events import epochs
from guanxi.storage.events.handover import Handover
from guanxi.storage.events.log import EventLog
from guanxi.storage.home import Home
from guanxi.storage.locks import AdvisoryLocks, FileLocks, locks_of
from guanxi.storage.migrate import current, migrate, newest
from guanxi.storage.person_keys import PersonKeys
from guanxi.storage.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


LAKE_READERS = (READER,)
"""Readers that must have passed an event before it may leave the tail."""


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
