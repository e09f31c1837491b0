"""Events without a story, to put into a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from guanxi.kernel.clock import DAY, FixedClock
from guanxi.kernel.hashing import content_hash
from guanxi.storage.events.handover import Handover
from guanxi.storage.events.model import START, LoggedEvent, NewEvent, pack
from tests.installation import NOW
from tests.settling import read_to_end

if TYPE_CHECKING:
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.events.model import Position
    from tests.installation import Installation

TODAY = NOW // DAY


def event(
    key: str, *, day: int = TODAY, merchant: str = "shop", subject: int = 7, payload: bytes = b"{}"
) -> NewEvent:
    """An event of a UTC day; day 0 stands for one whose sender wrote no time."""
    time = day * DAY + 5 if day else NOW
    return NewEvent(
        merchant_id=merchant,
        event_id=key,
        id_hash=content_hash(key.encode()),
        dedup_day=day,
        type="test.happened",
        version=1,
        time=time,
        day=time // DAY,
        received_at=NOW,
        account="a",
        channel="c",
        subject=subject,
        fragments=pack([subject, subject + 1]),
        payload=payload,
        sealed=b"",
    )


def same(merchant_id: str, events: Sequence[LoggedEvent]) -> list[bytes]:
    """Reseal nothing."""
    return [event.sealed for event in events]


def handover(installation: Installation, clock: FixedClock | None = None) -> Handover:
    one = installation
    return Handover(one.database, one.log, one.locks, same, clock or one.clock)


def advance(installation: Installation, reader: str, to: Position, merchant: str = "shop") -> None:
    with installation.database.transaction() as tx:
        installation.log.advance(tx, merchant, reader, to)


def follow(
    log: EventLog, merchant: str = "shop", *, limit: int = 100, after: Position = START
) -> list[LoggedEvent]:
    """Read to the end as a reader does."""
    return read_to_end(log, merchant, after, limit)


def pass_all(installation: Installation, reader: str = "r", merchant: str = "shop") -> None:
    """Let a reader pass everything that is there."""
    everything = follow(installation.log, merchant, limit=10_000)
    if everything:
        advance(installation, reader, everything[-1].position, merchant)


def move(installation: Installation, *, merchant: str = "shop", limit: int = 100_000) -> int:
    """Let a reader pass everything, and hand it over."""
    pass_all(installation, merchant=merchant)
    return handover(installation).run(merchant, ["r"], limit=limit)


def keys(events: Iterable[LoggedEvent]) -> list[str]:
    return [one.event_id for one in events]


def in_tail(installation: Installation, merchant: str = "shop") -> list[str]:
    with installation.database.tail.reading() as tx:
        return list(
            tx.conn.exec_driver_sql(
                f"SELECT event_id FROM event_tail WHERE merchant_id = '{merchant}' ORDER BY epoch, number"
            ).scalars()
        )


def in_lake(installation: Installation, merchant: str = "shop") -> list[str]:
    lake = installation.log.lake(merchant)
    return keys(lake.read(merchant, START, type(START)(1 << 62, 1 << 62), 1_000_000))


def remembered(installation: Installation, merchant: str = "shop") -> set[int]:
    """Days whose ids are still remembered beside the tail."""
    with installation.database.tail.reading() as tx:
        tables = ("event_seen_run", "event_tail") if tx.dialect == "sqlite" else ("event_seen",)
        return {
            day
            for table in tables
            for day in tx.conn.exec_driver_sql(
                f"SELECT DISTINCT dedup_day FROM {table} WHERE merchant_id = '{merchant}'"
            ).scalars()
        }


def content(one: NewEvent | LoggedEvent) -> dict[str, object]:
    """Everything but the position."""
    fields = msgspec.structs.asdict(one)
    fields.pop("epoch", None)
    fields.pop("number", None)
    return fields


Step = Callable[[], object]
