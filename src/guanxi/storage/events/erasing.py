"""What forgetting a person needs of the log: where the past ends, every event that names them, and new text for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from guanxi.storage.events import tail
from guanxi.storage.events.model import START, LoggedEvent, Position, unpack

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.events.model import NewEvent

_PAGE = 10_000
_SET = (
    "event_id = :event_id, subject = :subject, fragments = :fragments, payload = :payload, sealed = :sealed"
)


def bound(tx: Transaction, database: Database, merchant_id: str) -> Position:
    """Return a position that no event accepted so far lies beyond, and every later one does.

    On PostgreSQL what is being written this moment counts as accepted: wait for ``is_settled``. On SQLite nothing may
    be moved from beside the state meanwhile, which ``tx``, if it may write, sees to.
    """
    if tx.dialect == "postgresql":
        mine = tx.conn.execute(text("SELECT event_epoch()")).scalar_one()
        return Position(int(mine), 2**63 - 1)
    with database.tail.reading() as other:
        head = other.conn.execute(
            text("SELECT number FROM event_head WHERE merchant_id = :m"), {"m": merchant_id}
        ).scalar()
    return Position(0, int(head or 0))


def is_settled(tx: Transaction, position: Position) -> bool:
    """Say whether every transaction that might still write at or before a position has ended."""
    if tx.dialect == "sqlite":
        return True
    oldest = tx.conn.execute(text("SELECT event_fence()")).scalar_one()
    return int(oldest) > position.epoch


def in_tail(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> list[LoggedEvent]:
    """Return the events of the tail that carry one of ``fragments``, in order."""
    wanted = frozenset(fragments)
    found: list[LoggedEvent] = []
    after = START
    while events := tail.read(tx, merchant_id, after, _PAGE):
        found += [event for event in events if not wanted.isdisjoint(unpack(event.fragments))]
        after = events[-1].position
    return found


def carrying(
    database: Database, log: EventLog, merchant_id: str, fragments: Collection[int]
) -> Iterator[LoggedEvent]:
    """Yield every event of lake and tail that carries one of ``fragments``, each once, in order."""
    if not fragments:
        return
    with database.tail.reading() as tx:
        _, moved = tail.watermark(tx, merchant_id)
        hot = in_tail(tx, merchant_id, fragments)
        lake = log.lake_in(tx, merchant_id)
    for event in lake.of_fragments(merchant_id, sorted(fragments)):
        if event.position <= moved:
            yield event
    yield from hot


def rewrite_tail(tx: Transaction, events: Sequence[LoggedEvent]) -> None:
    """Replace events of the tail at their positions."""
    if events:
        tx.conn.execute(
            text(f"UPDATE event_tail SET {_SET} WHERE merchant_id = :merchant_id AND epoch = :epoch AND number = :number"),  # noqa: S608
            [{name: getattr(event, name) for name in event.__struct_fields__} for event in events],
        )  # fmt: skip


def read_beside(tx: Transaction, merchant_id: str) -> list[LoggedEvent]:
    """Return the events that wait beside the state, with their places in that queue as numbers."""
    if tx.dialect == "postgresql":
        return []
    return [
        LoggedEvent(0, number, *_values(event))
        for number, event in tail.read_beside(tx, merchant_id, 2**31 - 1)
    ]


def rewrite_beside(tx: Transaction, events: Sequence[LoggedEvent]) -> None:
    """Replace events that wait beside the state."""
    if events:
        tx.conn.execute(
            text(f"UPDATE event_beside SET {_SET} WHERE merchant_id = :merchant_id AND number = :number"),  # noqa: S608
            [{name: getattr(event, name) for name in event.__struct_fields__} for event in events],
        )


def _values(event: NewEvent) -> tuple[Any, ...]:
    return tuple(getattr(event, name) for name in event.__struct_fields__)
