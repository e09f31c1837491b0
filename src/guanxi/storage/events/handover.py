"""Hands the tail over to the lake: every event is in one of the two at any moment, never in both, never in neither.

Three steps, each of which may be the last before a crash:

1. write down the plan: hand-over ``n`` will move everything up to a position;
2. append these events to the lake in one Delta commit that carries ``n``;
3. in one transaction delete them from the tail, forget ids that the lake now answers for, and set the watermark.

After a crash the plan says what was under way, and the lake says whether step 2 happened. What lies between watermark
and plan cannot change meanwhile: readers have passed it, so every transaction that could have written there is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import text

from guanxi.kernel.clock import DAY
from guanxi.storage import sets
from guanxi.storage.events import ids, tail
from guanxi.storage.events.log import SEEN_DAYS
from guanxi.storage.events.model import LoggedEvent, Position

if TYPE_CHECKING:
    from guanxi.kernel.clock import Clock
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.locks import Locks

Reseal = Callable[[str, Sequence[LoggedEvent]], list[bytes]]
"""Returns the personal parts of a merchant's events, sealed under the keys of their persons."""

BATCH = 100_000


class Handover:
    """Moves events from the tail to the lake."""

    def __init__(self, database: Database, log: EventLog, locks: Locks, reseal: Reseal, clock: Clock) -> None:
        self._database = database
        self._log = log
        self._locks = locks
        self._reseal = reseal
        self._clock = clock

    def run(self, merchant_id: str, readers: Sequence[str], *, limit: int = BATCH) -> int:
        """Finish what was under way, then move at most ``limit`` events that all ``readers`` have passed.

        Returns how many events were moved; 0 when there is nothing to move or another process is at it. Raises
        ``LakeMissing``, and nothing leaves the tail, when the lake has lost earlier ones.
        """
        limit = min(limit, BATCH)  # what a plan names is read in one piece when it is carried out
        with self._locks.hold(f"lake/{merchant_id}", wait=False) as mine:
            if not mine:
                return 0
            moved = self._finish(merchant_id)
            upto = self._passed(merchant_id, readers)
            if self._plan(merchant_id, upto, limit):
                moved += self._finish(merchant_id)
            return moved

    def recover(self, merchant_id: str) -> int:
        """Finish a hand-over that a crash interrupted; whoever rewrites the lake calls this first, under its lock."""
        return self._finish(merchant_id)

    def _passed(self, merchant_id: str, readers: Sequence[str]) -> Position:
        with self._database.main.reading() as tx:
            return min(self._offset(tx, merchant_id, reader) for reader in readers)

    def _offset(self, tx: Transaction, merchant_id: str, reader: str) -> Position:
        row = tx.conn.execute(
            text("SELECT epoch, number FROM event_reader WHERE merchant_id = :m AND reader = :r"),
            {"m": merchant_id, "r": reader},
        ).one_or_none()
        return Position(0, 0) if row is None else Position(row[0], row[1])

    def _plan(self, merchant_id: str, upto: Position, limit: int) -> bool:
        with self._database.tail.transaction() as tx:
            n, done = tail.watermark(tx, merchant_id)
            last = tx.conn.execute(
                text(
                    "SELECT epoch, number FROM event_tail WHERE merchant_id = :m"
                    " AND (epoch < :e OR (epoch = :e AND number <= :n))"
                    " ORDER BY epoch, number LIMIT 1 OFFSET :skip"
                ),
                {"m": merchant_id, "e": upto.epoch, "n": upto.number, "skip": limit - 1},
            ).one_or_none()
            upto = upto if last is None else Position(last[0], last[1])
            if upto <= done:
                return False
            tx.conn.execute(
                text(
                    "INSERT INTO event_handover_plan (merchant_id, n, upto_epoch, upto_number) VALUES (:m, :n, :e, :u)"
                ),
                {"m": merchant_id, "n": n + 1, "e": upto.epoch, "u": upto.number},
            )
            return True

    def _finish(self, merchant_id: str) -> int:
        with self._database.tail.reading() as tx:
            plan = tx.conn.execute(
                text("SELECT n, upto_epoch, upto_number FROM event_handover_plan WHERE merchant_id = :m"),
                {"m": merchant_id},
            ).one_or_none()
            if plan is None:
                return 0
            n, upto = int(plan[0]), Position(plan[1], plan[2])
            # One that has lost what it was given must not begin again as if nothing had been there.
            lake = self._log.lake_in(tx, merchant_id)
            events: list[LoggedEvent] = []
            if lake.snapshot().handover < n:
                _, done = tail.watermark(tx, merchant_id)
                events = tail.between(tx, merchant_id, done, upto)
        if events:
            lake.append(events, n, self._reseal(merchant_id, events))
        with self._database.tail.transaction() as tx:
            return self._settle(tx, merchant_id, n, upto)

    def _settle(self, tx: Transaction, merchant_id: str, n: int, upto: Position) -> int:
        # A day less than writers look up: one that read the clock before midnight may write after it.
        horizon = self._clock.now() // DAY - SEEN_DAYS - 1
        where = {"m": merchant_id, "n": n, "e": upto.epoch, "u": upto.number, "horizon": horizon}
        tx.conn.execute(
            text(
                "INSERT INTO event_handover (merchant_id, n, upto_epoch, upto_number) VALUES (:m, :n, :e, :u)"
                " ON CONFLICT (merchant_id) DO UPDATE"
                " SET n = excluded.n, upto_epoch = excluded.upto_epoch, upto_number = excluded.upto_number"
            ),
            where,
        )
        if tx.dialect == "sqlite":
            ids.leave_behind(sets.cursor(tx), merchant_id, n, upto.number, horizon)
        moved = tx.conn.execute(
            text(
                "DELETE FROM event_tail WHERE merchant_id = :m AND (epoch < :e OR (epoch = :e AND number <= :u))"
            ),
            where,
        ).rowcount
        if tx.dialect == "postgresql":
            self._forget_ids(tx, where)
        tx.conn.execute(text("DELETE FROM event_handover_plan WHERE merchant_id = :m"), {"m": merchant_id})
        return int(moved)

    def _forget_ids(self, tx: Transaction, where: dict[str, object]) -> None:
        """Forget ids whose day has passed the horizon: the lake answers for them now, unless their event is still here."""
        still_here = tx.conn.execute(
            text("SELECT dedup_day, id_hash FROM event_tail WHERE merchant_id = :m AND dedup_day < :horizon"),
            where,
        ).all()
        tx.conn.execute(text("DELETE FROM event_seen WHERE merchant_id = :m AND dedup_day < :horizon"), where)
        if still_here:
            tx.conn.execute(
                text("INSERT INTO event_seen (merchant_id, dedup_day, id_hash) VALUES (:m, :day, :id_hash)"),
                [{"m": where["m"], "day": day, "id_hash": id_hash} for day, id_hash in still_here],
            )
