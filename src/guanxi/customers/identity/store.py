"""SQL of identities, their links, and the people that follow from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from guanxi.customers import schema
from guanxi.customers.identity.decide import first_met
from guanxi.customers.identity.kinds import KINDS
from guanxi.customers.identity.model import (
    FIRST_DAY,
    LAST_DAY,
    Decision,
    Holding,
    Identity,
    Link,
    LinkKind,
    Refusal,
    Resolution,
    Shared,
    Verdict,
)
from guanxi.storage import sets

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction

ANONYMOUS = frozenset({"device", "anonymous_id"})
"""Types that alone make a visitor, not a known member."""

_NEWER = "(excluded.seen_at, excluded.event_id) > (old.seen_at, old.event_id)"
_BETTER = f"({_NEWER}) = (old.slot = 1 AND old.kind = 'observed')"
_KEEP = (
    f"seen_at = CASE WHEN {_BETTER} THEN excluded.seen_at ELSE old.seen_at END, "
    f"event_id = CASE WHEN {_BETTER} THEN excluded.event_id ELSE old.event_id END"
)


_CAUTION = "CASE {0}.verdict WHEN 'separated' THEN 2 WHEN 'withdrawn' THEN 1 ELSE 0 END"
_SETTLES = (
    f"(excluded.decided_at, {_CAUTION.format('excluded')}, excluded.decided_by)"
    f" > (old.decided_at, {_CAUTION.format('old')}, old.decided_by)"
)


def alone(tx: Transaction, merchant_id: str) -> None:
    """Wait until nobody else changes who a merchant's people are, and keep others waiting until the transaction ends."""
    if tx.dialect == "postgresql":  # on SQLite whoever may write is alone
        name = f"people/{merchant_id}"
        sets.cursor(tx).execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7248))", (name,))


