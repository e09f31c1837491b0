"""What happened: of one member by time, of everybody by position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.events import sealing
from guanxi.customers.identity import service as people
from guanxi.customers.members import decide, store
from guanxi.customers.members.model import TimelineEntry
from guanxi.customers.members.service.parts import Parts, present
from guanxi.kernel.ids import member_id as public_id
from guanxi.kernel.paging import Page, read_cursor, write_cursor
from guanxi.kernel.text import Text
from guanxi.storage.events.model import Moment, Position

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guanxi.customers.identity.model import Holding
    from guanxi.storage.database import Transaction
    from guanxi.storage.events.model import LoggedEvent
    from guanxi.storage.merchants import Merchant


def timeline(
    parts: Parts,
    tx: Transaction,
    merchant: Merchant,
    member_id: str,
    before: str | None,
    limit: int,
    *,
    personal: bool,
) -> Page[TimelineEntry]:
    """See ``Members.timeline``."""
    start = None if before is None else Moment(*read_cursor(before, int, int, int))
    row = present(tx, merchant, member_id)
    held = people.holdings_of(tx, merchant.merchant_id, [row.member])[row.member]
    found = _events(parts, tx, merchant, held, row.first_seen, start, limit + 1)
    items = found[:limit]
    following = write_cursor(*items[-1].moment) if len(found) > limit else None
    holders = {one.fragment: row.member for one in held}
    return Page(_entries(parts, tx, merchant, items, holders, personal=personal), following)


def _events(
    parts: Parts,
    tx: Transaction,
    merchant: Merchant,
    held: Sequence[Holding],
    first_seen: int,
    before: Moment | None,
    wanted: int,
) -> list[LoggedEvent]:
    """Return the ``wanted`` latest events; the daily buckets say on which days the lake has any."""
    merchant_id = merchant.merchant_id
    fragments = {one.fragment for one in held}
    counting = [one.series for one in store.series(tx, merchant_id) if not one.measure]
    days = store.days(tx, merchant_id, merchant.days.day(first_seen))
    counts: dict[int, int] = {}
    for day, fragment, _, n, _ in store.daily(tx, merchant_id, days, fragments, counting):
        if decide.holds(held, fragment, day):
            counts[day] = counts.get(day, 0) + n
    # What staff decides is an event that counts nowhere.
    for verdict in people.verdicts(tx, merchant_id, fragments):
        day = merchant.days.day(verdict.at)
        counts[day] = counts.get(day, 0) + 1
    found: list[LoggedEvent] = []
    size = 2 * wanted
    last = None if before is None else merchant.days.day(before.time)
    runs = decide.chunks(counts, last, wanted)
    for number, run in enumerate(runs):
        final = number + 1 == len(runs)
        while len(found) < wanted:
            batch = parts.log.latest_of(merchant_id, fragments, run, before, size)
            # The tail answers for all its days: what is older than this run waits for what the lake has in between.
            seen = [event for event in batch if final or event.day >= run[-1]]
            found += [event for event in seen if decide.holds(held, event.subject, event.day)]
            before = seen[-1].moment if seen else before
            if len(batch) < size or len(seen) < len(batch):
                break
    return found[:wanted]


def newest(
    parts: Parts,
    tx: Transaction,
    merchant: Merchant,
    type: str,
    day: int | None,
    cursor: str | None,
    limit: int,
    besides: Collection[str] = (),
) -> Page[TimelineEntry]:
    """See ``Members.events``."""
    before = None if cursor is None else Position(*read_cursor(cursor, int, int))
    found = parts.log.newest(
        merchant.merchant_id, type=type, day=day, before=before, besides=besides, limit=limit + 1
    )
    items = found[:limit]
    following = write_cursor(*items[-1].position) if len(found) > limit else None
    holders = people.holders(tx, merchant.merchant_id, {event.subject for event in items if event.subject})
    return Page(_entries(parts, tx, merchant, items, holders, personal=False), following)


def _entries(
    parts: Parts,
    tx: Transaction,
    merchant: Merchant,
    events: Sequence[LoggedEvent],
    holders: Mapping[int, int],
    *,
    personal: bool,
) -> list[TimelineEntry]:
    _, catalogue = parts.intake.merchant(merchant.merchant_id)
    tail = parts.vault.sealer("tail", merchant.merchant_id)
    sealed = {event.subject for event in events if sealing.has_personal(event.sealed)}
    persons = parts.keys.sealers(tx, merchant.merchant_id, sealed if personal else ())
    entries = []
    for event in events:
        kind = catalogue.get(event.type)
        fields, other = decide.told(event.payload, kind)
        closed = sealing.has_personal(event.sealed)
        said = sealing.open_event(event, tail, persons).p if closed and personal else None
        entries.append(
            TimelineEntry(
                event_id=event.event_id,
                type=event.type,
                label=kind.label if kind else Text(event.type, event.type),
                time=event.time,
                day=event.day,
                received_at=event.received_at,
                account=event.account,
                channel=event.channel,
                fields=fields,
                other=other,
                has_personal=closed,
                personal=said or None,
                member_id=public_id(holders[event.subject]) if event.subject in holders else None,
            )
        )
    return entries
