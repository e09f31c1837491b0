"""The event log as its users see it: accept once, read in order from the lake or the tail, whichever has it."""

from __future__ import annotations

from functools import lru_cache, partial
from time import sleep
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from guanxi.kernel.clock import DAY
from guanxi.storage.events import dead_letters, tail
from guanxi.storage.events.dead_letters import DeadLetter
from guanxi.storage.events.ids import TakenIds
from guanxi.storage.events.lake import Lake, LakeAhead
from guanxi.storage.events.model import START, LoggedEvent, Moment, NewEvent, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from guanxi.kernel.clock import Clock
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.home import Home

SEEN_DAYS = 8
"""Ids of events up to this many days old are remembered beside the tail; older ones are looked up in the lake."""

BESIDE_BATCH = 5_000

_TRIES = 20
_PAUSE = 0.05
"""How often, and after how many seconds, counting starts again while hand-overs go on; one is enough almost always."""


class _Moved(Exception):
    """A hand-over finished between the look-up in the lake and the insert; look again."""


class EventLog:
    """The log of every merchant of one installation."""

    def __init__(self, home: Home, database: Database, clock: Clock) -> None:
        self._home = home
        self._database = database
        self._clock = clock
        self.lake = lru_cache(maxsize=256)(self._lake)
        self._taken: dict[str, TakenIds] = {}

    def _lake(self, merchant_id: str) -> Lake:
        return Lake(self._home.lake(merchant_id))

    def lake_in(self, tx: Transaction, merchant_id: str) -> Lake:
        """Return the lake, with everything that had been handed over to it by this transaction of the tail's.

        It raises ``LakeMissing`` when it is asked and has lost some of that.
        """
        return self.lake(merchant_id).at_least(tail.watermark(tx, merchant_id)[0])

    def accept(self, events: Sequence[NewEvent], letters: Sequence[DeadLetter] = ()) -> list[bool]:
        """Store the events that are new and keep ``letters``, durably, in one transaction.

        Says for each event whether it was new. A retry gives ``False`` for what the first attempt stored, whether
        that lies in the tail or in the lake.
        """
        horizon = self._clock.now() // DAY - SEEN_DAYS
        late = [tail.key_of(event) for event in events if event.dedup_day < horizon]
        while True:
            try:
                return self._accept(events, letters, late, horizon)
            except _Moved:
                continue

    def _accept(
        self,
        events: Sequence[NewEvent],
        letters: Sequence[DeadLetter],
        late: Sequence[tail.Key],
        horizon: int,
    ) -> list[bool]:
        known: set[tail.Key] = set()
        merchants = sorted({key[0] for key in late})
        before: dict[str, int] = {}
        if late:
            with self._database.tail.reading() as tx:
                before = {merchant_id: tail.watermark(tx, merchant_id)[0] for merchant_id in merchants}
            for merchant_id in merchants:
                keys = [(day, id_hash) for merchant, day, id_hash in late if merchant == merchant_id]
                lake = self.lake(merchant_id).at_least(before[merchant_id])
                known.update((merchant_id, *key) for key in lake.holds(keys))
        with self._database.tail.transaction() as tx:
            for merchant_id in merchants:
                if self._pinned_handover(tx, merchant_id) != before[merchant_id]:
                    raise _Moved
            dead_letters.add(tx, letters)
            if tx.dialect == "postgresql":
                return tail.accept(tx, events, known)
            return tail.accept(tx, events, known, partial(self._taken_among, horizon))

    def _taken_among(self, horizon: int, cursor: Any, keys: Iterable[tail.Key]) -> set[tail.Key]:
        wanted: dict[str, dict[int, list[bytes]]] = {}
        for merchant_id, day, id_hash in keys:
            wanted.setdefault(merchant_id, {}).setdefault(day, []).append(id_hash)
        return {
            (merchant_id, *key)
            for merchant_id, by_day in wanted.items()
            for key in self._taken.setdefault(merchant_id, TakenIds(merchant_id)).among(
                cursor, by_day, horizon
            )
        }

    def _pinned_handover(self, tx: Transaction, merchant_id: str) -> int:
        # FOR SHARE keeps a hand-over from finishing, and so from forgetting ids, until we have committed.
        lock = " FOR SHARE" if tx.dialect == "postgresql" else ""
        query = text(f"SELECT n FROM event_handover WHERE merchant_id = :m{lock}")  # noqa: S608 - a constant
        found = tx.conn.execute(query, {"m": merchant_id}).scalar()
        if found is None and lock:
            # Before the first hand-over there is no row to hold on to; without one it could finish beside us.
            tail.make_watermark(tx, merchant_id)
            found = tx.conn.execute(query, {"m": merchant_id}).scalar()
        return int(found or 0)

    def append(self, tx: Transaction, events: Sequence[NewEvent]) -> None:
        """Write events that belong to a state change, in its own transaction; see ``tail.append``."""
        tail.append(tx, events)

    def drain_beside(self, merchant_id: str) -> int:
        """Move events written beside the state on to the tail; returns how many. Safe to repeat at any moment."""
        if self._database.dialect == "postgresql":
            return 0
        with self._database.reading() as tx:
            if not tail.read_beside(tx, merchant_id, 1):
                return 0
        # In one transaction of the state's, so that nobody rewrites an event while it is on its way.
        with self._database.transaction() as tx:
            waiting = tail.read_beside(tx, merchant_id, BESIDE_BATCH)
            self.accept([event for _, event in waiting])
            tail.delete_beside(tx, merchant_id, [(number, event.id_hash) for number, event in waiting])
        return len(waiting)

    def read(self, merchant_id: str, after: Position, limit: int) -> list[LoggedEvent]:
        """Return at most ``limit`` events after a position, in order; empty only when the reader has caught up."""
        with self._database.tail.reading() as tx:
            done, moved = tail.watermark(tx, merchant_id)
            if after >= moved:
                return tail.read(tx, merchant_id, after, limit)
        found = self.lake(merchant_id).at_least(done).read(merchant_id, after, moved, limit)
        return found or self.read(merchant_id, moved, limit)

    def end(self, merchant_id: str) -> Position:
        """Return the position of the last event that readers may see."""
        with self._database.tail.reading() as tx:
            found = tail.newest(tx, merchant_id, "", None, None, 1)
            return found[0].position if found else tail.watermark(tx, merchant_id)[1]

    def latest_of(
        self,
        merchant_id: str,
        subjects: Collection[int],
        days: Collection[int],
        before: Moment | None,
        limit: int,
    ) -> list[LoggedEvent]:
        """Return at most ``limit`` events about ``subjects``, the latest first, after ``before``.

        ``days`` are the local days on which the lake may hold some; the tail is searched whole.
        """
        # The tail first: an event that is handed over meanwhile is then seen twice rather than not at all.
        with self._database.tail.reading() as tx:
            found = tail.latest_of(tx, merchant_id, subjects, before, limit)
            lake = self.lake_in(tx, merchant_id)
        found += lake.latest_of(merchant_id, subjects, days, before, limit)
        once = {event.moment: event for event in found}
        return [once[moment] for moment in sorted(once, reverse=True)[:limit]]

    def newest(
        self,
        merchant_id: str,
        *,
        type: str = "",
        day: int | None = None,
        before: Position | None = None,
        besides: Collection[str] = (),
        limit: int,
    ) -> list[LoggedEvent]:
        """Return at most ``limit`` events in the reverse order of the log, of one type or local day if asked.

        Those of the types ``besides`` are left out.
        """
        with self._database.tail.reading() as tx:
            found = tail.newest(tx, merchant_id, type, day, before, limit, besides)
            done, moved = tail.watermark(tx, merchant_id)
        if len(found) < limit and (moved != START or not found):
            found += (
                self.lake(merchant_id).at_least(done).newest(merchant_id, type, day, before, limit, besides)
            )
        once = {event.position: event for event in found}
        return [once[position] for position in sorted(once, reverse=True)[:limit]]

    def count(self, merchant_id: str) -> int:
        """Return how many events there are in tail and lake together."""
        return sum(self._together(merchant_id, Lake.count).values())

    def dead_letters(self, merchant_id: str) -> dict[str, int]:
        """Return how many rejected inputs there are, by state."""
        with self._database.tail.reading() as tx:
            return dead_letters.count(tx, merchant_id)

    def accounts(self, merchant_id: str) -> dict[str, int]:
        """Return how many events each enterprise account sent; those without one are under an empty name."""
        return self._together(merchant_id, Lake.accounts)

    def _together(
        self, merchant_id: str, of_lake: Callable[[Lake], tuple[dict[str, int], int]]
    ) -> dict[str, int]:
        """Add the tail's counts to the lake's, each event once although one may be in both during a hand-over.

        Raises ``LakeMissing``, and ``LakeAhead`` when the database does not come to know of what the lake holds.
        """
        for _ in range(_TRIES):
            with self._database.tail.reading() as tx:
                done, upto = tail.watermark(tx, merchant_id)
                plan = tail.plan(tx, merchant_id)
                counts, handover = of_lake(self.lake(merchant_id).at_least(done))
                if handover == done or (plan is not None and handover == plan[0]):
                    after = upto if plan is None or handover == done else plan[1]
                    for account, number in tail.accounts(tx, merchant_id, after).items():
                        counts[account] = counts.get(account, 0) + number
                    return counts
            sleep(_PAUSE)
        raise LakeAhead(path=str(self.lake(merchant_id).path))

    def peek(self, tx: Transaction, merchant_id: str, reader: str) -> Position:
        """Return how far a reader has come."""
        row = tx.conn.execute(
            text("SELECT epoch, number FROM event_reader WHERE merchant_id = :m AND reader = :r"),
            {"m": merchant_id, "r": reader},
        ).one_or_none()
        return START if row is None else Position(row[0], row[1])

    def position(self, tx: Transaction, merchant_id: str, reader: str) -> Position:
        """Return how far a reader has come, and keep others from moving it until the transaction ends."""
        if tx.dialect == "postgresql":
            tx.conn.execute(
                text("INSERT INTO event_reader VALUES (:m, :r, 0, 0, 0) ON CONFLICT DO NOTHING"),
                {"m": merchant_id, "r": reader},
            )
            tx.conn.execute(
                text("SELECT 1 FROM event_reader WHERE merchant_id = :m AND reader = :r FOR UPDATE"),
                {"m": merchant_id, "r": reader},
            )
        return self.peek(tx, merchant_id, reader)

    def advance(self, tx: Transaction, merchant_id: str, reader: str, to: Position) -> None:
        """Record how far a reader has come, in the transaction of its effect."""
        tx.conn.execute(
            text(
                "INSERT INTO event_reader (merchant_id, reader, epoch, number, updated_at) VALUES (:m, :r, :e, :n, :now)"
                " ON CONFLICT (merchant_id, reader) DO UPDATE"
                " SET epoch = excluded.epoch, number = excluded.number, updated_at = excluded.updated_at"
            ),
            {"m": merchant_id, "r": reader, "e": to.epoch, "n": to.number, "now": self._clock.now()},
        )

    def backlog(self, merchant_id: str) -> dict[str, int]:
        """Return the size of the tail: ``rows``, and ``oldest`` as the arrival instant of its first event (or 0)."""
        with self._database.tail.reading() as tx:
            rows, oldest = tx.conn.execute(
                text("SELECT count(*), min(received_at) FROM event_tail WHERE merchant_id = :m"),
                {"m": merchant_id},
            ).one()
        return {"rows": int(rows), "oldest": int(oldest or 0)}
