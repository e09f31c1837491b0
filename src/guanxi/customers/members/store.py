"""SQL of what is shown of members; identities, links and verdicts are read through ``identity.service``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from guanxi.customers import schema
from guanxi.customers.schema import member
from guanxi.storage import sets

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from guanxi.storage.database import Transaction


class MemberRow(NamedTuple):
    """A member as stored."""

    member: int
    known: bool
    first_seen: int


class IdentityRow(NamedTuple):
    """An identity as stored, its value still sealed."""

    fragment: int
    type: str
    scope: str
    mask: str
    first_seen: int
    sealed: bytes


class AttributeRow(NamedTuple):
    """The newest value of an attribute of a fragment, still sealed if personal."""

    fragment: int
    name: str
    personal: bool
    value: bytes
    time: int
    event_id: str


class ConsentRow(NamedTuple):
    """The newest word on a purpose and channel."""

    fragment: int
    purpose: str
    channel: str
    given: bool
    time: int
    event_id: str
    evidence: str


class Total(NamedTuple):
    """Buckets of one fragment and series added up over days."""

    fragment: int
    series: int
    n: int
    total: int
    low: int
    high: int
    first_at: int
    last_at: int
    last_day: int


class SeriesRow(NamedTuple):
    """A series without a dimension; an empty measure counts."""

    series: int
    type: str
    measure: str


def _run(tx: Transaction, sql: str, *params: object) -> list[tuple[Any, ...]]:
    """Run SQL with ``?`` for a value and ``{each}`` for "is one of", which takes a list of numbers."""
    if tx.dialect == "postgresql":
        text = sql.format(each="= ANY(%s::bigint[])").replace("?", "%s")
        return list(sets.cursor(tx).execute(text, params))
    given = [json.dumps(one) if isinstance(one, list) else one for one in params]
    text = sql.format(each="IN (SELECT value FROM json_each(?))")
    return list(sets.cursor(tx).execute(text, given))


def members(tx: Transaction, merchant_id: str, wanted: Collection[int]) -> dict[int, MemberRow]:
    """Return those members that exist."""
    rows = sets.find(tx, schema.member, merchant_id, "member", wanted, "member, known, first_seen")
    return {row[0]: MemberRow(row[0], bool(row[1]), row[2]) for row in rows}


def known(tx: Transaction, merchant_id: str, wanted: Collection[int]) -> list[int]:
    """Return those members that exist and have more than a device."""
    rows = sets.find(tx, schema.member, merchant_id, "member", wanted, "member, known")
    return [row[0] for row in rows if row[1]]


def browse(
    tx: Transaction,
    merchant_id: str,
    *,
    known: bool,
    newest: bool,
    after: tuple[int, int] | None,
    limit: int,
) -> list[MemberRow]:
    """Return members by when they were first met; ``after`` is the last one's (first seen, member)."""
    sign, order = ("<", "DESC") if newest else (">", "ASC")
    sql = "SELECT member, known, first_seen FROM customer_member WHERE merchant_id = ? AND known = ?"
    params: list[object] = [merchant_id, known]
    if after is not None:
        sql += f" AND (first_seen, member) {sign} (?, ?)"
        params += after
    rows = _run(tx, f"{sql} ORDER BY first_seen {order}, member {order} LIMIT ?", *params, limit)
    return [MemberRow(row[0], bool(row[1]), row[2]) for row in rows]


def search(
    tx: Transaction,
    merchant_id: str,
    *,
    exact: list[int],
    names: list[int],
    fragments: list[int],
    visitors: bool,
    newest: bool,
    after: tuple[int, int] | None,
    limit: int,
) -> list[MemberRow]:
    """Return present members by any of ``exact`` tokens, all of ``names`` tokens, or ``fragments``.

    Where a fragment changed hands, its present holder is found.
    """
    sign, order = ("<", "DESC") if newest else (">", "ASC")
    sql = (
        "SELECT DISTINCT m.member, m.known, m.first_seen FROM ("
        " SELECT fragment FROM customer_token WHERE merchant_id = ? AND token {each}"
        " UNION SELECT fragment FROM customer_token WHERE merchant_id = ? AND token {each}"
        " GROUP BY fragment HAVING count(*) = ?"
        " UNION SELECT fragment FROM customer_identity WHERE merchant_id = ? AND fragment {each}) AS f"
        " LEFT JOIN customer_holding AS h"
        " ON h.merchant_id = ? AND h.fragment = f.fragment AND h.until_day = 2147483647"
        " JOIN customer_member AS m ON m.merchant_id = ? AND m.member = coalesce(h.member, f.fragment)"
        " WHERE (m.known OR ?)"
    )
    params: list[object] = [merchant_id, exact, merchant_id, names, len(names), merchant_id, fragments]
    params += [merchant_id, merchant_id, visitors]
    if after is not None:
        sql += f" AND (m.first_seen, m.member) {sign} (?, ?)"
        params += after
    sql += f" ORDER BY m.first_seen {order}, m.member {order} LIMIT ?"
    return [MemberRow(row[0], bool(row[1]), row[2]) for row in _run(tx, sql, *params, limit)]


