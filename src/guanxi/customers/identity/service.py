"""Keeps people in step with the evidence: recomputes what an event or a decision touches, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guanxi.customers.identity import store
from guanxi.customers.identity.decide import resolve, shared_fragments
from guanxi.customers.identity.model import (
    LATEST,
    Decision,
    Holding,
    Identity,
    Link,
    LinkKind,
    Resolution,
    Shared,
    Verdict,
)
from guanxi.kernel.errors import NotFound

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant


WIDE = 200
"""Sightings beyond its kind's limit from which on an identity is remembered as a crowd's."""


@dataclass(frozen=True, slots=True)
class Region:
    """All evidence about some fragments and everybody they may be one with."""

    identities: dict[int, Identity]
    links: list[Link]
    verdicts: list[Verdict]
    shared: dict[int, Shared]


LinkRow = tuple[int, int, str, int, int, str]
"""A link as stored: a < b, kind, slot, instant of the sighting, event id."""


def known(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> dict[int, Identity]:
    """Return those of the fragments that have been met before."""
    return store.identities(tx, merchant_id, fragments)


def holders(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> dict[int, int]:
    """Return the member who holds each fragment today or last; a fragment nobody joined is its own."""
    return store.holders(tx, merchant_id, fragments)


def holdings_of(tx: Transaction, merchant_id: str, members: Collection[int]) -> dict[int, list[Holding]]:
    """Return what each member holds, and since and until when."""
    return store.holdings_of(tx, merchant_id, members)


def verdicts(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> list[Verdict]:
    """Return what was decided by hand about the fragments, each pair's latest."""
    return store.verdicts_of(tx, merchant_id, fragments)


def meet(tx: Transaction, merchant_id: str, singles: Iterable[Identity]) -> None:
    """Record people who have just been met, each with one identity."""
    store.add_singles(tx, merchant_id, singles)


def record(
    tx: Transaction, merchant_id: str, links: Iterable[LinkRow], verdicts: Collection[Verdict]
) -> set[int]:
    """Record evidence; returns the fragments whose person it may change."""
    offered = list(links)
    stored = store.stored_links(tx, merchant_id, {row[:2] for row in offered})
    telling: list[LinkRow] = []
    later: list[LinkRow] = []
    for row in offered:
        a, b, kind, slot, seen_at, event_id = row
        held = stored.get((a, b, kind, slot))
        said = (seen_at, event_id)
        if slot == LATEST and kind == LinkKind.OBSERVED:
            if held is None or said > held:
                (telling if held is None else later).append(row)
        elif held is None or said < held:
            telling.append(row)
    store.save_links(tx, merchant_id, telling + later)
    store.save_verdicts(tx, merchant_id, verdicts)
    touched = {end for row in telling for end in row[:2]} | {
        end for one in verdicts for end in (one.a, one.b)
    }
    # To have been seen together once more, now, matters only where a phone was claimed or a link refused: everywhere
    # else the earliest sighting has joined the two already, whatever the latest.
    ends = {end for row in later for end in row[:2]}
    return touched | (ends & store.contested(tx, merchant_id, ends))


def familiar(
    tx: Transaction, merchant_id: str, sightings: Mapping[tuple[int, int], int]
) -> set[tuple[int, int]]:
    """Return those pairs (a, b) of which an observation at the given instant says nothing new.

    They were observed together before that, so both are known since then; and no phone is among them, of which the
    latest sighting counts as well.
    """
    found: dict[tuple[int, int], bool] = {}
    for a, b, kind, slot, seen_at in store.sightings(tx, merchant_id, sightings):
        pair = (a, b)
        alone = pair not in found and slot == 0 and kind == LinkKind.OBSERVED
        found[pair] = alone and seen_at < sightings[pair]
    return {pair for pair, known in found.items() if known}


