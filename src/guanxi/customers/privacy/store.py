"""SQL of erasures, and of everything that is kept under a person's fragments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, case, delete, func, insert, select, text, update

from guanxi.customers import schema
from guanxi.customers.identity.model import Holding
from guanxi.customers.privacy.model import Erasure, State
from guanxi.kernel.clock import LocalDays
from guanxi.storage import sets

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction
    from guanxi.storage.vault import Sealer

_e = schema.erasure.c
_b = schema.bucket.c

_BY_FRAGMENT = (
    (schema.identity, "fragment"),
    (schema.attribute, "fragment"),
    (schema.consent, "fragment"),
    (schema.token, "fragment"),
    (schema.crowd, "fragment"),
    (schema.listed, "fragment"),
    (schema.holding, "fragment"),
    (schema.member, "member"),
    (schema.link, "a"),
    (schema.link, "b"),
    (schema.verdict, "a"),
    (schema.verdict, "b"),
    (schema.refusal, "a"),
    (schema.refusal, "b"),
)
"""Every table that tells of a fragment, but for the buckets, which change hands."""

_ADD = (
    "n = old.n + excluded.n, total = old.total + excluded.total,"
    " low = CASE WHEN excluded.low < old.low THEN excluded.low ELSE old.low END,"
    " high = CASE WHEN excluded.high > old.high THEN excluded.high ELSE old.high END,"
    " first_at = CASE WHEN excluded.first_at < old.first_at THEN excluded.first_at ELSE old.first_at END,"
    " last_at = CASE WHEN excluded.last_at > old.last_at THEN excluded.last_at ELSE old.last_at END"
)


class _Plan(msgspec.Struct):
    h: list[Holding]
    k: list[tuple[str, str]]


class Bucket(NamedTuple):
    """One daily bucket; see ``customer_bucket``."""

    day: int
    fragment: int
    series: int
    n: int
    total: int
    low: int
    high: int
    first_at: int
    last_at: int


def alone(tx: Transaction, merchant_id: str) -> None:
    """Wait until nobody else changes who a merchant's people are, and keep others waiting until the transaction ends."""
    if tx.dialect == "postgresql":  # on SQLite whoever may write is alone
        tx.conn.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 7248))"),
            {"name": f"people/{merchant_id}"},
        )


def generation(tx: Transaction, merchant_id: str) -> int:
    """Return a number that grows whenever people are forgotten: when they ask, and when others are mended."""
    mended = func.sum(case((_e.state == State.ASKED.value, 0), else_=1))
    row = tx.conn.execute(select(func.count(), mended).where(_e.merchant_id == merchant_id)).one()
    return int(row[0]) + int(row[1] or 0)


def add(tx: Transaction, merchant_id: str, erasure: Erasure, sealer: Sealer) -> None:
    """Record an erasure; whom it is about is sealed."""
    plan = msgspec.json.encode(_Plan(list(erasure.holdings), list(erasure.kinds)))
    tx.conn.execute(
        insert(schema.erasure).values(
            merchant_id=merchant_id,
            erasure_id=erasure.erasure_id,
            state=erasure.state.value,
            plan=sealer.seal(plan),
            tombstone=erasure.tombstone,
            upto_epoch=erasure.upto[0],
            upto_number=erasure.upto[1],
            asked_at=erasure.asked_at,
            asked_by=erasure.asked_by,
            done_at=0,
        )
    )


def find(
    tx: Transaction,
    merchant_id: str,
    sealer: Sealer,
    states: Collection[State],
    erasure_id: str | None = None,
) -> list[Erasure]:
    """Return the erasures that are in one of the given states, the oldest first; or the one with an id, if it is."""
    query = (
        select(schema.erasure)
        .where(_e.merchant_id == merchant_id, _e.state.in_([state.value for state in states]))
        .order_by(_e.asked_at, _e.erasure_id)
    )
    if erasure_id is not None:
        query = query.where(_e.erasure_id == erasure_id)
    rows = tx.conn.execute(query)
    found = []
    for row in rows:
        plan = msgspec.json.decode(sealer.open(row.plan), type=_Plan) if row.plan else _Plan([], [])
        found.append(
            Erasure(
                row.erasure_id,
                State(row.state),
                tuple(plan.h),
                tuple(plan.k),
                row.tombstone,
                (row.upto_epoch, row.upto_number),
                row.asked_at,
                row.asked_by,
                row.done_at,
            )
        )
    return found


def advance(
    tx: Transaction, merchant_id: str, erasures: Iterable[Erasure], state: State, now: int = 0
) -> None:
    """Record how far erasures have come; with ``WIPED`` whom they are about is deleted."""
    ids = [erasure.erasure_id for erasure in erasures]
    values: dict[str, Any] = {"state": state.value, "done_at": now}
    if state is State.WIPED:
        values |= {"plan": b"", "tombstone": 0}
    where = (_e.merchant_id == merchant_id, _e.erasure_id.in_(ids))
    tx.conn.execute(update(schema.erasure).where(*where).values(**values))


