"""SQL of timers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from guanxi.runtime.model import Reason
from guanxi.runtime.store import cursor
from guanxi.runtime.timers.model import PARKED, PENDING, NewTimer, ParkedTimer, Timer, TimerKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.runtime.model import Lane
    from guanxi.storage.database import Transaction

_TIMER = "merchant_id, kind, key, due_at, payload, attempts, next_at"
_ALL = "merchant_id, kind, key, due_at, next_at, state, attempts, payload, failed_at, error_code, error_zh, error_en"
_AGAIN = (
    " ON CONFLICT (merchant_id, kind, key) DO UPDATE SET due_at = excluded.due_at, next_at = excluded.next_at,"
    " state = excluded.state, attempts = 0, payload = excluded.payload, failed_at = 0, error_code = '', error_zh = '',"
    " error_en = '' WHERE runtime_timer.due_at <> excluded.due_at OR runtime_timer.payload <> excluded.payload"
)
_SCHEDULE = {
    "sqlite": (
        f"INSERT INTO runtime_timer ({_ALL}) VALUES (?, ?, ?, ?, ?, '{PENDING}', 0, ?, 0, '', '', ''){_AGAIN}"  # noqa: S608
    ),
    "postgresql": (
        f"INSERT INTO runtime_timer ({_ALL})"  # noqa: S608
        f" SELECT m, k, y, d, d, '{PENDING}', 0, p, 0, '', '', ''"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %b::bytea[]) AS new (m, k, y, d, p)"
        f"{_AGAIN}"
    ),
}
_DUE = "merchant_id = ? AND state = 'pending' AND kind = ? AND next_at <= ? ORDER BY next_at LIMIT ?"
_DUE_ON_POSTGRESQL = _DUE.replace("?", "%s")
_CLAIM = {
    # SQLite has one writer at a time and BEGIN IMMEDIATE has made us that one.
    "sqlite": (
        "DELETE FROM runtime_timer WHERE (merchant_id, kind, key) IN ("  # noqa: S608
        f" SELECT merchant_id, kind, key FROM runtime_timer WHERE {_DUE}"
        f") RETURNING {_TIMER}"
    ),
    # A row that somebody else is firing, setting or cancelling is passed over. An array, because a subquery that
    # locks may otherwise run once per row; ctid is safe on rows that we hold.
    "postgresql": (
        "DELETE FROM runtime_timer WHERE ctid = ANY (ARRAY ("  # noqa: S608
        f" SELECT ctid FROM runtime_timer WHERE {_DUE_ON_POSTGRESQL} FOR UPDATE SKIP LOCKED"
        f")) RETURNING {_TIMER}"
    ),
}


def schedule(tx: Transaction, timers: Sequence[NewTimer]) -> None:
    """Insert timers; one that exists with another due time or payload starts afresh. Keys must be distinct."""
    if tx.dialect == "sqlite":
        cursor(tx).executemany(
            _SCHEDULE["sqlite"], [(m, kind, key, due, due, payload) for m, kind, key, due, payload in timers]
        )
    else:
        # In one order everywhere, so that two that set the same timers wait for each other instead of deadlocking.
        columns = [list(column) for column in zip(*sorted(timers), strict=True)]
        cursor(tx).execute(_SCHEDULE["postgresql"], columns)


def cancel(tx: Transaction, keys: Sequence[TimerKey], state: str | None = None) -> int:
    """Delete timers, in ``state`` only if one is named; return how many there were."""
    where = "" if state is None else " AND state = :state"
    statement = text(
        f"DELETE FROM runtime_timer WHERE merchant_id = :merchant_id AND kind = :kind AND key = :key{where}"  # noqa: S608
    )
    found = 0
    for key in sorted(set(keys)):
        found += tx.conn.execute(statement, {**key._asdict(), "state": state}).rowcount
    return found


def claim(tx: Transaction, lane: Lane, now: int, limit: int) -> list[Timer]:
    """Take at most ``limit`` due timers of a lane out of the table, the longest due first; ours alone until commit."""
    rows = cursor(tx).execute(_CLAIM[tx.dialect], (lane.merchant_id, lane.kind, now, limit)).fetchall()
    timers = [Timer(*row) for row in rows]
    timers.sort(key=lambda timer: (timer.next_at, timer.key))
    return timers


def put_back(tx: Transaction, timers: Sequence[tuple[Timer, str, int, Reason]]) -> None:
    """Return claimed timers to the table with their state, instant of failure and reason.

    Where a handler has meanwhile set the same timer anew, the new one stands.
    """
    if not timers:
        return
    tx.conn.execute(
        text(
            f"INSERT INTO runtime_timer ({_ALL}) VALUES (:merchant_id, :kind, :key, :due_at, :next_at, :state,"  # noqa: S608
            " :attempts, :payload, :failed_at, :error_code, :error_zh, :error_en)"
            " ON CONFLICT (merchant_id, kind, key) DO NOTHING"
        ),
        [
            {
                **timer._asdict(),
                "state": state,
                "failed_at": failed_at,
                "error_code": reason.code,
                "error_zh": reason.zh,
                "error_en": reason.en,
            }
            for timer, state, failed_at, reason in sorted(timers)
        ],
    )


def due(tx: Transaction, lane: Lane, now: int, limit: int) -> list[Timer]:
    """Return at most ``limit`` due timers of a lane, the longest due first."""
    where = _DUE if tx.dialect == "sqlite" else _DUE_ON_POSTGRESQL
    rows = cursor(tx).execute(
        f"SELECT {_TIMER} FROM runtime_timer WHERE {where}",  # noqa: S608
        (lane.merchant_id, lane.kind, now, limit),
    )
    return [Timer(*row) for row in rows]


def parked(tx: Transaction, merchant_id: str, after: tuple[str, int, str], limit: int) -> list[ParkedTimer]:
    """Return parked timers after a (kind, due_at, key), in that order."""
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


def retry(tx: Transaction, keys: Sequence[TimerKey], now: int) -> int:
    """Make parked timers pending and due at ``now``; return how many were parked."""
    statement = text(
        f"UPDATE runtime_timer SET state = '{PENDING}', attempts = 0, next_at = :now"  # noqa: S608
        f" WHERE merchant_id = :merchant_id AND kind = :kind AND key = :key AND state = '{PARKED}'"
    )
    return sum(
        tx.conn.execute(statement, {**key._asdict(), "now": now}).rowcount for key in sorted(set(keys))
    )
