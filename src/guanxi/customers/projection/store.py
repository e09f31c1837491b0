"""SQL of attributes, consent, search tokens and daily buckets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, select

from guanxi.customers import schema
from guanxi.customers.events.measures import Series
from guanxi.customers.projection.decide import Latest
from guanxi.storage import sets

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
    "n = old.n + excluded.n, total = old.total + excluded.total,"
    " low = CASE WHEN excluded.low < old.low THEN excluded.low ELSE old.low END,"
    " high = CASE WHEN excluded.high > old.high THEN excluded.high ELSE old.high END,"
    " first_at = CASE WHEN excluded.first_at < old.first_at THEN excluded.first_at ELSE old.first_at END,"
    " last_at = CASE WHEN excluded.last_at > old.last_at THEN excluded.last_at ELSE old.last_at END"
)
_FIRST = "first_seen = CASE WHEN excluded.first_seen < old.first_seen THEN excluded.first_seen ELSE old.first_seen END"

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
        (merchant_id, day, fragment, numbers[series], *held)
        for (day, fragment, series), held in buckets.items()
    ]
    sets.upsert(tx, schema.bucket, rows, update=_BUCKET)
