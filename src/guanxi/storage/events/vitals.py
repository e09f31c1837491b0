"""How the event log of a merchant fares: what came in lately, what waits for its reader, how the lake lies on disk."""

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
    for account, channel, *numbers in (*rows, *_from_lake(log.lake(merchant_id).path, now, moved)):
        minute, hour, day, last = (int(number) for number in numbers)
        before = found.get((account, channel), Arrivals(account, channel, 0, 0, 0, 0))
        found[account, channel] = Arrivals(
            account,
            channel,
            before.minute + minute,
            before.hour + hour,
            before.day + day,
            max(before.last, last),
        )
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


class Waiting(NamedTuple):
    """Events that a reader has not taken in: how many, and when the first of them arrived (0 if there is none)."""

    rows: int
    since: int


def waiting(database: Database, log: EventLog, merchant_id: str, reader: str) -> Waiting:
    """Return what lies in the tail behind a reader's offset."""
    with database.reading() as tx:
        at = log.peek(tx, merchant_id, reader)
    with database.tail.reading() as tx:
        rows, since = tx.conn.execute(
            text(
                "SELECT count(*), min(received_at) FROM event_tail"
                " WHERE merchant_id = :m AND (epoch > :e OR (epoch = :e AND number > :n))"
            ),
            {"m": merchant_id, "e": at.epoch, "n": at.number},
        ).one()
    return Waiting(int(rows), int(since or 0))


def is_afresh(database: Database, log: EventLog, merchant_id: str, reader: str) -> bool:
    """Say whether a reader is reading the past again: it has yet to come to what it once saw into the lake."""
    # The watermark first: a hand-over moves it only as far as readers have come.
    with database.tail.reading() as tx:
        _, moved = tail.watermark(tx, merchant_id)
    with database.reading() as tx:
        return log.peek(tx, merchant_id, reader) < moved


class LakeState(NamedTuple):
    """A lake from outside: its files, their size in bytes, and when the last was written (0 if there is none)."""

    files: int
    size: int
    written_at: int


def lake_state(log: EventLog, merchant_id: str) -> LakeState:
    """Return how a merchant's lake lies on disk."""
    try:
        actions = pa.table(DeltaTable(str(log.lake(merchant_id).path)).get_add_actions(flatten=True))
    except TableNotFoundError:
        return LakeState(0, 0, 0)
    written = max(actions["modification_time"].to_pylist(), default=0)
    return LakeState(len(actions), sum(actions["size_bytes"].to_pylist()), written * MILLISECOND)


def check_lake(database: Database, log: EventLog, merchant_id: str) -> None:
    """Raise ``LakeMissing`` when the lake has lost what was handed over to it; reads its log, and none of its files."""
    with database.tail.reading() as tx:
        lake = log.lake_in(tx, merchant_id)
    lake.check()


def is_lake_further(database: Database, log: EventLog, merchant_id: str) -> bool:
    """Say whether the lake holds a hand-over that the database has yet to plan: they are not of one backup."""
    # The lake first: a hand-over that goes on meanwhile is then behind what the database says, and not ahead of it.
    handover = log.lake(merchant_id).snapshot().handover
    with database.tail.reading() as tx:
        done, _ = tail.watermark(tx, merchant_id)
        plan = tail.plan(tx, merchant_id)
    return handover > (done if plan is None else plan[0])
