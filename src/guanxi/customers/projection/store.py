"""SQL of attributes, consent, search tokens and daily buckets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, func, select, update

from guanxi.customers import schema
from guanxi.customers.events.measures import MOST, Series, bounded
from guanxi.customers.projection.decide import Latest, LinkKey
from guanxi.storage import sets
from guanxi.storage.events.model import LoggedEvent, unpack

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction
    from guanxi.storage.vault import Sealer

_LATER = "(excluded.time, excluded.event_id) > (old.time, old.event_id)"
_ATTRIBUTE = ", ".join(
    f"{name} = CASE WHEN {_LATER} THEN excluded.{name} ELSE old.{name} END"
    for name in ("personal", "value", "time", "event_id")
)
# At the same instant the withdrawal holds.
_SAID_LATER = (
    "(excluded.time > old.time OR (excluded.time = old.time AND (old.given AND NOT excluded.given"
    " OR (old.given = excluded.given AND excluded.event_id > old.event_id))))"
)
_CONSENT = ", ".join(
    f"{name} = CASE WHEN {_SAID_LATER} THEN excluded.{name} ELSE old.{name} END"
    for name in ("given", "time", "event_id", "evidence")
)
_BUCKET = (
    f"n = old.n + excluded.n, total = CASE WHEN old.total > 0 AND excluded.total > {MOST} - old.total THEN {MOST}"
    f" WHEN old.total < 0 AND excluded.total < -{MOST} - old.total THEN -{MOST} ELSE old.total + excluded.total END,"
    " low = CASE WHEN excluded.low < old.low THEN excluded.low ELSE old.low END,"
    " high = CASE WHEN excluded.high > old.high THEN excluded.high ELSE old.high END,"
    " first_at = CASE WHEN excluded.first_at < old.first_at THEN excluded.first_at ELSE old.first_at END,"
    " last_at = CASE WHEN excluded.last_at > old.last_at THEN excluded.last_at ELSE old.last_at END"
)
_FIRST = "first_seen = CASE WHEN excluded.first_seen < old.first_seen THEN excluded.first_seen ELSE old.first_seen END"

_NEVER = 2**63 - 1
"""First seen when an identity is to be met again."""

_encode = msgspec.json.encode


def save_identities(tx: Transaction, rows: Sequence[tuple[str, int, str, str, str, bytes, int]]) -> None:
    """Keep identities as (merchant, fragment, type, scope, mask, sealed, first seen), with the earliest sighting.

    A readable form replaces none; it never replaces another, since equal fragments have equal values.
    """
    shown = (
        "mask = CASE WHEN old.mask = '' THEN excluded.mask ELSE old.mask END,"
        " sealed = CASE WHEN old.mask = '' THEN excluded.sealed ELSE old.sealed END"
    )
    sets.upsert(tx, schema.identity, rows, update=f"{_FIRST}, {shown}")


def unreadable(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> set[int]:
    """Return those of the fragments of which no readable form is kept."""
    rows = sets.find(tx, schema.identity, merchant_id, "fragment", fragments, "fragment, mask")
    return {fragment for fragment, shown in rows if not shown}


class Damage(NamedTuple):
    """Records that stem from events about to change: identities first sighted in one, links, and whom they described."""

    sighted: frozenset[int]
    links: frozenset[LinkKey]
    subjects: frozenset[int]

    @property
    def fragments(self) -> frozenset[int]:
        """Every fragment whose events say what the records should be."""
        return self.sighted | self.subjects | {end for link in self.links for end in (link.a, link.b)}


def damage(tx: Transaction, merchant_id: str, changed: Sequence[LoggedEvent]) -> Damage:
    """Return what is kept about identities that some events carry and that would not be kept without these."""
    times: dict[int, set[int]] = {}
    for event in changed:
        for fragment in unpack(event.fragments):
            times.setdefault(fragment, set()).add(event.time)
    known = dict(sets.find(tx, schema.identity, merchant_id, "fragment", times, "fragment, first_seen"))
    ids = {event.event_id for event in changed}
    columns = "a, b, kind, slot, event_id"
    rows = {
        *sets.find(tx, schema.link, merchant_id, "a", known, columns),
        *sets.find(tx, schema.link, merchant_id, "b", known, columns),
    }
    return Damage(
        frozenset(fragment for fragment, first_seen in known.items() if first_seen in times[fragment]),
        frozenset(LinkKey(*key) for *key, event_id in rows if event_id in ids),
        frozenset(event.subject for event in changed) & known.keys(),
    )


def put_sightings(tx: Transaction, merchant_id: str, first_seen: Mapping[int, int]) -> None:
    """Set when identities were first seen."""
    if first_seen:
        where = (schema.identity.c.merchant_id == merchant_id, schema.identity.c.fragment == bindparam("one"))
        tx.conn.execute(
            update(schema.identity).where(*where).values(first_seen=bindparam("at")),
            [{"one": fragment, "at": at} for fragment, at in first_seen.items()],
        )


def put_links(tx: Transaction, merchant_id: str, links: Mapping[LinkKey, tuple[int, str] | None]) -> None:
    """Set where links stem from; delete those that stem from nothing."""
    for key, said in links.items():
        where = [schema.link.c.merchant_id == merchant_id]
        where += [schema.link.c[name] == value for name, value in key._asdict().items()]
        if said is None:
            tx.conn.execute(delete(schema.link).where(*where))
        else:
            tx.conn.execute(update(schema.link).where(*where).values(seen_at=said[0], event_id=said[1]))


def sealed_identities(
    tx: Transaction, merchant_id: str, fragments: Collection[int]
) -> dict[int, tuple[str, str, bytes]]:
    """Return type, scope and sealed value of identities."""
    columns = "fragment, type, scope, sealed"
    rows = sets.find(tx, schema.identity, merchant_id, "fragment", fragments, columns)
    return {row[0]: (row[1], row[2], bytes(row[3])) for row in rows}


def clear(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> None:
    """Delete what is said of fragments: attributes, consent, search tokens."""
    for table in (schema.attribute, schema.consent, schema.token):
        sets.delete(tx, table, merchant_id, "fragment", fragments)


def reset(tx: Transaction, merchant_id: str) -> None:
    """Delete what can be made again from the log; identities stay, as if never seen."""
    for table in (
        schema.bucket,
        schema.link,
        schema.member,
        schema.holding,
        schema.refusal,
        schema.crowd,
        schema.attribute,
        schema.consent,
    ):
        tx.conn.execute(delete(table).where(table.c.merchant_id == merchant_id))
    tx.conn.execute(
        update(schema.identity).where(schema.identity.c.merchant_id == merchant_id).values(first_seen=_NEVER)
    )


def save_tokens(tx: Transaction, merchant_id: str, tokens: Iterable[tuple[int, int]]) -> None:
    """Keep search tokens as (token, fragment)."""
    sets.upsert(tx, schema.token, [(merchant_id, *row) for row in set(tokens)])


def save_attributes(
    tx: Transaction, merchant_id: str, latest: Mapping[tuple[int, str], Latest], sealers: Mapping[int, Sealer]
) -> None:
    """Keep the newest value of each attribute, sealed where it is personal."""
    rows = []
    for (fragment, name), said in latest.items():
        plain = _encode(said.value)
        value = sealers[fragment].seal(plain) if said.personal else plain
        rows.append((merchant_id, fragment, name, said.personal, value, said.time, said.event_id))
    sets.upsert(tx, schema.attribute, rows, update=_ATTRIBUTE)


def save_consents(tx: Transaction, merchant_id: str, latest: Mapping[tuple[int, str, str], Latest]) -> None:
    """Keep the newest word on each purpose and channel."""
    rows = [
        (merchant_id, *key, said.value["given"], said.time, said.event_id, said.value["evidence"])
        for key, said in latest.items()
    ]
    sets.upsert(tx, schema.consent, rows, update=_CONSENT)


def series_numbers(tx: Transaction, merchant_id: str, wanted: Collection[Series]) -> dict[Series, int]:
    """Return the numbers of series, giving new ones theirs. Only the projection calls this, one at a time."""
    if not wanted:
        return {}
    columns = "type, measure, dimension, value, series"
    rows = sets.find(tx, schema.series, merchant_id, "type", {series.type for series in wanted}, columns)
    known = {Series(*row[:4]): int(row[4]) for row in rows}
    missing = sorted(set(wanted) - known.keys())
    if missing:
        top = tx.conn.execute(
            select(func.coalesce(func.max(schema.series.c.series), 0)).where(
                schema.series.c.merchant_id == merchant_id
            )
        ).scalar_one()
        known.update({series: top + index for index, series in enumerate(missing, 1)})
        sets.upsert(tx, schema.series, [(merchant_id, known[series], *series) for series in missing])
    return known


def save_buckets(
    tx: Transaction,
    merchant_id: str,
    buckets: Mapping[tuple[int, int, int], list[int]],
    numbers: Sequence[int],
) -> None:
    """Add to the daily buckets; ``numbers`` maps the caller's numbering of series to the stored one."""
    rows = [
        (merchant_id, day, fragment, numbers[series], held[0], bounded(held[1]), *held[2:])
        for (day, fragment, series), held in buckets.items()
    ]
    sets.upsert(tx, schema.bucket, rows, update=_BUCKET)
