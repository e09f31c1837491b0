"""How many events came in lately, by account and channel: from the tail, and from what of the lake is young enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from sqlalchemy import text

from guanxi.kernel.clock import DAY, HOUR, MILLISECOND, MINUTE
from guanxi.storage.events import tail

if TYPE_CHECKING:
    from pathlib import Path

    from guanxi.storage.database import Database
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.events.model import Position


class Arrivals(NamedTuple):
    """Events of one account and channel accepted within the last minute, hour and day; ``last`` is an instant."""

    account: str
    channel: str
    minute: int
    hour: int
    day: int
    last: int


def arrivals(database: Database, log: EventLog, merchant_id: str, now: int) -> list[Arrivals]:
    """Count a merchant's events of the last 24 hours by account and channel, the busiest first.

    An event counts when it was received, not when it happened. Reads the tail on one snapshot and then the lake up to
    that snapshot's watermark, so that an event being handed over is counted once.
    """
    since = now - DAY
    bounds = {"m": merchant_id, "minute": now - MINUTE, "hour": now - HOUR, "day": since}
    with database.tail.reading() as tx:
        _, moved = tail.watermark(tx, merchant_id)
        rows = tx.conn.execute(
            text(
                "SELECT account, channel, sum(CASE WHEN received_at > :minute THEN 1 ELSE 0 END),"
                " sum(CASE WHEN received_at > :hour THEN 1 ELSE 0 END), count(*), max(received_at)"
                " FROM event_tail WHERE merchant_id = :m AND received_at > :day GROUP BY account, channel"
            ),
            bounds,
        ).all()
    found: dict[tuple[str, str], Arrivals] = {}
    for row in (*rows, *_from_lake(log.lake(merchant_id).path, now, moved)):
        one = Arrivals(row[0], row[1], *(int(value) for value in row[2:]))
        before = found.get(one[:2])
        if before is not None:
            summed = (a + b for a, b in zip(before[2:5], one[2:5], strict=True))
            one = Arrivals(one.account, one.channel, *summed, max(before.last, one.last))
        found[one[:2]] = one
    return sorted(found.values(), key=lambda one: (-one.day, one.account, one.channel))


def _from_lake(path: Path, now: int, upto: Position) -> list[tuple[str, str, int, int, int, int]]:
    try:
        actions = pa.table(DeltaTable(str(path)).get_add_actions(flatten=True))
    except TableNotFoundError:
        return []
    # A file holds nothing received after it was written, so only the young ones are opened.
    written = zip(actions["path"].to_pylist(), actions["modification_time"].to_pylist(), strict=True)
    files = [str(path / name) for name, at in written if at * MILLISECOND > now - DAY]
    if not files:
        return []
    with duckdb.connect() as con:
        return con.execute(
            "SELECT account, channel, count(*) FILTER (WHERE came > $minute), count(*) FILTER (WHERE came > $hour), count(*), max(came)"
            " FROM (SELECT account, channel, epoch_us(received_at) AS came FROM read_parquet($files)"
            " WHERE epoch < $e OR (epoch = $e AND number <= $n)) WHERE came > $day GROUP BY account, channel",
            {
                "files": files,
                "minute": now - MINUTE,
                "hour": now - HOUR,
                "day": now - DAY,
                "e": upto.epoch,
                "n": upto.number,
            },
        ).fetchall()
