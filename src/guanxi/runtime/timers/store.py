"""SQL of timers.

``runtime_timer`` is ordered by when a timer has its turn, so that a set which fires lies together. That a key is there
only once is seen to by a unique index on PostgreSQL. On SQLite such an index would make every fired timer rewrite a
page of its own, since keys are in no order; there a *directory* says where each key's timer lies, and firing leaves its
entry behind: an entry that points at nothing counts for nothing, and every set that fires sweeps a stretch of them twice its own size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from guanxi.runtime.model import Reason
from guanxi.runtime.timers.model import PARKED, PENDING, NewTimer, ParkedTimer, Timer, TimerKey
from guanxi.storage.sets import cursor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from guanxi.runtime.model import Lane
    from guanxi.storage.database import Transaction

_TIMER = "merchant_id, kind, key, due_at, payload, attempts, next_at"
_ALL = f"{_TIMER}, state, failed_at, error_code, error_zh, error_en"
_ROW = "merchant_id = ? AND state = ? AND kind = ? AND next_at = ? AND key = ?"
_KEY = "merchant_id = ? AND kind = ? AND key = ?"
_SQLITE_INSERT = f"INSERT INTO runtime_timer ({_ALL}) VALUES ({', '.join('?' * 12)})"  # noqa: S608
_SQLITE_ENTER = (
    "INSERT INTO runtime_timer_key (merchant_id, kind, key, state, next_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (merchant_id, kind, key) DO UPDATE SET state = excluded.state, next_at = excluded.next_at"
)
_SAME_PLACE = "t.merchant_id = k.merchant_id AND t.state = k.state AND t.kind = k.kind AND t.next_at = k.next_at AND t.key = k.key"
_SQLITE_FIND = (
    "SELECT t.state, t.next_at, t.due_at, t.payload FROM runtime_timer_key k JOIN runtime_timer t"  # noqa: S608
    f" ON {_SAME_PLACE} WHERE k.merchant_id = ? AND k.kind = ? AND k.key = ?"
)
_SQLITE_STRETCH = (
    "SELECT count(*), max(key) FROM (SELECT key FROM runtime_timer_key"
    " WHERE merchant_id = ? AND kind = ? AND key > ? ORDER BY key LIMIT ?)"
)
_SQLITE_SWEEP = (
    "DELETE FROM runtime_timer_key AS k WHERE k.merchant_id = ? AND k.kind = ? AND k.key > ? AND k.key <= ?"  # noqa: S608
    f" AND NOT EXISTS (SELECT 1 FROM runtime_timer t WHERE {_SAME_PLACE})"
)
_DUE = f"merchant_id = ? AND state = '{PENDING}' AND kind = ? AND next_at <= ?"
_FIRST = f"SELECT {_TIMER} FROM runtime_timer WHERE {_DUE} ORDER BY next_at, key LIMIT ?"  # noqa: S608
_POSTGRESQL_SCHEDULE = (
    f"INSERT INTO runtime_timer ({_ALL}) SELECT m, k, y, d, p, 0, d, '{PENDING}', 0, '', '', ''"  # noqa: S608
    " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %b::bytea[]) AS new (m, k, y, d, p)"
    " ON CONFLICT (merchant_id, kind, key) DO UPDATE SET due_at = excluded.due_at, next_at = excluded.next_at,"
    " state = excluded.state, attempts = 0, payload = excluded.payload, failed_at = 0, error_code = '', error_zh = '',"
    " error_en = '' WHERE runtime_timer.due_at <> excluded.due_at OR runtime_timer.payload <> excluded.payload"
)
# A row that somebody else is firing, setting or cancelling is passed over. An array, because a subquery that locks may
# otherwise run once per row; ctid is safe on rows that we hold.
_POSTGRESQL_CLAIM = (
    f"DELETE FROM runtime_timer WHERE ctid = ANY (ARRAY (SELECT ctid FROM runtime_timer WHERE {_DUE}"  # noqa: S608
    f" ORDER BY next_at, key LIMIT ? FOR UPDATE SKIP LOCKED)) RETURNING {_TIMER}"
).replace("?", "%s")


def schedule(tx: Transaction, timers: Sequence[NewTimer]) -> None:
    """Insert timers; one that exists with another due time or payload starts afresh. Keys must be distinct."""
    if tx.dialect == "postgresql":
        # In one order everywhere, so that two that set the same timers wait for each other instead of deadlocking.
        columns = [list(column) for column in zip(*sorted(timers), strict=True)]
        cursor(tx).execute(_POSTGRESQL_SCHEDULE, columns)
        return
    there = _find(tx, (TimerKey(*timer[:3]) for timer in timers))
    changed = [timer for timer in timers if there.get(TimerKey(*timer[:3]), ())[2:] != timer[3:]]
    _remove(tx, {key: there[key] for timer in changed if (key := TimerKey(*timer[:3])) in there})
    _insert(
        tx,
        [(Timer(m, k, y, due, payload, 0, due), PENDING, 0, Reason()) for m, k, y, due, payload in changed],
    )


def cancel(tx: Transaction, keys: Sequence[TimerKey], *states: str) -> int:
    """Delete timers that are in one of ``states``; return how many there were."""
    if tx.dialect == "sqlite":
        found = _find(tx, keys)
        there = {key: place for key, place in found.items() if place[0] in states}
        _remove(tx, there)
        # Also the entry of one that has fired: a key that is cancelled is gone from everywhere.
        gone = [key for key in keys if key in there or key not in found]
        cursor(tx).executemany(f"DELETE FROM runtime_timer_key WHERE {_KEY}", gone)  # noqa: S608
        return len(there)
    statement = f"DELETE FROM runtime_timer WHERE {_KEY} AND state = ANY (?)".replace("?", "%s")  # noqa: S608
    return sum(cursor(tx).execute(statement, (*key, list(states))).rowcount for key in sorted(set(keys)))


def retry(tx: Transaction, keys: Sequence[TimerKey], now: int) -> int:
    """Make parked timers pending and due at ``now``; return how many were parked."""
    if tx.dialect == "postgresql":
        statement = (
            f"UPDATE runtime_timer SET state = '{PENDING}', attempts = 0, next_at = ?"  # noqa: S608
            f" WHERE {_KEY} AND state = '{PARKED}'"
        ).replace("?", "%s")
        return sum(cursor(tx).execute(statement, (now, *key)).rowcount for key in sorted(set(keys)))
    there = {key: place for key, place in _find(tx, keys).items() if place[0] == PARKED}
    cursor(tx).executemany(
        f"UPDATE runtime_timer SET state = '{PENDING}', attempts = 0, next_at = ? WHERE {_ROW}",  # noqa: S608
        [(now, *_row(key, place)) for key, place in there.items()],
    )
    cursor(tx).executemany(_SQLITE_ENTER, [(*key, PENDING, now) for key in there])
    return len(there)


def claim(tx: Transaction, lane: Lane, now: int, limit: int) -> list[Timer]:
    """Take at most ``limit`` due timers of a lane out of the table, the longest due first; ours alone until commit."""
    where = (lane.merchant_id, lane.kind, now)
    if tx.dialect == "postgresql":
        rows = cursor(tx).execute(_POSTGRESQL_CLAIM, (*where, limit)).fetchall()
        return sorted((Timer(*row) for row in rows), key=lambda timer: (timer.next_at, timer.key))
    # SQLite has one writer at a time, and BEGIN IMMEDIATE has made us that one.
    timers = [Timer(*row) for row in cursor(tx).execute(_FIRST, (*where, limit))]
    if timers:
        last = timers[-1]
        cursor(tx).execute(
            f"DELETE FROM runtime_timer WHERE {_DUE} AND (next_at < ? OR key <= ?)",  # noqa: S608
            (lane.merchant_id, lane.kind, last.next_at, last.next_at, last.key),
        )
    return timers


def sweep(tx: Transaction, lane: Lane, after: str, count: int) -> str:
    """Drop what points at nothing among ``count`` entries of a lane's directory behind the key ``after``.

    Returns the last key looked at, behind which the next stretch begins; "" when it was the end of the lane.
    """
    if tx.dialect == "postgresql":
        return ""
    where = (lane.merchant_id, lane.kind, after)
    looked, last = cursor(tx).execute(_SQLITE_STRETCH, (*where, count)).fetchone()
    if looked:
        cursor(tx).execute(_SQLITE_SWEEP, (*where, last))
    return last if looked == count else ""


def put_back(tx: Transaction, timers: Sequence[tuple[Timer, str, int, Reason]]) -> None:
    """Return claimed timers to the table with their state, instant of failure and reason.

    Where a handler has meanwhile set the same timer anew, the new one stands.
    """
    if tx.dialect == "sqlite":
        there = _find(tx, (timer.id for timer, *_ in timers))
        _insert(tx, [row for row in timers if row[0].id not in there])
    elif timers:
        cursor(tx).executemany(
            f"INSERT INTO runtime_timer ({_ALL}) VALUES ({', '.join(['%s'] * 12)})"  # noqa: S608
            " ON CONFLICT (merchant_id, kind, key) DO NOTHING",
            [_values(*row) for row in sorted(timers)],
        )


def due(tx: Transaction, lane: Lane, now: int, limit: int) -> list[Timer]:
    """Return at most ``limit`` due timers of a lane, the longest due first."""
    sql = _FIRST if tx.dialect == "sqlite" else _FIRST.replace("?", "%s")
    return [Timer(*row) for row in cursor(tx).execute(sql, (lane.merchant_id, lane.kind, now, limit))]


def parked(tx: Transaction, merchant_id: str, after: tuple[str, int, str], limit: int) -> list[ParkedTimer]:
    """Return parked timers after a (kind, next_at, key), in that order."""
    rows = tx.conn.execute(
        text(
            f"SELECT {_TIMER}, failed_at, error_code, error_zh, error_en FROM runtime_timer"  # noqa: S608
            f" WHERE merchant_id = :merchant_id AND state = '{PARKED}'"
            " AND (kind, next_at, key) > (:kind, :next_at, :key) ORDER BY kind, next_at, key LIMIT :limit"
        ),
        {
            "merchant_id": merchant_id,
            "kind": after[0],
            "next_at": after[1],
            "key": after[2],
            "limit": limit,
        },
    )
    return [ParkedTimer(Timer(*row[:7]), row[7], Reason(*row[8:])) for row in rows]


_Place = tuple[str, int, int, bytes]
"""State and next_at, which say where a timer lies; due_at and payload, which say whether it is the same."""


def _find(tx: Transaction, keys: Iterable[TimerKey]) -> dict[TimerKey, _Place]:
    driver = cursor(tx)
    found = ((key, driver.execute(_SQLITE_FIND, key).fetchone()) for key in keys)
    return {key: place for key, place in found if place is not None}


def _remove(tx: Transaction, there: dict[TimerKey, _Place]) -> None:
    cursor(tx).executemany(
        f"DELETE FROM runtime_timer WHERE {_ROW}",  # noqa: S608
        [_row(key, place) for key, place in there.items()],
    )


def _insert(tx: Transaction, timers: Sequence[tuple[Timer, str, int, Reason]]) -> None:
    cursor(tx).executemany(
        _SQLITE_ENTER, [(*timer[:3], state, timer.next_at) for timer, state, _, _ in timers]
    )
    cursor(tx).executemany(_SQLITE_INSERT, [_values(*row) for row in timers])


def _row(key: TimerKey, place: _Place) -> tuple[Any, ...]:
    return (key.merchant_id, place[0], key.kind, place[1], key.key)


def _values(timer: Timer, state: str, failed_at: int, reason: Reason) -> tuple[Any, ...]:
    return (*timer, state, failed_at, reason.code, reason.zh, reason.en)
