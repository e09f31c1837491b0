"""Who a member is: a pure function from the *set* of identities, links and verdicts to people.

Order of arrival and duplicates never matter. The rules and their reasons are in the decision record "Who a member
is"; in short, Kruskal's algorithm under constraints: links are taken in one canonical order, and each joins two parts
unless that would put two values of an exclusive type, or a pair that staff separated, into one person.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from guanxi.customers.identity.forest import (
    ACCOUNTS_OBSERVED,
    ACCOUNTS_VERIFIED,
    BY_HAND,
    CLAIMS,
    CONTACTS,
    CONTACTS_VERIFIED,
    STAGE,
    TWO_PHONES,
    DayOf,
    Forest,
    Pair,
    Step,
    place,
)
from guanxi.customers.identity.kinds import KINDS, Kind
from guanxi.customers.identity.model import (
    FIRST_DAY,
    Attribute,
    Consent,
    Decision,
    Evidence,
    Holding,
    Identity,
    Link,
    LinkKind,
    Merged,
    Resolution,
    Shared,
    Verdict,
)

_OBSERVED, _VERIFIED = LinkKind.OBSERVED, LinkKind.VERIFIED
"""Looked up once: a member of an enumeration is slow to reach in a loop over every link."""

_CAUTION = {Decision.JOINED: 0, Decision.WITHDRAWN: 1, Decision.SEPARATED: 2}


def resolve(
    identities: Iterable[Identity],
    links: Iterable[Link],
    verdicts: Iterable[Verdict],
    day_of: DayOf,
    *,
    kinds: Mapping[str, Kind] = KINDS,
    shared: Mapping[int, Shared] | None = None,
) -> Resolution:
    """Return the people that these identities, links and verdicts add up to.

    ``day_of`` turns an instant into the merchant's day and never decreases. ``shared`` is what ``shared_fragments``
    says of the whole merchant; without it, it is counted in what is given. With it, a set of fragments that
    ``affected`` returned may be resolved alone and comes out as in the whole.

    Raises ``ValueError`` for a fragment given as two types, an unknown type, and a link or a join whose fragment is
    missing (an observed link of a shared fragment may miss the other: it joins nobody).
    """
    known = _known(identities, kinds)
    kind_of = {fragment: kinds[identity.type] for fragment, identity in known.items()}
    decided = settled(verdicts)
    if shared is None:
        sufficient = sufficient_links(links, kind_of, day_of)
        shared = _shared(known, kind_of, sufficient, decided)
    else:
        sufficient = sufficient_links((one for one in links if connects(one, shared)), kind_of, day_of)
    if shared:
        sufficient = [one for one in sufficient if connects(one, shared)]
    separated = (pair for pair, verdict in decided.items() if verdict.decision is Decision.SEPARATED)
    forest = Forest(known, kind_of, {one: why for one, why in shared.items() if one in known}, separated)
    steps = _steps(sufficient, decided, forest)
    claims, rest = (bisect_right(steps, (stage * STAGE,)) for stage in (CLAIMS, CLAIMS + 1))
    forest.join(steps[:claims], day_of)
    forest.claim(steps[claims:rest], day_of)
    forest.join(sorted([*steps[rest:], *forest.continuities()]), day_of)
    return forest.resolution()


def first_met(
    holdings: Iterable[Holding], identities: Mapping[int, Identity], start: Callable[[int], int]
) -> int:
    """Return the instant at which a person was first met under what they hold; ``start`` is when a day begins.

    A phone number may have been met as somebody else's before it became theirs.
    """
    return min(
        identities[one.fragment].first_seen
        if one.from_day == FIRST_DAY
        else max(identities[one.fragment].first_seen, start(one.from_day))
        for one in holdings
    )


def settled(verdicts: Iterable[Verdict]) -> dict[Pair, Verdict]:
    """Return the latest verdict of every pair ``a < b``; of equal times the most cautious, separated first."""
    latest: dict[Pair, Verdict] = {}
    for verdict in verdicts:
        if verdict.a > verdict.b:
            verdict = verdict._replace(a=verdict.b, b=verdict.a)  # noqa: PLW2901 - the same verdict, ends in order
        held = latest.get((verdict.a, verdict.b))
        if held is None or _weight(verdict) > _weight(held):
            latest[verdict.a, verdict.b] = verdict
    return latest


def _weight(verdict: Verdict) -> tuple[int, int, str]:
    return verdict.at, _CAUTION[verdict.decision], verdict.by


def _known(identities: Iterable[Identity], kinds: Mapping[str, Kind]) -> dict[int, Identity]:
    known: dict[int, Identity] = {}
    for identity in identities:
        held = known.setdefault(identity.fragment, identity)
        if held is identity:
            if identity.type not in kinds:
                raise ValueError(f"unknown type of identity: {identity.type!r}")
        elif held[1:3] != identity[1:3]:
            raise ValueError(f"fragment {identity.fragment} was given as two identities")
        elif identity.first_seen < held.first_seen:
            known[identity.fragment] = identity
    return known


def shared_fragments(
    identities: Iterable[Identity],
    links: Iterable[Link],
    verdicts: Iterable[Verdict],
    *,
    kinds: Mapping[str, Kind] = KINDS,
) -> dict[int, Shared]:
    """Return the fragments that were seen with too many others, and with how many.

    A contact (phone, e-mail, device) counts the different accounts of each type and scope that events named with it;
    an account counts phones. A pair that was verified or joined or separated by hand is explained and not counted.
    The answer for a fragment depends on its own links and verdicts alone: given all of those, it is final.
    """
    known = _known(identities, kinds)
    kind_of = {fragment: kinds[identity.type] for fragment, identity in known.items()}
    return _shared(known, kind_of, list(links), settled(verdicts))


def _shared(
    known: Mapping[int, Identity],
    kind_of: Mapping[int, Kind],
    links: list[Link],
    decided: Mapping[Pair, Verdict],
) -> dict[int, Shared]:
    met = Counter([link[0] for link in links if link[3] is _OBSERVED])
    met.update([link[1] for link in links if link[3] is _OBSERVED])
    busy = {
        one for one, count in met.items() if count > 1 and one in known and count > kind_of[one].shared_above
    }
    if not busy:
        return {}
    observed: set[Pair] = set()
    explained = {pair for pair, verdict in decided.items() if verdict.decision is not Decision.WITHDRAWN}
    for a, b, _, how, _ in links:
        if a in busy or b in busy:
            (observed if how is _OBSERVED else explained).add((a, b) if a < b else (b, a))
    counts: defaultdict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for a, b in observed - explained:
        for one, other in ((a, b), (b, a)):
            if one in busy and other in known and one != other:
                theirs = kind_of[other]
                if theirs.reassignable if kind_of[one].exclusive else theirs.exclusive:
                    counts[one][theirs.key, known[other].scope] += 1
    found: dict[int, Shared] = {}
    for fragment, seen in counts.items():
        count, (counted, scope) = max((count, name) for name, count in seen.items())
        kind = kind_of[fragment]
        if count > kind.shared_above:
            found[fragment] = Shared(fragment, kind.key, count, kind.shared_above, counted, scope)
    return found


def sufficient_links(links: Iterable[Link], kind_of: Mapping[int, Kind], day_of: DayOf) -> list[Link]:
    """Return the links that decide the resolution; the others repeat them and need not be kept.

    Of links that agree in pair and kind the earliest is enough. With a phone among them, which may change hands, the
    earliest and the latest sighting are, and the earliest verification of every day. Ends come in ascending order.
    Keeping only these as links arrive gives the same as choosing them at the end.

    Raises ``ValueError`` for a link whose fragment is not in ``kind_of``.
    """
    seen: dict[Pair, Link] = {}
    last: dict[Pair, Link] = {}
    verified: dict[tuple[int, int, int], Link] = {}
    manual: dict[tuple[int, int, int], Link] = {}
    for link in links:
        a, b, at, how, event_id = link
        one, other = kind_of.get(a), kind_of.get(b)
        if one is None or other is None:
            raise ValueError(f"a link names an unknown fragment: {link!r}")
        if a >= b:
            if a == b:
                continue
            a, b = b, a
            link = Link(a, b, at, how, event_id)  # noqa: PLW2901 - the same link, ends in order
        if how is _OBSERVED:
            pair = a, b
            held = seen.setdefault(pair, link)
            if held is not link and (at, event_id) < (held[2], held[4]):
                seen[pair] = link
            if one.reassignable or other.reassignable:
                held = last.setdefault(pair, link)
                if held is not link and (at, event_id) > (held[2], held[4]):
                    last[pair] = link
        else:
            vouched = verified if how is _VERIFIED else manual
            key = a, b, day_of(at) if one.reassignable or other.reassignable else 0
            held = vouched.setdefault(key, link)
            if held is not link and (at, event_id) < (held[2], held[4]):
                vouched[key] = link
    late = [link for pair, link in last.items() if link is not seen[pair] and link != seen[pair]]
    return [*seen.values(), *late, *verified.values(), *manual.values()]


def _steps(links: Iterable[Link], decided: Mapping[Pair, Verdict], forest: Forest) -> list[Step]:
    """Put the evidence into the canonical order."""
    node, kinds = forest.node, forest.kinds
    steps: list[Step] = []
    places: dict[tuple[str, str, bool, bool], int] = {}
    for link in links:
        a, b = node[link[0]], node[link[1]]
        how = link[3]
        sort = kinds[a].key, kinds[b].key, how is _OBSERVED, how is _VERIFIED
        where = places.get(sort)
        if where is None:
            where = places[sort] = _place(kinds[a], kinds[b], how)
        steps.append((where, link[2], a, b, False, link))
    for (one, other), verdict in decided.items():
        if verdict.decision is Decision.JOINED and one != other:
            if one not in node or other not in node:
                raise ValueError(f"a join names an unknown fragment: {verdict!r}")
            a, b = node[one], node[other]
            steps.append((_place(kinds[a], kinds[b], LinkKind.MANUAL), verdict.at, a, b, True, verdict))
    steps.sort()
    return steps


def _place(one: Kind, other: Kind, how: LinkKind) -> int:
    accounts = one.exclusive and other.exclusive
    if how is LinkKind.OBSERVED:
        stage = ACCOUNTS_OBSERVED if accounts else CONTACTS
    elif one.reassignable or other.reassignable:
        stage = TWO_PHONES if one.reassignable and other.reassignable else CLAIMS
    elif how is LinkKind.MANUAL:
        stage = BY_HAND
    else:
        stage = ACCOUNTS_VERIFIED if accounts else CONTACTS_VERIFIED
    return place(stage, min(one.strength, other.strength))


def connects(evidence: Evidence, shared: Mapping[int, Shared]) -> bool:
    """Say whether resolving one end of the evidence can matter to the other: the edges that ``affected`` follows."""
    if isinstance(evidence, Verdict):
        return evidence.decision is Decision.JOINED
    return evidence.kind is not LinkKind.OBSERVED or not (evidence.a in shared or evidence.b in shared)


def affected(touched: Iterable[int], neighbours: Callable[[frozenset[int]], Iterable[int]]) -> frozenset[int]:
    """Return every fragment whose person may differ after a change, so that nothing else need be resolved again.

    ``touched`` are both ends of every link and verdict that was added or removed. ``neighbours`` returns the other
    ends of all evidence at a set of fragments that ``connects`` before *or* after the change; it is called once per
    step away from ``touched``. Resolve the answer with: its identities, the links and verdicts with both ends in it,
    and ``shared`` as ``shared_fragments`` says of the whole.
    """
    reached = frontier = frozenset(touched)
    while frontier:
        frontier = frozenset(neighbours(frontier)) - reached
        reached |= frontier
    return reached


def merge_attributes(parts: Iterable[Attribute]) -> dict[str, Merged]:
    """Merge the attributes of a person's fragments: the latest is shown, and nothing is lost.

    Latest is by time, then event id, then fragment and value, so that the answer depends on the set of parts alone.
    """
    by_name: defaultdict[str, dict[tuple[int, str, int, str], Attribute]] = defaultdict(dict)
    for part in parts:
        value = json.dumps(part.value, sort_keys=True, ensure_ascii=False)
        by_name[part.name][part.time, part.event_id, part.fragment, value] = part
    merged = {}
    for name in sorted(by_name):
        latest, *others = (part for _, part in sorted(by_name[name].items(), reverse=True))
        merged[name] = Merged(latest, tuple(others))
    return merged


def merge_consents(parts: Iterable[Consent]) -> dict[tuple[str, str], Consent]:
    """Return the consent that counts for each purpose and channel: the latest, of equal times a withdrawal."""
    counting: dict[tuple[str, str], Consent] = {}
    for part in parts:
        held = counting.get((part.purpose, part.channel))
        if held is None or _counts(part) > _counts(held):
            counting[part.purpose, part.channel] = part
    return {key: counting[key] for key in sorted(counting)}


def _counts(consent: Consent) -> tuple[int, bool, str, int]:
    return consent.time, not consent.given, consent.event_id, consent.fragment