def identities(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> dict[int, IdentityRow]:
    """Return those of the identities that are known."""
    columns = "fragment, type, scope, mask, first_seen, sealed"
    rows = sets.find(tx, schema.identity, merchant_id, "fragment", fragments, columns)
    return {row[0]: IdentityRow(row[0], row[1], row[2], row[3], row[4], bytes(row[5])) for row in rows}


def attributes(
    tx: Transaction, merchant_id: str, fragments: Collection[int], names: Collection[str] = ()
) -> list[AttributeRow]:
    """Return the attributes of fragments, only those of ``names`` if there are any."""
    columns = "fragment, name, personal, value, time, event_id"
    rows = sets.find(tx, schema.attribute, merchant_id, "fragment", fragments, columns)
    return [
        AttributeRow(row[0], row[1], bool(row[2]), bytes(row[3]), row[4], row[5])
        for row in rows
        if not names or row[1] in names
    ]


def consents(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> list[ConsentRow]:
    """Return what was said about consent on fragments."""
    columns = ", ".join(ConsentRow._fields)
    rows = sets.find(tx, schema.consent, merchant_id, "fragment", fragments, columns)
    return [ConsentRow(*row)._replace(given=bool(row[3])) for row in rows]


def series(tx: Transaction, merchant_id: str, type: str = "") -> list[SeriesRow]:
    """Return the series without a dimension, of one event type or of all."""
    sql = "SELECT series, type, measure FROM customer_series WHERE merchant_id = ? AND dimension = ''"
    rows = _run(tx, sql + " AND type = ?", merchant_id, type) if type else _run(tx, sql, merchant_id)
    return [SeriesRow(*row) for row in rows]


def days(tx: Transaction, merchant_id: str, start: int) -> list[int]:
    """Return the days on or after ``start`` on which anything happened, by leaping from one to the next in the key."""
    sql = (
        "WITH RECURSIVE met (day) AS ("
        " SELECT min(day) FROM customer_bucket WHERE merchant_id = ? AND day >= ?"
        " UNION ALL SELECT (SELECT min(day) FROM customer_bucket WHERE merchant_id = ? AND day > met.day)"
        " FROM met WHERE met.day IS NOT NULL) SELECT day FROM met WHERE day IS NOT NULL"
    )
    return [row[0] for row in _run(tx, sql, merchant_id, start, merchant_id)]


def totals(
    tx: Transaction, merchant_id: str, days: Sequence[int], fragments: Collection[int], numbers: list[int]
) -> list[Total]:
    """Add up buckets by fragment and series over ``days``; the key has the day first, so each day is looked up."""
    sql = (
        "SELECT fragment, series, sum(n), sum(total), min(low), max(high), min(first_at), max(last_at), max(day)"
        " FROM customer_bucket WHERE merchant_id = ? AND day {each} AND fragment {each} AND series {each}"
        " GROUP BY fragment, series"
    )
    wanted = sorted(set(fragments))
    if not days or not wanted or not numbers:
        return []
    return [
        Total(row[0], row[1], *(int(value) for value in row[2:]))
        for row in _run(tx, sql, merchant_id, list(days), wanted, numbers)
    ]


def daily(
    tx: Transaction, merchant_id: str, days: Sequence[int], fragments: Collection[int], numbers: list[int]
) -> list[tuple[int, int, int, int, int]]:
    """Return (day, fragment, series, n, total) of every bucket of some fragments and series on some days."""
    sql = (
        "SELECT day, fragment, series, n, total FROM customer_bucket"
        " WHERE merchant_id = ? AND day {each} AND fragment {each} AND series {each}"
    )
    if not days or not fragments or not numbers:
        return []
    found = _run(tx, sql, merchant_id, list(days), sorted(set(fragments)), numbers)
    return [(row[0], row[1], row[2], row[3], row[4]) for row in found]


def active(
    tx: Transaction, merchant_id: str, days: Sequence[int], series: list[int]
) -> list[tuple[int, list[int]]]:
    """Return (day, fragments) of whoever did what one of ``series`` counts, on one of ``days``."""
    gather = (
        "array_agg" if tx.dialect == "postgresql" else "json_group_array"
    )  # one row for each day, not for each
    sql = (
        f"SELECT day, {gather}(fragment) FROM (SELECT DISTINCT day, fragment FROM customer_bucket"  # noqa: S608
        " WHERE merchant_id = ? AND day {each} AND fragment <> 0 AND series {each}) AS met GROUP BY day"
    )
    rows = _run(tx, sql, merchant_id, list(days), series) if days and series else []
    return [(day, json.loads(who) if isinstance(who, str) else who) for day, who in rows]


def holdings(
    tx: Transaction, merchant_id: str, fragments: Collection[int]
) -> list[tuple[int, int, int, int]]:
    """Return (fragment, from day, until day, member) of the fragments that are not simply their own member."""
    columns = "fragment, from_day, until_day, member"
    rows = sets.find(tx, schema.holding, merchant_id, "fragment", fragments, columns)
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def count_members(tx: Transaction, merchant_id: str) -> dict[bool, int]:
    """Return how many members there are, by whether they are known."""
    rows = tx.conn.execute(
        select(member.c.known, func.count())
        .where(member.c.merchant_id == merchant_id)
        .group_by(member.c.known)
    )
    return {bool(known): int(count) for known, count in rows}


def new_members(tx: Transaction, merchant_id: str, start: int, end: int, step: int) -> list[tuple[int, int]]:
    """Return how many known members were first met in each ``step`` of time from instant ``start`` until ``end``."""
    sql = (
        f"SELECT first_seen / {int(step)} AS slot, count(*) FROM customer_member"  # noqa: S608 - an integer
        " WHERE merchant_id = ? AND known = ? AND first_seen >= ? AND first_seen < ? GROUP BY 1"
    )
    return [(int(row[0]), int(row[1])) for row in _run(tx, sql, merchant_id, True, start, end)]
