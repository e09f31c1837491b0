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
    TWO_PHONES,
    DayOf,
    Forest,
    Pair,
    Step,
)
from guanxi.customers.identity.kinds import KINDS, Kind
from guanxi.customers.identity.model import (
    Attribute,
    Consent,
    Decision,
    Evidence,
    Identity,
    Link,
    LinkKind,
    Merged,
    Resolution,
    Shared,
    Verdict,
)

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
    links = list(links)
    decided = settled(verdicts)
    if shared is None:
        shared = _shared(known, links, decided, kinds)
    links = [
        link
        for link in links
        if link.kind is not LinkKind.OBSERVED or not (link.a in shared or link.b in shared)
    ]
    _check_ends(known, links, decided)
    kind_of = {fragment: kinds[identity.type] for fragment, identity in known.items()}
    forest = Forest(known, kind_of, {one: shared[one] for one in shared if one in known}, decided)
    steps = _steps(sufficient_links(links, kind_of, day_of), decided, kind_of)
    first_contact = bisect_right(steps, CONTACTS - 1, key=lambda step: step[0])
    for step in steps[:first_contact]:
        forest.take(step, day_of)
    contacts = (
        sorted([*steps[first_contact:], *forest.continuities()]) if forest.lines else steps[first_contact:]
    )
    for step in contacts:
        forest.take(step, day_of)
    return forest.resolution()


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


def _check_ends(
    known: Mapping[int, Identity], links: Iterable[Link], decided: Mapping[Pair, Verdict]
) -> None:
    for link in links:
        if link.a not in known or link.b not in known:
            raise ValueError(f"a link names an unknown fragment: {link!r}")
    for (a, b), verdict in decided.items():
        if verdict.decision is Decision.JOINED and (a not in known or b not in known):
            raise ValueError(f"a join names an unknown fragment: {verdict!r}")


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
    return _shared(_known(identities, kinds), list(links), settled(verdicts), kinds)


def _shared(
    known: Mapping[int, Identity],
    links: list[Link],
    decided: Mapping[Pair, Verdict],
    kinds: Mapping[str, Kind],
) -> dict[int, Shared]:
    observed = {_pair(link) for link in links if link.kind is LinkKind.OBSERVED and link.a != link.b}
    observed -= {_pair(link) for link in links if link.kind is not LinkKind.OBSERVED}
    observed -= {pair for pair, verdict in decided.items() if verdict.decision is not Decision.WITHDRAWN}
    degree = Counter(a for a, _ in observed) + Counter(b for _, b in observed)
    busy = {
        fragment
        for fragment, count in degree.items()
        if fragment in known and count > kinds[known[fragment].type].shared_above
    }
    counts: defaultdict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for a, b in observed if busy else ():
        for one, other in ((a, b), (b, a)):
            if one in busy and other in known:
                mine, theirs = kinds[known[one].type], kinds[known[other].type]
                if theirs.reassignable if mine.exclusive else theirs.exclusive:
                    counts[one][theirs.key, known[other].scope] += 1
    found: dict[int, Shared] = {}
    for fragment, seen in counts.items():
        count, (counted, scope) = max((count, name) for name, count in seen.items())
        kind = kinds[known[fragment].type]
        if count > kind.shared_above:
            found[fragment] = Shared(fragment, kind.key, count, kind.shared_above, counted, scope)
    return found


def _pair(link: Link) -> Pair:
    return (link.a, link.b) if link.a < link.b else (link.b, link.a)


def sufficient_links(links: Iterable[Link], kind_of: Mapping[int, Kind], day_of: DayOf) -> list[Link]:
    """Return the links that decide the resolution; the others repeat them and need not be kept.

    Of links that agree in pair and kind the earliest is enough. With a phone among them, which may change hands, the
    earliest and the latest sighting are, and the earliest verification of every day. Ends come in ascending order.
    Keeping only these as links arrive gives the same as choosing them at the end.
    """
    first: dict[tuple[int, int, str, int], Link] = {}
    last: dict[Pair, Link] = {}
    for link in links:
        a, b, seen_at, kind, event_id = link
        if a == b:
            continue
        if a > b:
            a, b = b, a
            link = Link(a, b, seen_at, kind, event_id)  # noqa: PLW2901 - the same link, ends in order
        slot = 0
        if kind_of[a].reassignable or kind_of[b].reassignable:
            if kind is not LinkKind.OBSERVED:
                slot = day_of(seen_at)
            else:
                latest = last.get((a, b))
                if latest is None or (seen_at, event_id) > (latest[2], latest[4]):
                    last[a, b] = link
        held = first.get((a, b, kind, slot))
        if held is None or (seen_at, event_id) < (held[2], held[4]):
            first[a, b, kind, slot] = link
    late = (link for pair, link in last.items() if link != first[*pair, LinkKind.OBSERVED, 0])
    return [*first.values(), *late]


def _steps(links: Iterable[Link], decided: Mapping[Pair, Verdict], kind_of: Mapping[int, Kind]) -> list[Step]:
    """Put the evidence into the canonical order."""
    steps: list[Step] = []
    for link in links:
        a, b, seen_at, sort, event_id = link
        one, other = kind_of[a], kind_of[b]
        weight = -2 * min(one.strength, other.strength)
        accounts = one.exclusive and other.exclusive
        if sort is LinkKind.OBSERVED:
            stage = ACCOUNTS_OBSERVED if accounts else CONTACTS
        else:
            stage = _vouched_stage(one, other)
            if stage == BY_HAND and sort is LinkKind.VERIFIED:
                stage = ACCOUNTS_VERIFIED if accounts else CONTACTS_VERIFIED
        steps.append((stage, 0 if stage == CLAIMS else weight, seen_at, a, b, sort, event_id, link))
    for (a, b), verdict in decided.items():
        if verdict.decision is Decision.JOINED and a != b:
            one, other = kind_of[a], kind_of[b]
            stage = _vouched_stage(one, other)
            weight = 0 if stage == CLAIMS else -2 * min(one.strength, other.strength)
            steps.append((stage, weight, verdict.at, a, b, verdict.decision, verdict.by, verdict))
    steps.sort()
    return steps


def _vouched_stage(one: Kind, other: Kind) -> int:
    return (BY_HAND, CLAIMS, TWO_PHONES)[one.reassignable + other.reassignable]


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
