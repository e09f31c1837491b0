"""Setting, cancelling and looking after timers, on an open transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from guanxi.kernel.errors import InvalidInput, TooLarge
from guanxi.runtime import store as shared
from guanxi.runtime.timers import store
from guanxi.runtime.timers.model import (
    KEY_LIMIT,
    KIND_LIMIT,
    PARKED,
    PAYLOAD_LIMIT,
    PENDING,
    NewTimer,
    ParkedTimer,
    Timer,
    TimerCounts,
    TimerKey,
)
from guanxi.storage.database import Transaction

Handler: TypeAlias = Callable[[Transaction, Sequence[Timer], int], None]
"""``handler(tx, timers, now)`` makes a set of due timers take effect, on the transaction that removes them.

The timers are of one merchant and one kind, the longest due first, and are already gone from the table: a handler may
set the same key anew. If it raises, all that it did on ``tx`` is undone and it is called again with smaller sets, until
the timers that fail stand alone. It must do nothing outside ``tx`` (write to the outbox instead) and not commit.
"""

Handlers: TypeAlias = Mapping[str, Handler]
"""What to do with each kind of timer."""

_BATCH = 10_000
_INSTANTS = range(-(1 << 63), 1 << 63)


def schedule(tx: Transaction, timers: Sequence[NewTimer]) -> None:
    """Set timers.

    Setting the same timer again changes nothing, also when it has failed or was parked meanwhile; the same key with
    another due time or payload replaces it and starts afresh. Of one key that comes twice the last counts.

    Raises ``InvalidInput`` for an empty or overlong kind or key, or a due time beyond 64 bits, and ``TooLarge`` for a
    payload above 64 KiB.
    """
    distinct: dict[tuple[str, str, str], NewTimer] = {}
    for timer in timers:
        _check(timer)
        distinct[timer[:3]] = timer
    rows = list(distinct.values())
    for start in range(0, len(rows), _BATCH):
        store.schedule(tx, rows[start : start + _BATCH])


def cancel(tx: Transaction, keys: Sequence[TimerKey]) -> int:
    """Cancel timers, waiting or parked; return how many there still were."""
    return store.cancel(tx, keys, PENDING, PARKED)


def due(tx: Transaction, merchant_id: str, now: int, limit: int) -> list[Timer]:
    """Return what of a merchant's is due at ``now``: at most ``limit`` of each kind, the longest due first."""
    found: list[Timer] = []
    for lane, earliest, _ in shared.lanes(tx, "runtime_timer", "kind", PENDING):
        if lane.merchant_id == merchant_id and earliest <= now:
            found += store.due(tx, lane, now, limit)
    return found


def parked(
    tx: Transaction, merchant_id: str, *, after: ParkedTimer | None = None, limit: int
) -> list[ParkedTimer]:
    """Return a merchant's parked timers by kind and due time, a page that begins behind ``after``."""
    last = ("", 0, "") if after is None else (after.timer.kind, after.timer.next_at, after.timer.key)
    return store.parked(tx, merchant_id, last, limit)


def retry(tx: Transaction, keys: Sequence[TimerKey], now: int) -> int:
    """Let parked timers be tried again at once, with a fresh count of attempts; return how many were parked."""
    return store.retry(tx, keys, now)


def drop(tx: Transaction, keys: Sequence[TimerKey]) -> int:
    """Forget parked timers; return how many were parked. One that waits is not dropped: see ``cancel``."""
    return store.cancel(tx, keys, PARKED)


def counts(tx: Transaction, merchant_id: str) -> TimerCounts:
    """Return how many timers of a merchant wait and how many are parked."""
    found = shared.count(tx, "runtime_timer", merchant_id)
    return TimerCounts(found.get(PENDING, 0), found.get(PARKED, 0))


def _check(timer: NewTimer) -> None:
    for name, value, limit in (("kind", timer.kind, KIND_LIMIT), ("key", timer.key, KEY_LIMIT)):
        if not 0 < len(value) <= limit or "\x00" in value:
            raise InvalidInput(
                reason_zh=f"定时器的 {name} 应为 1–{limit} 个字符",
                reason_en=f"a timer's {name} is 1–{limit} characters",
            )
    if timer.due_at not in _INSTANTS:
        raise InvalidInput(
            reason_zh="定时器的到期时间超出范围", reason_en="a timer's due time is out of range"
        )
    if len(timer.payload) > PAYLOAD_LIMIT:
        raise TooLarge(what="payload", size=len(timer.payload), limit=PAYLOAD_LIMIT)
