"""SQL of what the house itself knows of members."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from guanxi.customers import schema
from guanxi.customers.identity import service as people
from guanxi.customers.identity.decide import merge_consents
from guanxi.customers.identity.kinds import KINDS
from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY, Consent, Holding
from guanxi.customers.profiles.arrays import Numbers, owners, places
from guanxi.storage import sets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from guanxi.customers.profiles.model import Everybody
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant


def identity_sets(
    tx: Transaction, merchant_id: str, everybody: Everybody
) -> tuple[list[frozenset[str]], Numbers]:
    """Return the different sets of types of identities, and which of them each member holds today."""
    kinds = sorted(KINDS)
    case = " ".join(f"WHEN '{kind}' THEN {number}" for number, kind in enumerate(kinds))
    sql = f"SELECT fragment, CASE type {case} END FROM customer_identity WHERE merchant_id = ?"  # noqa: S608 - our own words
    fragments, types = sets.numbers(tx, sql, merchant_id, columns=2)
    members = everybody.people["member"].to_numpy()
    at = places(_today(everybody, fragments), members)
    masks = np.zeros(len(members), np.int64)
    np.bitwise_or.at(masks, at[at >= 0], np.left_shift(1, types[at >= 0]))
    known, codes = np.unique(masks, return_inverse=True)
    values = [
        frozenset(kind for number, kind in enumerate(kinds) if int(mask) >> number & 1) for mask in known
    ]
    return values, codes.astype(np.int64)


def _today(everybody: Everybody, fragments: Numbers) -> Numbers:
    """Return who holds each fragment today; 0 where nobody does any more."""
    stable, moved = everybody.stable, everybody.moved
    ever = np.concatenate([stable["fragment"].to_numpy(), moved["fragment"].to_numpy()])
    still = moved["until_day"].to_numpy() == LAST_DAY
    now = np.concatenate([stable["fragment"].to_numpy(), moved["fragment"].to_numpy()[still]])
    holders = np.concatenate([stable["owner"].to_numpy(), moved["owner"].to_numpy()[still]])
    order = np.argsort(now)
    return owners(fragments, np.sort(ever), now[order], holders[order])


def first_seen(tx: Transaction, merchant_id: str, members: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Return when members were first met (µs)."""
    return sets.find(tx, schema.member, merchant_id, "member", members, "member, first_seen")


def _owners(
    tx: Transaction, merchant_id: str, members: Sequence[int]
) -> dict[int, list[tuple[int, Holding]]]:
    """Return who of ``members`` holds which fragments."""
    found: defaultdict[int, list[tuple[int, Holding]]] = defaultdict(list)
    for member, held in people.holdings_of(tx, merchant_id, members).items():
        for one in held:
            found[one.fragment].append((member, one))
    return found


def _holders(
    tx: Transaction, merchant_id: str, fragments: Collection[int]
) -> dict[int, list[tuple[int, Holding]]]:
    """Return who holds fragments, and on which days."""
    columns = "fragment, from_day, until_day, member"
    found: defaultdict[int, list[tuple[int, Holding]]] = defaultdict(list)
    for fragment, from_day, until_day, member in sets.find(
        tx, schema.holding, merchant_id, "fragment", fragments, columns
    ):
        found[fragment].append((member, Holding(fragment, from_day, until_day)))
    for fragment in fragments:
        if fragment not in found:
            found[fragment].append((fragment, Holding(fragment, FIRST_DAY, LAST_DAY)))
    return found


def identity_types(tx: Transaction, merchant_id: str, members: Sequence[int]) -> dict[int, frozenset[str]]:
    """Return the types of the identities that members hold today."""
    held_by = _owners(tx, merchant_id, members)
    rows = sets.find(tx, schema.identity, merchant_id, "fragment", held_by, "fragment, type")
    found: defaultdict[int, set[str]] = defaultdict(set)
    for fragment, type_ in rows:
        for member, held in held_by[fragment]:
            if held.until_day == LAST_DAY:
                found[member].add(type_)
    return {member: frozenset(types) for member, types in found.items()}


def consents(tx: Transaction, merchant: Merchant, members: Sequence[int] | None) -> dict[int, frozenset[str]]:
    """Return the purposes and channels (``purpose:channel``) to which members have consented, as last said."""
    merchant_id, day = merchant.merchant_id, merchant.days.day
    columns = "fragment, purpose, channel, given, time, event_id"
    if members is None:
        sql = f"SELECT {columns} FROM customer_consent WHERE merchant_id = ?"  # noqa: S608 - our own words
        rows = list(sets.rows(tx, sql, merchant_id))
        held_by = _holders(tx, merchant_id, {row[0] for row in rows})
    else:
        held_by = _owners(tx, merchant_id, members)
        rows = sets.find(tx, schema.consent, merchant_id, "fragment", held_by, columns)
    said: defaultdict[int, list[Consent]] = defaultdict(list)
    for row in rows:
        one = Consent(row[0], row[1], row[2], bool(row[3]), row[4], row[5])
        for member, held in held_by[one.fragment]:
            if held.from_day <= day(one.time) < held.until_day:
                said[member].append(one)
    return {
        member: frozenset(
            f"{one.purpose}:{one.channel}" for one in merge_consents(some).values() if one.given
        )
        for member, some in said.items()
    }
