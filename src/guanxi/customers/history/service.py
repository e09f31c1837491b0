"""Looks back: asks a trait's definition as of past weeks, and tells what moved in between as events with their own time.

What is known of members now holds for the past as well where nobody wrote down since when: attributes, consents and lists.
"""

from __future__ import annotations

from contextlib import contextmanager
from shutil import rmtree
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from guanxi.customers.boards.model import TRAIT_CHANGED
from guanxi.customers.history import decide, store
from guanxi.customers.history.dated import dated
from guanxi.customers.history.model import STEP, Moved, Round
from guanxi.customers.identity.service import holdings_of, known
from guanxi.rules.model import Attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import duckdb

    from guanxi.customers.boards.model import Board
    from guanxi.customers.boards.service import Boards
    from guanxi.customers.events.service import EventIntake
    from guanxi.customers.profiles.model import Derived, Vocabulary
    from guanxi.customers.profiles.service import Profiles
    from guanxi.customers.traits.service import Vocabularies
    from guanxi.kernel.clock import Clock
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.events.model import NewEvent
    from guanxi.storage.locks import Locks
    from guanxi.storage.merchants import Merchant

_CHUNK = 2_000
"""Moves told in one transaction."""

_PATIENCE = 5.0
"""Seconds after which the worker turns to its other jobs."""


def round_of(tx: Transaction, merchant_id: str, trait: str) -> Round | None:
    """Return how far looking back upon a trait has come, ``None`` before it has begun."""
    return store.load(tx, merchant_id, trait)