def forget(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> None:
    """Delete every row that tells of the fragments; what others lose by it is for the caller to put right."""
    for table, column in _BY_FRAGMENT:
        sets.delete(tx, table, merchant_id, column, fragments)


def forget_days(tx: Transaction, merchant_id: str, days: LocalDays, holdings: Iterable[Holding]) -> None:
    """Delete what was said of fragments on the days that a person held them; others' days stay."""
    for fragment, from_day, until_day in holdings:
        for table, keys in ((schema.attribute, ("name",)), (schema.consent, ("purpose", "channel"))):
            rows = sets.find(tx, table, merchant_id, "fragment", [fragment], ", ".join(("time", *keys)))
            for time, *key in rows:
                if from_day <= days.day(time) < until_day:
                    where = [table.c[name] == value for name, value in zip(keys, key, strict=True)]
                    tx.conn.execute(
                        delete(table).where(
                            table.c.merchant_id == merchant_id, table.c.fragment == fragment, *where
                        )
                    )


def neighbours(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> set[int]:
    """Return the fragments that links, verdicts, refusals or a common holder connect with ``fragments``."""
    found: set[int] = set()
    for table in (schema.link, schema.verdict, schema.refusal):
        for column in ("a", "b"):
            for row in sets.find(tx, table, merchant_id, column, fragments, "a, b"):
                found.update(row)
    members = {row[0] for row in sets.find(tx, schema.holding, merchant_id, "fragment", fragments, "member")}
    found.update(row[0] for row in sets.find(tx, schema.holding, merchant_id, "member", members, "fragment"))
    return found


def thin_crowds(tx: Transaction, merchant_id: str, fragments: Collection[int], by: int, least: int) -> None:
    """Note that crowds' identities have lost up to ``by`` others; those left with fewer than ``least`` are recounted."""
    rows = sets.find(tx, schema.crowd, merchant_id, "fragment", fragments, "fragment, seen, counted, scope")
    sets.delete(tx, schema.crowd, merchant_id, "fragment", [row[0] for row in rows])
    left = [
        (merchant_id, fragment, seen - by, counted, scope)
        for fragment, seen, counted, scope in rows
        if seen - by >= least
    ]
    sets.upsert(tx, schema.crowd, left)


def holders_of(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> dict[int, set[int]]:
    """Return every member who ever held each fragment."""
    found: dict[int, set[int]] = {}
    for fragment, member in sets.find(
        tx, schema.holding, merchant_id, "fragment", fragments, "fragment, member"
    ):
        found.setdefault(fragment, set()).add(member)
    return found


def buckets_of(tx: Transaction, merchant_id: str, holdings: Iterable[Holding]) -> list[Bucket]:
    """Return the daily buckets of fragments on the days that they were held.

    Buckets lie by day, not by fragment: the days there are, each once, and on each the fragments.
    """
    spans: dict[int, list[Holding]] = {}
    for held in holdings:
        spans.setdefault(held.fragment, []).append(held)
    days = (
        "WITH RECURSIVE days(day) AS ("
        "SELECT (SELECT min(day) FROM customer_bucket WHERE merchant_id = :m)"
        " UNION ALL SELECT (SELECT min(next.day) FROM customer_bucket AS next"
        " WHERE next.merchant_id = :m AND next.day > days.day) FROM days WHERE days.day IS NOT NULL)"
        " SELECT day FROM days WHERE day IS NOT NULL"
    )
    query = (
        select(*(_b[name] for name in Bucket._fields))
        .where(
            _b.merchant_id == merchant_id,
            _b.day == bindparam("day"),
            _b.fragment.in_(bindparam("fragments", expanding=True)),
        )
        .order_by(_b.fragment, _b.series)
    )
    found = []
    for (day,) in tx.conn.execute(text(days), {"m": merchant_id}).all():
        held_then = [
            fragment
            for fragment, held in spans.items()
            if any(one.from_day <= day < one.until_day for one in held)
        ]
        if held_then:
            rows = tx.conn.execute(query, {"day": day, "fragments": held_then})
            found += [Bucket(*row) for row in rows]
    return found


def rekey_buckets(tx: Transaction, merchant_id: str, holdings: Iterable[Holding], tombstone: int) -> None:
    """Put a person's daily buckets under a tombstone, added up where they had several identities."""
    theirs = buckets_of(tx, merchant_id, holdings)
    for one in theirs:
        sets.upsert(tx, schema.bucket, [(merchant_id, *one._replace(fragment=tombstone))], update=_ADD)
    for day, fragment in sorted({(one.day, one.fragment) for one in theirs}):
        tx.conn.execute(
            delete(schema.bucket).where(_b.merchant_id == merchant_id, _b.day == day, _b.fragment == fragment)
        )


def person(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> dict[str, list[dict[str, Any]]]:
    """Return what the database holds about fragments: identities, attributes, consents and verdicts, as stored."""
    return {
        "identities": _rows(tx, schema.identity, merchant_id, "fragment", fragments),
        "attributes": _rows(tx, schema.attribute, merchant_id, "fragment", fragments),
        "consents": _rows(tx, schema.consent, merchant_id, "fragment", fragments),
        "lists": _rows(tx, schema.listed, merchant_id, "fragment", fragments),
        "verdicts": _unique(
            [
                *_rows(tx, schema.verdict, merchant_id, "a", fragments),
                *_rows(tx, schema.verdict, merchant_id, "b", fragments),
            ]
        ),
    }


def _rows(
    tx: Transaction, table: Any, merchant_id: str, column: str, values: Collection[int]
) -> list[dict[str, Any]]:
    names = table.c.keys()
    rows = sets.find(tx, table, merchant_id, column, values, ", ".join(names))
    return [dict(zip(names, row, strict=True)) for row in sorted(rows, key=lambda row: row[1:3])]


def _unique(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(row["a"], row["b"]): row for row in rows}.values())


def series_names(
    tx: Transaction, merchant_id: str, numbers: Collection[int]
) -> Mapping[int, tuple[str, ...]]:
    """Return type, measure, dimension and value of series by their numbers."""
    columns = "series, type, measure, dimension, value"
    return {
        row[0]: tuple(row[1:])
        for row in sets.find(tx, schema.series, merchant_id, "series", numbers, columns)
    }
