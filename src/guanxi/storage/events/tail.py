"""The hot end of the log: accepts events once each, in an order that readers can trust.

SQLite has one writer, so a number given inside its transaction is the order of commit. On PostgreSQL many writers
commit in any order; an event is placed by (transaction id, sequence number), and readers stop below the oldest
transaction still running (``pg_snapshot_xmin``), so that a late commit is never overtaken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from guanxi.storage.events.model import COLUMNS, LOGGED_COLUMNS, LoggedEvent, Moment, NewEvent, Position

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction

Key = tuple[str, int, bytes]
"""What makes an event the same event: merchant, dedup day, hash of its id."""

Taken = Callable[[Any, Iterable[Key]], Collection[Key]]
"""Says, on the cursor of a transaction that may write, which of the keys are taken."""

_ROW = ", ".join(COLUMNS)
_LOGGED = ", ".join(LOGGED_COLUMNS)
_SQLITE_SET = 100
"""Rows in one statement. The driver lets go of the interpreter for a statement, and must get it back after each."""

_SQLITE_BESIDE = f"INSERT INTO event_beside (number, {_ROW}) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"  # noqa: S608
_READ = {
    "sqlite": f"SELECT {_LOGGED} FROM event_tail WHERE merchant_id = ? AND epoch = 0 AND number > ? ORDER BY number LIMIT ?",  # noqa: S608
    "postgresql": (
        f"SELECT {_LOGGED} FROM event_tail WHERE merchant_id = %s AND (epoch, number) > (%s, %s)"  # noqa: S608
        " AND epoch < event_fence() ORDER BY epoch, number LIMIT %s"
    ),
}


def key_of(event: NewEvent) -> Key:
    """Return the key under which an event counts once."""
    return (event.merchant_id, event.dedup_day, event.id_hash)


def accept(
    tx: Transaction, events: Sequence[NewEvent], known: Collection[Key] = (), taken: Taken | None = None
) -> list[bool]:
    """Insert the events that are new; say for each whether it was. ``known`` ones are already in the lake.

    The transaction must be one on the tail store. An id that comes twice in ``events`` is taken once. On SQLite
    ``taken`` says which ids are; PostgreSQL, where several may write at once, asks its table of ids.
    """
    fresh: dict[Key, NewEvent] = {}
    first: list[bool] = []
    for event in events:
        key = key_of(event)
        first.append(key not in fresh and key not in known)
        fresh.setdefault(key, event)
    for key in known:
        fresh.pop(key, None)
    if not fresh:
        return first
    seen = taken(_cursor(tx), fresh) if taken is not None else _claim_on_postgresql(tx, fresh)
    for key in seen:
        del fresh[key]
    if fresh:
        rows = list(fresh.values())
        if tx.dialect == "sqlite":
            _insert_on_sqlite(tx, rows)
        else:
            _copy_on_postgresql(tx, rows)
    if not seen:
        return first
    return [is_first and key_of(event) not in seen for is_first, event in zip(first, events, strict=True)]


def _insert_on_sqlite(tx: Transaction, rows: Sequence[NewEvent]) -> None:
    cursor = _cursor(tx)
    by_merchant: defaultdict[str, list[NewEvent]] = defaultdict(list)
    for row in rows:
        by_merchant[row.merchant_id].append(row)
    for merchant_id, events in by_merchant.items():
        last = cursor.execute(
            "INSERT INTO event_head (merchant_id, number) VALUES (?, ?)"
            " ON CONFLICT (merchant_id) DO UPDATE SET number = number + excluded.number RETURNING number",
            (merchant_id, len(events)),
        ).fetchone()[0]
        start = last - len(events) + 1
        for first in range(0, len(events), _SQLITE_SET):
            some = events[first : first + _SQLITE_SET]
            values: list[Any] = []
            for number, event in enumerate(some, start + first):
                values.append(number)
                values += _values(event)
            cursor.execute(_sqlite_insert(len(some)), values)


@lru_cache(maxsize=_SQLITE_SET)
def _sqlite_insert(rows: int) -> str:
    row = f"(0, {', '.join('?' * (len(COLUMNS) + 1))})"
    return f"INSERT INTO event_tail (epoch, number, {_ROW}) VALUES {', '.join([row] * rows)}"  # noqa: S608


def _claim_on_postgresql(tx: Transaction, fresh: Iterable[Key]) -> set[Key]:
    # In one order everywhere: two writers that claim the same ids then wait for each other instead of deadlocking.
    keys = sorted(fresh)
    claimed = _cursor(tx).execute(
        "INSERT INTO event_seen (merchant_id, dedup_day, id_hash)"
        " SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bytea[])"
        " ON CONFLICT DO NOTHING RETURNING merchant_id, dedup_day, id_hash",
        [list(column) for column in zip(*keys, strict=True)],
        binary=True,
    )
    if claimed.rowcount == len(keys):
        return set()
    return set(keys).difference((merchant, day, bytes(id_hash)) for merchant, day, id_hash in claimed)


def _copy_on_postgresql(tx: Transaction, rows: Sequence[NewEvent]) -> None:
    types = (
        "text",
        "text",
        "bytea",
        "int8",
        "text",
        "int8",
        "int8",
        "int8",
        "int8",
        "text",
        "text",
        "int8",
        *("bytea",) * 3,
    )
    with _cursor(tx).copy(f"COPY event_tail ({_ROW}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(_values(row))


def _values(event: NewEvent) -> tuple[Any, ...]:
    return (
        event.merchant_id, event.event_id, event.id_hash, event.dedup_day, event.type, event.version, event.time,
        event.day, event.received_at, event.account, event.channel, event.subject, event.fragments, event.payload,
        event.sealed,
    )  # fmt: skip


def _cursor(tx: Transaction) -> Any:
    """Return the driver's own cursor: this is the hottest path there is."""
    connection: Any = tx.conn.connection.driver_connection
    return connection.cursor()