class History:
    """The histories of all merchants' traits. Killed at any moment, looking back goes on where it was."""

    def __init__(
        self,
        database: Database,
        log: EventLog,
        locks: Locks,
        intake: EventIntake,
        profiles: Profiles,
        boards: Boards,
        vocabularies: Vocabularies,
        clock: Clock,
    ) -> None:
        self._database = database
        self._log = log
        self._locks = locks
        self._intake = intake
        self._profiles = profiles
        self._boards = boards
        self._vocabularies = vocabularies
        self._clock = clock
        self._kept: tuple[tuple[str, str, int], Callable[[int], str] | None] | None = None

    def run(self, merchant: Merchant, trait: str = "") -> int:
        """Take the next step of looking back, upon one trait or whichever is next; returns 0 when there is nothing to do.

        A trait is looked back upon once it is on the live board, and anew under a new number when its rule, or one that
        it follows from, has become another. Raises ``LakeMissing``, and ``Unavailable`` while hand-overs follow each other
        too quickly.
        """
        with self._locks.hold(f"history/{merchant.merchant_id}", wait=False) as mine:
            return self._run(merchant, trait) if mine else 0

    def _run(self, merchant: Merchant, wanted: str) -> int:
        merchant_id = merchant.merchant_id
        with self._database.reading() as tx:
            board = self._boards.live(tx, merchant_id)
            vocabulary = self._vocabularies.live(tx, merchant_id)
            if board is None or board.release != vocabulary.release:
                return 0
            some = [one for one in decide.told(vocabulary) if wanted in {"", one.name}]
            rounds = [(one, store.load(tx, merchant_id, one.name)) for one in some]
        for trait, one in rounds:
            rule = decide.rule_of(vocabulary, trait)
            if one is None or one.rule != rule:
                return self._begin(merchant, trait, board, rule, one)
            if one.ended:
                continue
            if one.found:
                return self._tell(merchant, trait, board, one)
            return self._find(merchant, vocabulary, trait, board, one)
        return 0

    def _begin(self, merchant: Merchant, trait: Derived, board: Board, rule: str, last: Round | None) -> int:
        merchant_id = merchant.merchant_id
        with self._database.transaction() as tx:
            earliest = store.earliest(tx, merchant_id)
            since = decide.first(board.as_of, None if earliest is None else merchant.days.day(earliest))
            number = 1 if last is None else last.number + 1
            store.save(tx, merchant_id, trait.name, Round(number, rule, since, since))
        return 1

    def _find(
        self, merchant: Merchant, vocabulary: Vocabulary, trait: Derived, board: Board, one: Round
    ) -> int:
        """Find out who moved since the step before, for as many steps as a few seconds allow. The last one is the board."""
        merchant_id, moves = merchant.merchant_id, self._moves(merchant.merchant_id, one)
        old = self._states(merchant_id, one, one.before) if one.day > one.since else None
        if old is not None and not old.exists():
            return self._begin(merchant, trait, board, one.rule, one)
        if one.day >= board.as_of:
            wide, last = self._boards.path(merchant_id, board), board.as_of
            if not wide.exists():
                return 0
            with self._profiles.facts.engine() as con:
                store.begin(con, old)
                days = (one.before, last)
                store.compare(con, store.on_board(wide), trait.name, days, first=one.day == one.since)
                store.finish(con, self._states(merchant_id, one, last), moves)
        else:
            last = self._weeks(merchant, vocabulary, trait, board, one, old)
        found = msgspec.structs.replace(
            one, day=last, found=True, board=board.board if last == board.as_of else 0
        )
        with self._database.transaction() as tx:
            store.save(tx, merchant_id, trait.name, found)
        if old is not None:
            old.unlink(missing_ok=True)
        return 1

    def _weeks(
        self,
        merchant: Merchant,
        vocabulary: Vocabulary,
        trait: Derived,
        board: Board,
        one: Round,
        old: Path | None,
    ) -> int:
        """Compare steps before the board; returns the last one's day."""
        until = perf_counter() + _PATIENCE
        query = self._query(merchant, vocabulary, trait, board, one)
        with self._asking(merchant, vocabulary, trait, one.day) as (con, written):
            store.begin(con, old)
            day = one.day
            while True:
                sql = query(day) if query is not None else written
                store.compare(con, sql, trait.name, (day - STEP, day), first=day == one.since)
                if query is None or day + STEP >= board.as_of or perf_counter() > until:
                    break
                day += STEP
            store.finish(
                con, self._states(merchant.merchant_id, one, day), self._moves(merchant.merchant_id, one)
            )
        return day

    @contextmanager
    def _asking(
        self, merchant: Merchant, vocabulary: Vocabulary, trait: Derived, day: int
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
        """Open everybody as of a day, with the query of where they were."""
        node = Attribute(trait.name, trait.type)
        with self._profiles.asking(merchant, vocabulary, [node], day) as asked:
            yield asked.con, asked.sql(asked.table.select("member", "first_day", trait.name))

    def _query(
        self, merchant: Merchant, vocabulary: Vocabulary, trait: Derived, board: Board, one: Round
    ) -> Callable[[int], str] | None:
        """Return the query of where members were on any day; ``None`` where each day needs one of its own."""
        key = (merchant.merchant_id, one.rule, vocabulary.release)
        if self._kept is None or self._kept[0] != key:
            # Not the board's day: what its windows add up to is kept, and asked in another way.
            days = range(one.since, board.as_of, STEP)
            texts = {}
            for day in sorted({days[0], days[min(1, len(days) - 1)], days[-1]}):
                with self._asking(merchant, vocabulary, trait, day) as (_, text):
                    texts[day] = text
            self._kept = (key, dated(texts) if len(texts) > 1 else None)
        return self._kept[1]

    def _tell(self, merchant: Merchant, trait: Derived, board: Board, one: Round) -> int:
        """Write events of the next members who moved."""
        merchant_id, path = merchant.merchant_id, self._moves(merchant.merchant_id, one)
        if not path.exists():
            return self._begin(merchant, trait, board, one.rule, one)
        with self._profiles.facts.engine() as con:
            moved = store.moves(con, path, (one.told, one.upto), _CHUNK)
        with self._database.transaction() as tx:
            if moved:
                self._log.append(tx, self._events(tx, merchant, trait.name, one, moved))
                after = msgspec.structs.replace(one, told=moved[-1].day, upto=moved[-1].member)
            elif one.board:
                after = msgspec.structs.replace(one, ended=True)
            else:
                after = msgspec.structs.replace(one, day=one.day + STEP, found=False)
            store.save(tx, merchant_id, trait.name, after)
        if after.ended:
            rmtree(self._folder(merchant_id, one), ignore_errors=True)
        return max(1, len(moved))

    def _events(
        self, tx: Transaction, merchant: Merchant, trait: str, one: Round, moved: list[Moved]
    ) -> list[NewEvent]:
        """Return events at the end of their days, of those who are still members."""
        now, merchant_id = self._clock.now(), merchant.merchant_id
        held = holdings_of(tx, merchant_id, {each.member for each in moved})
        fragments = {one.fragment for some in held.values() for one in some}
        met = {fragment: one.first_seen for fragment, one in known(tx, merchant_id, fragments).items()}
        found = []
        for day, member, before, after, step in moved:
            at = min(merchant.days.start(day + 1) - 1, now)
            subject = decide.subject(member, day, at, held.get(member, ()), met)
            if subject is None:
                continue
            said = {"trait": trait, "from": before, "to": after, "looked_back": True, "step": step}
            event = self._intake.internal_event(
                merchant,
                TRAIT_CHANGED,
                f"history-{trait}-{one.number}-{day}-{member}",
                [],
                said | {"round": one.number},
                fragments=[subject],
                now=at,
            )
            found.append(msgspec.structs.replace(event, received_at=now))
        return found

    def forget(self, merchant_id: str) -> None:
        """Take off what is in the making whoever is no member any more. Called while somebody is being erased."""
        with self._locks.hold(f"history/{merchant_id}", wait=True):
            files = list(self._root(merchant_id).glob("*/*.parquet"))
            if not files:
                return
            with self._database.reading() as tx:
                people = self._profiles.people(tx, merchant_id)
            with self._profiles.facts.engine() as con:
                con.register("people", people)
                for path in files:
                    store.without_others(con, path)

    def _root(self, merchant_id: str) -> Path:
        return self._boards.folder(merchant_id).parent / "history"

    def _folder(self, merchant_id: str, one: Round) -> Path:
        return self._root(merchant_id) / f"{one.rule}-{one.number}"

    def _states(self, merchant_id: str, one: Round, day: int) -> Path:
        return self._folder(merchant_id, one) / f"states-{day}.parquet"

    def _moves(self, merchant_id: str, one: Round) -> Path:
        return self._folder(merchant_id, one) / "moves.parquet"