def identities(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> dict[int, Identity]:
    """Return those of the fragments that are known."""
    rows = sets.find(
        tx, schema.identity, merchant_id, "fragment", fragments, "fragment, type, scope, first_seen"
    )
    return {row[0]: Identity(*row) for row in rows}


def links_of(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> list[Link]:
    """Return every link that has one of the fragments at either end."""
    columns = "a, b, seen_at, kind, event_id"
    rows = {
        *sets.find(tx, schema.link, merchant_id, "a", fragments, columns),
        *sets.find(tx, schema.link, merchant_id, "b", fragments, columns),
    }
    return [Link(a, b, seen_at, LinkKind(kind), event_id) for a, b, seen_at, kind, event_id in rows]


def firm_links_of(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> list[Link]:
    """Return the links of fragments that are more than sightings; there is an index of these alone."""
    wanted = list(fragments)
    rows: set[tuple[Any, ...]] = set()
    for end in ("a", "b") if wanted else ():
        sql = f"SELECT a, b, seen_at, kind, event_id FROM customer_link WHERE kind <> 'observed' AND {end} "  # noqa: S608
        rows.update(_run(tx, sql, f"IN {_EACH}", "= ANY(%s::bigint[])", (wanted,), merchant_id))
    return [Link(a, b, seen_at, LinkKind(kind), event_id) for a, b, seen_at, kind, event_id in rows]


def contested(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> set[int]:
    """Return the ends of every firm link, verdict and refusal at one of the fragments."""
    ends = {end for link in firm_links_of(tx, merchant_id, fragments) for end in (link.a, link.b)}
    for table in (schema.verdict, schema.refusal):
        for column in ("a", "b"):
            ends.update(chain.from_iterable(sets.find(tx, table, merchant_id, column, fragments, "a, b")))
    return ends


def stored_links(
    tx: Transaction, merchant_id: str, pairs: Collection[tuple[int, int]]
) -> dict[tuple[int, int, str, int], tuple[int, str]]:
    """Return (seen at, event id) of the links of ``pairs`` (a, b), by (a, b, kind, slot)."""
    rows = _of_pairs(tx, merchant_id, pairs, "a, b, kind, slot, seen_at, event_id")
    return {row[:4]: row[4:] for row in rows}


def sightings(
    tx: Transaction, merchant_id: str, pairs: Collection[tuple[int, int]]
) -> Iterable[tuple[int, int, str, int, int]]:
    """Return (a, b, kind, slot, seen at) of the links of ``pairs`` (a, b)."""
    return _of_pairs(tx, merchant_id, pairs, "a, b, kind, slot, seen_at")


def _of_pairs(
    tx: Transaction, merchant_id: str, pairs: Collection[tuple[int, int]], columns: str
) -> Iterable[tuple[Any, ...]]:
    if not pairs:
        return []
    run = sets.cursor(tx)
    if tx.dialect == "postgresql":
        ends = [list(side) for side in zip(*sorted(pairs), strict=True)]
        return run.execute(  # type: ignore[no-any-return]
            f"SELECT {columns} FROM unnest(%s::bigint[], %s::bigint[]) AS w (w1, w2)"  # noqa: S608 - names of our own
            " JOIN customer_link ON merchant_id = %s AND a = w1 AND b = w2",
            (*ends, merchant_id),
        )
    # CROSS JOIN is how SQLite is told to go through the pairs and look each up; in order, neighbours share pages.
    return run.execute(  # type: ignore[no-any-return]
        f"SELECT {columns} FROM json_each(?) AS w CROSS JOIN customer_link ON merchant_id = ?"  # noqa: S608
        " AND a = json_extract(w.value, '$[0]') AND b = json_extract(w.value, '$[1]')",
        (msgspec.json.encode(sorted(pairs)).decode(), merchant_id),
    ).fetchall()


_EACH = "(SELECT value FROM json_each(?))"


def _run(
    tx: Transaction, head: str, sqlite: str, postgresql: str, lists: Collection[list[int]], merchant_id: str
) -> list[tuple[Any, ...]]:
    """Run a query that takes lists of numbers and ends in the merchant; the databases differ in how they take lists."""
    run = sets.cursor(tx)
    if tx.dialect == "postgresql":
        return list(run.execute(f"{head}{postgresql} AND merchant_id = %s", (*lists, merchant_id)))
    given = (json.dumps(numbers) for numbers in lists)
    return list(run.execute(f"{head}{sqlite} AND merchant_id = ?", (*given, merchant_id)))


def crowds(tx: Transaction, merchant_id: str, identities: Mapping[int, Identity]) -> dict[int, Shared]:
    """Return those of the identities that were once found shared by a wide margin, and how widely."""
    rows = sets.find(tx, schema.crowd, merchant_id, "fragment", identities, "fragment, seen, counted, scope")
    return {
        fragment: Shared(fragment, kind.key, seen, kind.shared_above, counted, scope)
        for fragment, seen, counted, scope in rows
        for kind in (KINDS[identities[fragment].type],)
    }


def save_crowds(tx: Transaction, merchant_id: str, found: Iterable[Shared]) -> None:
    """Remember identities that are shared by a wide margin."""
    rows = [(merchant_id, one.fragment, one.seen, one.counted, one.scope) for one in found]
    sets.upsert(tx, schema.crowd, rows)


def verdicts_of(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> list[Verdict]:
    """Return every verdict that has one of the fragments at either end."""
    columns = "a, b, verdict, decided_at, decided_by"
    rows = {
        *sets.find(tx, schema.verdict, merchant_id, "a", fragments, columns),
        *sets.find(tx, schema.verdict, merchant_id, "b", fragments, columns),
    }
    return [Verdict(a, b, Decision(decision), at, by) for a, b, decision, at, by in rows]


def save_links(
    tx: Transaction, merchant_id: str, rows: Iterable[tuple[int, int, str, int, int, str]]
) -> None:
    """Keep links as (a, b, kind, slot, seen at, event id): the earliest of each slot, in ``LATEST`` the latest."""
    sets.upsert(tx, schema.link, [(merchant_id, *row) for row in rows], update=_KEEP)


def save_verdicts(tx: Transaction, merchant_id: str, verdicts: Iterable[Verdict]) -> None:
    """Keep verdicts; the latest of a pair holds, as ``decide.settled`` says."""
    newer = f"CASE WHEN {_SETTLES} THEN excluded.{{0}} ELSE old.{{0}} END"
    names = ("verdict", "decided_by", "decided_at")
    sets.upsert(
        tx,
        schema.verdict,
        [(merchant_id, min(v.a, v.b), max(v.a, v.b), v.decision.value, v.at, v.by) for v in verdicts],
        update=", ".join(f"{name} = {newer.format(name)}" for name in names),
    )


def save_people(
    tx: Transaction,
    merchant_id: str,
    region: Mapping[int, Identity],
    resolution: Resolution,
    start: Callable[[int], int],
) -> None:
    """Replace what is stored about the people of a region, given with all of its identities; ``start`` begins a day."""
    sets.delete(tx, schema.holding, merchant_id, "fragment", region)
    sets.delete(tx, schema.member, merchant_id, "member", region)
    sets.delete(tx, schema.refusal, merchant_id, "a", region)
    sets.delete(tx, schema.refusal, merchant_id, "b", region)
    members, holdings = [], []
    for person in resolution.people:
        parts = [region[held.fragment] for held in person.holdings]
        is_known = any(part.type not in ANONYMOUS for part in parts)
        met = first_met(person.holdings, region, start)
        members.append((merchant_id, person.canonical, is_known, met))
        if len(parts) > 1:
            holdings += [(merchant_id, *held, person.canonical) for held in person.holdings]
        elif person.holdings[0].from_day != FIRST_DAY or person.holdings[0].until_day != LAST_DAY:
            holdings.append((merchant_id, *person.holdings[0], person.canonical))
    sets.upsert(tx, schema.member, members)
    sets.upsert(tx, schema.holding, holdings)
    sets.upsert(tx, schema.refusal, list(_refusals(merchant_id, resolution.refusals).values()))


def _refusals(merchant_id: str, refusals: Iterable[Refusal]) -> dict[tuple[int, int], tuple[object, ...]]:
    rows: dict[tuple[int, int], tuple[object, ...]] = {}
    for refusal in refusals:
        evidence = refusal.evidence
        a, b = min(evidence.a, evidence.b), max(evidence.a, evidence.b)
        at = evidence.seen_at if isinstance(evidence, Link) else evidence.at
        rows[a, b] = (merchant_id, a, b, refusal.code.value, json.dumps(refusal.params), at)
    return rows


def add_singles(tx: Transaction, merchant_id: str, singles: Iterable[Identity]) -> None:
    """Record people who have just been met, each with one identity."""
    rows = [(merchant_id, one.fragment, one.type not in ANONYMOUS, one.first_seen) for one in singles]
    sets.upsert(tx, schema.member, rows)


def holders(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> dict[int, int]:
    """Return the member who holds each fragment today or last; a fragment without a holding is its own."""
    found = {fragment: fragment for fragment in fragments}
    columns = "fragment, until_day, member"
    rows = sets.find(tx, schema.holding, merchant_id, "fragment", fragments, columns)
    found.update({fragment: member for fragment, _, member in sorted(rows)})
    return found


def fellows(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> set[int]:
    """Return every fragment that shares a member, at any time, with one of ``fragments``."""
    rows = sets.find(tx, schema.holding, merchant_id, "fragment", fragments, "member")
    members = {row[0] for row in rows}
    return {row[0] for row in sets.find(tx, schema.holding, merchant_id, "member", members, "fragment")}


def holdings_of(tx: Transaction, merchant_id: str, members: Collection[int]) -> dict[int, list[Holding]]:
    """Return what each member holds."""
    found: dict[int, list[Holding]] = {member: [] for member in members}
    for fragment, from_day, until_day, member in sets.find(
        tx, schema.holding, merchant_id, "member", members, "fragment, from_day, until_day, member"
    ):
        found[member].append(Holding(fragment, from_day, until_day))
    for member, held in found.items():
        if not held:
            held.append(Holding(member, FIRST_DAY, LAST_DAY))
    return found