def append(tx: Transaction, events: Sequence[NewEvent]) -> None:
    """Write events that belong to a state change, in the state change's own transaction.

    On SQLite they wait beside the state until ``drain_beside`` moves them on: a transaction over two WAL files is
    not atomic across a crash.
    """
    if not events:
        return
    if tx.dialect == "postgresql":
        accept(tx, events)
        return
    cursor = _cursor(tx)
    by_merchant: defaultdict[str, list[NewEvent]] = defaultdict(list)
    for event in events:
        by_merchant[event.merchant_id].append(event)
    for merchant_id, theirs in by_merchant.items():
        last = cursor.execute(
            "SELECT coalesce(max(number), 0) FROM event_beside WHERE merchant_id = ?", (merchant_id,)
        ).fetchone()[0]
        cursor.executemany(
            _SQLITE_BESIDE, ((number, *_values(event)) for number, event in enumerate(theirs, last + 1))
        )


def read_beside(tx: Transaction, merchant_id: str, limit: int) -> list[tuple[int, NewEvent]]:
    """Return the oldest events that wait beside the state, with their queue numbers."""
    rows = _cursor(tx).execute(
        f"SELECT number, {_ROW} FROM event_beside WHERE merchant_id = ? ORDER BY number LIMIT ?",  # noqa: S608
        (merchant_id, limit),
    )
    return [(row[0], NewEvent(*row[1:])) for row in rows]


def delete_beside(tx: Transaction, merchant_id: str, numbers: Sequence[tuple[int, bytes]]) -> None:
    """Forget events that have reached the tail, named by queue number and id hash (numbers are used again)."""
    _cursor(tx).executemany(
        "DELETE FROM event_beside WHERE merchant_id = ? AND number = ? AND id_hash = ?",
        [(merchant_id, number, id_hash) for number, id_hash in numbers],
    )


def read(tx: Transaction, merchant_id: str, after: Position, limit: int) -> list[LoggedEvent]:
    """Return at most ``limit`` committed events after a position, in order; what is not safe to pass is left out."""
    where = (merchant_id, after.number, limit) if tx.dialect == "sqlite" else (merchant_id, *after, limit)
    return [LoggedEvent(*row) for row in _cursor(tx).execute(_READ[tx.dialect], where)]


