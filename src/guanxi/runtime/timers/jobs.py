"""Firing: due timers of one lane become effects, a set per transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from guanxi.runtime import store as shared
from guanxi.runtime.decide import isolate
from guanxi.runtime.model import NOTHING, DueLane, Lane, NoHandler, Reason
from guanxi.runtime.rotation import Rotation
from guanxi.runtime.timers import store
from guanxi.runtime.timers.model import BACKOFF, PARKED, PENDING, Timer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.runtime.decide import Backoff
    from guanxi.runtime.timers.service import Handler, Handlers
    from guanxi.storage.database import Database, Transaction

SET = 1_000
"""Timers in one transaction: more would hold SQLite's one write lock for longer than a request should wait."""

MOST_POISONED = 50
"""Timers of one set that may fail alone before the rest of the set is left for the next turn."""

_log = structlog.get_logger(__name__)


class TimerJob:
    """Fires due timers, one set a turn.

    Fair: every (merchant, kind) that has something due gets one set before any gets its second. Exactly once: timers
    are deleted in the transaction of their effect, so a worker killed at any moment leaves either both or neither.
    Several workers may run at once; on PostgreSQL they take different timers of the same lane (``SKIP LOCKED``), on
    SQLite they take turns. A clock that is set back only delays.
    """

    def __init__(
        self, database: Database, handlers: Handlers, *, set_size: int = SET, backoff: Backoff = BACKOFF
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._set_size = set_size
        self._backoff = backoff
        self._swept: dict[Lane, str] = {}
        self._rotation = Rotation(self._look, self._fire)
        self.run_once = self._rotation.turn
        self.round = self._rotation.round
        self.lag = self._rotation.lag

    def _look(self, now: int) -> list[DueLane]:
        with self._database.reading() as tx:
            lanes = shared.lanes(tx, "runtime_timer", "kind", PENDING)
        return [lane for lane in lanes if lane.earliest <= now]

    def _fire(self, lane: Lane, now: int) -> int:
        with self._database.transaction() as tx:
            timers = store.claim(tx, lane, now, self._set_size)
            handler = self._handlers.get(lane.kind)
            if handler is None:
                reason = Reason.of(NoHandler(kind=lane.kind))
                store.put_back(tx, [(timer, PARKED, now, reason) for timer in timers])
                failed = [(timer, reason) for timer in timers]
                left = 0
            else:
                failed, left = self._apply(tx, handler, timers, now)
            if timers:
                # From where one of these was at first, then on and on and around: nothing is passed over for ever.
                after = self._swept.get(lane, timers[0].key)
                self._swept[lane] = store.sweep(tx, lane, after, 2 * len(timers))
        for timer, reason in failed:
            _log.warning("timer_failed", **timer.id._asdict(), reason=reason.en)
        return len(timers) - left

    def _apply(
        self, tx: Transaction, handler: Handler, timers: Sequence[Timer], now: int
    ) -> tuple[list[tuple[Timer, Reason]], int]:
        def attempt(part: Sequence[Timer]) -> None:
            with tx.savepoint():
                handler(tx, part, now)

        result = isolate(timers, attempt, MOST_POISONED)
        failed = [(timer, Reason.of(error)) for timer, error in result.poisoned]
        store.put_back(
            tx,
            [
                *((*self._after_failure(timer, now), now, reason) for timer, reason in failed),
                *((timer, PENDING, 0, NOTHING) for timer in result.untried),
            ],
        )
        return failed, len(result.untried)

    def _after_failure(self, timer: Timer, now: int) -> tuple[Timer, str]:
        failed = timer.attempts + 1
        if self._backoff.exhausted(failed):
            return timer._replace(attempts=failed), PARKED
        return timer._replace(attempts=failed, next_at=now + self._backoff.delay(failed)), PENDING


def fire(database: Database, handlers: Handlers, now: int) -> int:
    """Fire one set of every merchant's and kind's due timers; return how many were fired or set aside."""
    return TimerJob(database, handlers).round(now)
