"""The whole log at one position, for questions about everybody: the lake's files and what still lies in the tail."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from guanxi.storage.events import tail
from guanxi.storage.events.lake_rows import to_arrow
from guanxi.storage.events.model import Position

if TYPE_CHECKING:
    import pyarrow as pa

    from guanxi.storage.database import Database
    from guanxi.storage.events.log import EventLog


class Cold(NamedTuple):
    """The lake's files, and the position up to which they count: what they hold beyond it still lies in the tail."""

    files: list[str]
    upto: Position


def cold(database: Database, log: EventLog, merchant_id: str) -> Cold:
    """Return the part of a merchant's log that lies in the lake. Raises ``LakeMissing``."""
    with database.tail.reading() as tx:
        _, moved = tail.watermark(tx, merchant_id)
        lake = log.lake_in(tx, merchant_id)
    return Cold(lake.snapshot().files, moved)


def hot(database: Database, merchant_id: str, after: Position, upto: Position) -> pa.Table | None:
    """Return the tail's events with ``after`` < position ≤ ``upto`` as rows of the lake.

    ``None`` if a hand-over has moved on since ``after`` was the lake's end: some may have left the tail.
    """
    with database.tail.reading() as tx:
        _, moved = tail.watermark(tx, merchant_id)
        if moved != after:
            return None
        return to_arrow(tail.between(tx, merchant_id, after, upto))
