"""SQL of what the house itself knows of members; ``members`` of ``None`` are all of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from guanxi.customers import schema
from guanxi.customers.identity import service as people
from guanxi.customers.identity.decide import merge_consents
from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY, Consent, Holding
from guanxi.storage import sets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant

_SET = 50_000


def _rows(tx: Transaction, sql: str, *params: Any) -> Iterator[tuple[Any, ...]]:
    found = sets.cursor(tx).execute(sql if tx.dialect == "sqlite" else sql.replace("?", "%s"), params)
    while rows := found.fetchmany(_SET):
        yield from rows


def first_seen(tx: Transaction, merchant_id: str, members: Sequence[int] | None) -> Iterable[tuple[int, int]]:
    """Return when known members were first met (µs)."""
    if members is None:
        sql = "SELECT member, first_seen FROM customer_member WHERE merchant_id = ? AND known = ?"
        return _rows(tx, sql, merchant_id, True)
    return sets.find(tx, schema.member, merchant_id, "member", members, "member, first_seen")


def _owners(
    tx: Transaction, merchant_id: str, members: Sequence[int] | None
) -> dict[int, list[tuple[int, Holding]]]:
    """Return who holds which fragments; of everybody only those fragments that are not simply their own member."""
    owners: defaultdict[int, list[tuple[int, Holding]]] = defaultdict(list)
    if members is None:
        sql = "SELECT fragment, from_day, until_day, member FROM customer_holding WHERE merchant_id = ?"
        for fragment, from_day, until_day, member in _rows(tx, sql, merchant_id):
            owners[fragment].append((member, Holding(fragment, from_day, until_day)))
    else:
        for member, held in people.holdings_of(tx, merchant_id, members).items():
            for one in held:
                owners[one.fragment].append((member, one))
    return owners


def _held(owners: dict[int, list[tuple[int, Holding]]], fragment: int) -> list[tuple[int, Holding]]:
    return owners.get(fragment) or [(fragment, Holding(fragment, FIRST_DAY, LAST_DAY))]


def identity_types(
    tx: Transaction, merchant_id: str, members: Sequence[int] | None
) -> dict[int, frozenset[str]]:
    """Return the types of the identities that members hold today."""
    owners = _owners(tx, merchant_id, members)
    rows: Iterable[tuple[Any, ...]]
    if members is None:
        sql = "SELECT fragment, type FROM customer_identity WHERE merchant_id = ?"
        rows = _rows(tx, sql, merchant_id)
    else:
        rows = sets.find(tx, schema.identity, merchant_id, "fragment", owners, "fragment, type")
    found: defaultdict[int, set[str]] = defaultdict(set)
    for fragment, type_ in rows:
        for member, held in _held(owners, fragment):
            if held.until_day == LAST_DAY:
                found[member].add(type_)
    return {member: frozenset(types) for member, types in found.items()}


def consents(tx: Transaction, merchant: Merchant, members: Sequence[int] | None) -> dict[int, frozenset[str]]:
    """Return the purposes and channels (``purpose:channel``) to which members have consented, as last said."""
    merchant_id, day = merchant.merchant_id, merchant.days.day
    owners = _owners(tx, merchant_id, members)
    columns = "fragment, purpose, channel, given, time, event_id"
    rows: Iterable[tuple[Any, ...]]
    if members is None:
        rows = _rows(tx, f"SELECT {columns} FROM customer_consent WHERE merchant_id = ?", merchant_id)  # noqa: S608
    else:
        rows = sets.find(tx, schema.consent, merchant_id, "fragment", owners, columns)
    said: defaultdict[int, list[Consent]] = defaultdict(list)
    for row in rows:
        one = Consent(row[0], row[1], row[2], bool(row[3]), row[4], row[5])
        for member, held in _held(owners, one.fragment):
            if held.from_day <= day(one.time) < held.until_day:
                said[member].append(one)
    return {
        member: frozenset(
            f"{one.purpose}:{one.channel}" for one in merge_consents(some).values() if one.given
        )
        for member, some in said.items()
    }