def load_region(tx: Transaction, merchant_id: str, fragments: Collection[int]) -> Region:
    """Load what decides about ``fragments``: whatever links, verdicts and present membership connect them with.

    The walk does not pass through observed links of shared fragments, so that a till's tablet does not connect half
    the town, nor does it even read them once the fragment is known to be a crowd's. It does follow present
    membership: a fragment that has just become shared lets go of those it held.
    """
    inside: dict[int, Identity] = {}
    links: dict[Link, None] = {}
    verdicts: dict[Verdict, None] = {}
    shared: dict[int, Shared] = {}
    frontier = set(fragments)
    while frontier:
        known = store.identities(tx, merchant_id, frontier)
        decided = store.verdicts_of(tx, merchant_id, known)
        found, crowded = _links_of(tx, merchant_id, known, decided)
        ends = {end for link in found for end in (link.a, link.b)}
        around = store.identities(tx, merchant_id, ends - known.keys() - inside.keys())
        everyone = {**inside, **known, **around}
        met = shared_fragments(everyone.values(), found, decided)
        crowded.update((one, why) for one, why in met.items() if one in known and one not in crowded)
        shared.update(crowded)
        inside.update(known)
        verdicts.update(dict.fromkeys(decided))
        onward = set(store.fellows(tx, merchant_id, known))
        onward.update(
            end
            for verdict in decided
            if verdict.decision is Decision.JOINED
            for end in (verdict.a, verdict.b)
        )
        for link in found:
            near_shared = link.a in crowded or link.b in crowded
            if link.kind is LinkKind.OBSERVED and near_shared:
                continue
            links[link] = None
            onward.update((link.a, link.b))
        frontier = onward - inside.keys()
    kept = [link for link in links if link.a in inside and link.b in inside]
    return Region(inside, kept, list(verdicts), shared)


def _links_of(
    tx: Transaction, merchant_id: str, known: dict[int, Identity], decided: Collection[Verdict]
) -> tuple[list[Link], dict[int, Shared]]:
    """Return the links of fragments, without the sightings of those that are certainly shared, and these.

    A crowd was found shared by ``WIDE`` others more than its kind allows. Sightings are only ever added, and what may
    explain one away is a verification or a verdict: while there are fewer than ``WIDE`` of them it is shared still.
    """
    crowds = store.crowds(tx, merchant_id, known)
    firm = store.firm_links_of(tx, merchant_id, crowds)
    explained: dict[int, set[tuple[int, int]]] = {one: set() for one in crowds}
    for a, b in (*(link[:2] for link in firm), *(verdict[:2] for verdict in decided)):
        for end in (a, b):
            if end in explained:
                explained[end].add((min(a, b), max(a, b)))
    certain = {one: why for one, why in crowds.items() if len(explained[one]) < WIDE}
    near = store.links_of(tx, merchant_id, known.keys() - certain.keys())
    near += [link for link in firm if link.a in certain or link.b in certain]
    return list(dict.fromkeys(near)), certain


def resolve_region(merchant: Merchant, region: Region) -> Resolution:
    """Return the people of a region."""
    return resolve(
        region.identities.values(), region.links, region.verdicts, merchant.days.day, shared=region.shared
    )


def reconcile(tx: Transaction, merchant: Merchant, touched: Collection[int]) -> Resolution:
    """Recompute the people around ``touched`` fragments and store them; returns them."""
    region = load_region(tx, merchant.merchant_id, touched)
    resolution = resolve_region(merchant, region)
    store.save_people(tx, merchant.merchant_id, region.identities, resolution, merchant.days.start)
    wide = [why for why in region.shared.values() if why.seen >= why.limit + 1 + WIDE]
    store.save_crowds(tx, merchant.merchant_id, wide)
    return resolution


def explain(tx: Transaction, merchant: Merchant, member: int) -> Resolution:
    """Return the people around a member with the reasons for every join and refusal; stores nothing."""
    return resolve_region(merchant, load_region(tx, merchant.merchant_id, [member]))


def decide_pair(
    tx: Transaction, merchant: Merchant, one: int, other: int, decision: Decision, *, by: str, now: int
) -> Resolution:
    """Record what a person decided about two identities and recompute the people around them.

    Every merge can be undone with ``SEPARATED``, and that again with ``WITHDRAWN``: no evidence is lost, so the
    state is exactly what it was. Raises ``NotFound`` if either identity is unknown.
    """
    store.alone(tx, merchant.merchant_id)
    known = store.identities(tx, merchant.merchant_id, [one, other])
    for fragment in (one, other):
        if fragment not in known:
            raise NotFound(what_zh="身份", what_en="identity", key=str(fragment))
    store.save_verdicts(tx, merchant.merchant_id, [Verdict(one, other, decision, now, by)])
    return reconcile(tx, merchant, [one, other])
