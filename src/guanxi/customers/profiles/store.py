"""SQL of what is known of members: everybody as columns, and the daily buckets of some."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from guanxi.customers import schema
from guanxi.customers.events.measures import Series
from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY
from guanxi.customers.profiles.model import Bucket, Everybody
from guanxi.storage import sets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from guanxi.storage.database import Transaction


class Said(NamedTuple):
    """The newest value of an attribute of a fragment, as JSON; sealed if personal."""

    fragment: int
    name: str
    personal: bool
    value: bytes
    time: int
    event_id: str


_SAID = "fragment, name, personal, value, time, event_id"


def said_of(
    tx: Transaction, merchant_id: str, fragments: Collection[int], names: Collection[str]
) -> list[Said]:
    """Return the named attributes of fragments."""
    rows = sets.find(tx, schema.attribute, merchant_id, "fragment", fragments, _SAID)
    return [_said(row) for row in rows if row[1] in names]


def said(tx: Transaction, merchant_id: str, names: Collection[str]) -> Iterator[Said]:
    """Return the named attributes of all fragments, one after the other."""
    marks = ", ".join("?" * len(names))
    sql = f"SELECT {_SAID} FROM customer_attribute WHERE merchant_id = ? AND name IN ({marks})"  # noqa: S608
    return map(_said, sets.rows(tx, sql, merchant_id, *sorted(names)))


def _said(row: tuple[Any, ...]) -> Said:
    return Said(row[0], row[1], bool(row[2]), bytes(row[3]), row[4], row[5])


def holdings(tx: Transaction, merchant_id: str) -> Iterator[tuple[int, int, int, int]]:
    """Return (fragment, from day, until day, member) of every fragment that is not simply its own member."""
    sql = "SELECT fragment, from_day, until_day, member FROM customer_holding WHERE merchant_id = ?"
    return sets.rows(tx, sql, merchant_id)


def everybody(tx: Transaction, merchant_id: str) -> Everybody:
    """Return all known members, and the fragments that are not simply a member of their own."""
    members = (
        "SELECT member, first_seen FROM customer_member WHERE merchant_id = ? AND known = ? ORDER BY member"
    )
    member, first_seen = sets.numbers(tx, members, merchant_id, True, columns=2)
    held = "SELECT fragment, from_day, until_day, member FROM customer_holding WHERE merchant_id = ? ORDER BY fragment"
    fragment, from_day, until_day, owner = sets.numbers(tx, held, merchant_id, columns=4)
    ever = (from_day == FIRST_DAY) & (until_day == LAST_DAY)
    return Everybody(
        pa.table({"member": member, "first_seen": first_seen}),
        pa.table({"fragment": fragment[ever], "owner": owner[ever]}),
        pa.table(
            {
                "fragment": fragment[~ever],
                "from_day": from_day[~ever],
                "until_day": until_day[~ever],
                "owner": owner[~ever],
            }
        ),
    )


def series(tx: Transaction, merchant_id: str, types: Collection[str] | None = None) -> dict[Series, int]:
    """Return the numbers of all series, or of those of some event types."""
    columns = "type, measure, dimension, value, series"
    if types is not None:
        rows: Iterable[tuple[Any, ...]] = sets.find(tx, schema.series, merchant_id, "type", types, columns)
    else:
        sql = f"SELECT {columns} FROM customer_series WHERE merchant_id = ?"  # noqa: S608 - our own words
        rows = sets.rows(tx, sql, merchant_id)
    return {Series(*row[:4]): int(row[4]) for row in rows}


def series_there(tx: Transaction, merchant_id: str) -> int:
    """Return the number of the newest series; series are numbered as they come and never change."""
    sql = "SELECT coalesce(max(series), 0) FROM customer_series WHERE merchant_id = ?"
    ((top,),) = sets.rows(tx, sql, merchant_id)
    return int(top)


def met_since(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> int | None:
    """Return when the first of some fragments was met (µs); they have no buckets of days before."""
    rows = sets.find(tx, schema.identity, merchant_id, "fragment", fragments, "min(first_seen)")
    return rows[0][0] if rows else None


def buckets(
    tx: Transaction,
    merchant_id: str,
    days: tuple[int, int],
    fragments: Collection[int],
    numbers: Collection[int],
) -> list[Bucket]:
    """Return the buckets of fragments on days from the first until before the second, of some series, by day.

    The key has the day first; each day of each fragment is looked up, which for a member is quicker than reading the
    days. Looking each series up as well would cost as many times more as there are, so those are picked from what is
    found: the plus keeps SQLite from doing otherwise.
    """
    if not fragments or not numbers or days[0] >= days[1]:
        return []
    head = "SELECT day, fragment, series, n, total, low, high FROM customer_bucket WHERE merchant_id ="
    lists = [list(range(*days)), sorted(fragments), sorted(numbers)]
    if tx.dialect == "postgresql":
        sql = f"{head} %s AND day = ANY(%s::bigint[]) AND fragment = ANY(%s::bigint[]) AND series = ANY(%s::bigint[])"
        rows = sets.cursor(tx).execute(sql, (merchant_id, *lists))
    else:
        each = "IN (SELECT value FROM json_each(?))"
        sql = f"{head} ? AND day {each} AND fragment {each} AND +series {each}"
        rows = sets.cursor(tx).execute(sql, (merchant_id, *(json.dumps(one) for one in lists)))
    return sorted(map(Bucket._make, rows))