def between(tx: Transaction, merchant_id: str, after: Position, upto: Position) -> list[LoggedEvent]:
    """Return the events behind one position and not behind another, in order."""
    sql = (
        f"SELECT {_LOGGED} FROM event_tail WHERE merchant_id = ? AND (epoch, number) > (?, ?)"  # noqa: S608
        " AND (epoch, number) <= (?, ?) ORDER BY epoch, number"
    )
    return _logged(tx, sql, (merchant_id, *after, *upto))


def make_watermark(tx: Transaction, merchant_id: str) -> None:
    """Make the row that ``watermark`` reads, for a merchant that has none."""
    tx.conn.execute(
        text("INSERT INTO event_handover VALUES (:m, 0, 0, 0) ON CONFLICT DO NOTHING"), {"m": merchant_id}
    )


def watermark(tx: Transaction, merchant_id: str) -> tuple[int, Position]:
    """Return the number of the last finished hand-over and the position up to which it moved events."""
    row = tx.conn.execute(
        text("SELECT n, upto_epoch, upto_number FROM event_handover WHERE merchant_id = :m"),
        {"m": merchant_id},
    ).one_or_none()
    return (0, Position(0, 0)) if row is None else (row[0], Position(row[1], row[2]))


def latest_of(
    tx: Transaction, merchant_id: str, subjects: Collection[int], before: Moment | None, limit: int
) -> list[LoggedEvent]:
    """Return events about one of ``subjects``, the latest first, that come after ``before``.

    There is no index by subject, because every arriving event would pay for it; the tail is short.
    """
    if not subjects:
        return []
    where = f"merchant_id = ? AND subject IN ({', '.join(str(one) for one in sorted(set(subjects)))})"
    params: list[Any] = [merchant_id]
    if before is not None:
        where += " AND (time, epoch, number) < (?, ?, ?)"
        params += before
    sql = (
        f"SELECT {_LOGGED} FROM event_tail WHERE {where} ORDER BY time DESC, epoch DESC, number DESC LIMIT ?"  # noqa: S608
    )
    return _logged(tx, sql, [*params, limit])


def newest(
    tx: Transaction,
    merchant_id: str,
    type: str,
    day: int | None,
    before: Position | None,
    limit: int,
    besides: Collection[str] = (),
) -> list[LoggedEvent]:
    """Return events in the reverse order of the log; ``type`` and ``day`` narrow them unless empty or ``None``.

    Those of the types ``besides`` are left out.
    """
    where = "merchant_id = ?"
    params: list[Any] = [merchant_id]
    if type:
        where += " AND type = ?"
        params += [type]
    if day is not None:
        where += " AND day = ?"
        params += [day]
    if before is not None:
        where += " AND (epoch < ? OR (epoch = ? AND number < ?))"
        params += [before.epoch, *before]
    if besides:
        where += f" AND type NOT IN ({', '.join('?' * len(besides))})"
        params += besides
    sql = f"SELECT {_LOGGED} FROM event_tail WHERE {where} ORDER BY epoch DESC, number DESC LIMIT ?"  # noqa: S608
    return _logged(tx, sql, [*params, limit])


def _logged(tx: Transaction, sql: str, params: Sequence[Any]) -> list[LoggedEvent]:
    if tx.dialect == "postgresql":
        sql = sql.replace("?", "%s")
    return [LoggedEvent(*row) for row in _cursor(tx).execute(sql, params)]


def accounts(tx: Transaction, merchant_id: str, after: Position) -> dict[str, int]:
    """Return how many events after a position each enterprise account sent."""
    rows = tx.conn.execute(
        text(
            "SELECT account, count(*) FROM event_tail"
            " WHERE merchant_id = :m AND (epoch > :e OR (epoch = :e AND number > :n)) GROUP BY account"
        ),
        {"m": merchant_id, "e": after.epoch, "n": after.number},
    )
    return {account: int(count) for account, count in rows}


def plan(tx: Transaction, merchant_id: str) -> tuple[int, Position] | None:
    """Return the number of the hand-over under way and the position up to which it moves events."""
    row = tx.conn.execute(
        text("SELECT n, upto_epoch, upto_number FROM event_handover_plan WHERE merchant_id = :m"),
        {"m": merchant_id},
    ).one_or_none()
    return None if row is None else (row[0], Position(row[1], row[2]))
