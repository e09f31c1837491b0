"""What holds of every resolution, whatever was seen and decided, in whatever order it arrived."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given, strategies as st

from guanxi.customers.identity.decide import (
    affected,
    connects,
    resolve,
    settled,
    shared_fragments,
    sufficient_links,
)
from guanxi.customers.identity.kinds import KINDS, Kind
from guanxi.customers.identity.model import (
    FIRST_DAY,
    LAST_DAY,
    Code,
    Decision,
    Evidence,
    Identity,
    Link,
    LinkKind,
    Person,
    Resolution,
    Shared,
    Verdict,
)
from tests.customers.identity.worlds import DAY, day_of, holder_on, holders, naive_people

# Small limits, so that small worlds have shared phones, e-mails and devices and guest cards too.
LIMITED = {
    limit: {key: replace(kind, shared_above=min(limit, kind.shared_above)) for key, kind in KINDS.items()}
    for limit in (1, 2, 3)
}
TYPES = (
    ("member_no", ""),
    ("member_no", ""),
    ("member_no", ""),
    ("openid", "app1"),
    ("openid", "app2"),
    ("unionid", "wechat"),
    ("phone", ""),
    ("phone", ""),
    ("email", ""),
    ("device", ""),
)


class Facts(NamedTuple):
    identities: tuple[Identity, ...]
    links: tuple[Link, ...]
    verdicts: tuple[Verdict, ...]
    limit: int

    @property
    def kinds(self) -> dict[str, Kind]:
        return LIMITED[self.limit]

    @property
    def kind_of(self) -> dict[int, Kind]:
        return {one.fragment: self.kinds[one.type] for one in self.identities}

    def resolve(self, shared: dict[int, Shared] | None = None) -> Resolution:
        return resolve(self.identities, self.links, self.verdicts, day_of, kinds=self.kinds, shared=shared)

    def shared(self) -> dict[int, Shared]:
        return shared_fragments(self.identities, self.links, self.verdicts, kinds=self.kinds)

    def evidence(self) -> list[Evidence]:
        return [*self.links, *settled(self.verdicts).values()]

    def within(self, region: Iterable[int]) -> Facts:
        inside = frozenset(region)
        return Facts(
            tuple(one for one in self.identities if one.fragment in inside),
            tuple(link for link in self.links if link.a in inside and link.b in inside),
            tuple(verdict for verdict in self.verdicts if verdict.a in inside and verdict.b in inside),
            self.limit,
        )


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Few values and many links, so that conflicts, shared values and phones that change hands are common."""
    types = draw(st.lists(st.sampled_from(TYPES), min_size=3, max_size=11))
    instants = st.integers(0, 14).map(lambda half: half * DAY // 2)
    identities = tuple(
        Identity(number * 7 % 31 - 9, *type_, draw(instants)) for number, type_ in enumerate(types)
    )
    fragments = [one.fragment for one in identities]
    ends = st.sampled_from(fragments)
    kinds = st.sampled_from([LinkKind.OBSERVED] * 4 + [LinkKind.VERIFIED] * 4 + [LinkKind.MANUAL])
    events = st.sampled_from(["e1", "e2"])
    links = draw(st.lists(st.builds(Link, ends, ends, instants, kinds, events), max_size=2 * len(types)))
    for wanted, how in (("phone", kinds), (draw(st.sampled_from(types))[0], st.just(LinkKind.OBSERVED))):
        busy = [one.fragment for one in identities if one.type == wanted]
        if busy:
            calls = st.builds(Link, st.sampled_from(busy), ends, instants, how, events)
            links += draw(st.lists(calls, min_size=len(types) // 2, max_size=12))
    verdicts = st.lists(
        st.builds(Verdict, ends, ends, st.sampled_from(Decision), instants, st.just("staff")), max_size=6
    )
    return Facts(
        identities,
        tuple(links),
        tuple(draw(verdicts)),
        draw(st.sampled_from(sorted(LIMITED))),
    )


def people_in(resolution: Resolution, region: frozenset[int]) -> set[Person]:
    return {
        person for person in resolution.people if all(held.fragment in region for held in person.holdings)
    }


@given(facts(), st.randoms(use_true_random=False))
def test_order_direction_and_duplicates_do_not_matter(world: Facts, random: object) -> None:
    def shuffled(things: tuple[Evidence, ...]) -> list[Evidence]:
        turned = [one._replace(a=one.b, b=one.a) if index % 3 else one for index, one in enumerate(things)]
        both = [*things, *turned]
        random.shuffle(both)  # type: ignore[attr-defined]
        return both

    identities = [
        *world.identities,
        *(one._replace(first_seen=one.first_seen + one.fragment % 5 * DAY) for one in world.identities),
    ]
    random.shuffle(identities)  # type: ignore[attr-defined]
    again = resolve(identities, shuffled(world.links), shuffled(world.verdicts), day_of, kinds=world.kinds)  # type: ignore[arg-type]
    assert again == world.resolve()


@given(facts())
def test_sufficient_links_suffice_and_can_be_kept_as_they_arrive(world: Facts) -> None:
    kinds = world.kind_of
    few = sufficient_links(world.links, kinds, day_of)
    assert world._replace(links=tuple(few)).resolve() == world.resolve()
    kept: list[Link] = []
    for link in world.links:
        kept = sufficient_links([*kept, link], kinds, day_of)
    assert set(kept) == set(few)


@given(facts())
def test_every_fragment_has_exactly_one_holder_on_every_day(world: Facts) -> None:
    spans = holders(world.resolve())
    assert set(spans) == {one.fragment for one in world.identities}
    for of_one in spans.values():
        assert of_one[0][0] == FIRST_DAY
        assert of_one[-1][1] == LAST_DAY
        assert all(start < until for start, until, _ in of_one)
        for (_, until, held_by), (start, _, next_) in pairwise(of_one):
            assert until == start
            assert held_by is not next_


@given(facts())
def test_nobody_has_two_values_of_an_exclusive_type_or_a_separated_pair(world: Facts) -> None:
    by_fragment = {one.fragment: one for one in world.identities}
    for person in world.resolve().people:
        held = {one.fragment for one in person.holdings}
        accounts = [by_fragment[one][1:3] for one in held if world.kinds[by_fragment[one].type].exclusive]
        assert len(accounts) == len(set(accounts))
        for verdict in settled(world.verdicts).values():
            if verdict.decision is Decision.SEPARATED and verdict.a != verdict.b:
                assert not {verdict.a, verdict.b} <= held


@given(facts())
def test_canonical_fragments_are_unique_and_the_earliest_of_the_best(world: Facts) -> None:
    resolution = world.resolve()
    names = [person.canonical for person in resolution.people]
    assert names == sorted(set(names))
    by_fragment = {one.fragment: one for one in world.identities}

    def order(fragment: int) -> tuple[int, int, int]:
        one = by_fragment[fragment]
        rank = 2 if world.kinds[one.type].reassignable else int(fragment in resolution.shared)
        return rank, one.first_seen, fragment

    for person in resolution.people:
        held = {one.fragment for one in person.holdings}
        assert person.canonical == min(held, key=order)


@given(facts())
def test_every_link_joins_or_is_refused_with_a_reason_or_is_of_a_shared_fragment(world: Facts) -> None:
    resolution = world.resolve()
    kinds = world.kind_of
    refused = {refusal.evidence for refusal in resolution.refusals}
    for refusal in resolution.refusals:
        assert refusal.text.zh
        assert refusal.text.en
        assert refusal.ours != refusal.theirs
        if refusal.code is Code.SEPARATED:
            verdict = settled(world.verdicts)[min(refusal[2:4]), max(refusal[2:4])]
            assert verdict.decision is Decision.SEPARATED
        else:
            assert refusal.ours_type == refusal.theirs_type
    for link in sufficient_links(world.links, kinds, day_of):
        if not connects(link, resolution.shared):
            assert link not in refused
            continue
        day = day_of(link.seen_at)
        together = holder_on(resolution, link.a, day) is holder_on(resolution, link.b, day)
        claim = link.kind is not LinkKind.OBSERVED and (
            kinds[link.a].reassignable or kinds[link.b].reassignable
        )
        if not claim:  # of two verifications on one day the later has the day
            assert together is (link not in refused)
        else:
            assert not (together and link in refused)
    for person in resolution.people:
        for join in person.joins:
            assert join.evidence not in refused
            assert join.text.zh
            assert join.text.en


@given(facts())
def test_joins_alone_lead_to_the_same_people(world: Facts) -> None:
    """Idempotence: what joined people is all that is needed to join them again."""
    resolution = world.resolve()
    used = [join.evidence for person in resolution.people for join in person.joins]
    separations = [one for one in settled(world.verdicts).values() if one.decision is not Decision.JOINED]
    again = resolve(
        world.identities,
        [one for one in used if isinstance(one, Link)],
        [*(one for one in used if isinstance(one, Verdict)), *separations],
        day_of,
        kinds=world.kinds,
        shared=resolution.shared,
    )
    assert again.people == resolution.people


@given(facts(), st.data())
def test_withdrawing_a_decision_undoes_it_exactly(world: Facts, data: st.DataObject) -> None:
    ends = st.sampled_from([one.fragment for one in world.identities])
    a, b = data.draw(ends), data.draw(ends)
    undecided = tuple(one for one in world.verdicts if {one.a, one.b} != {a, b})
    before = world._replace(verdicts=undecided).resolve()
    decision = data.draw(st.sampled_from([Decision.JOINED, Decision.SEPARATED]))
    made = Verdict(a, b, decision, 100 * DAY, "staff")
    undone = Verdict(b, a, Decision.WITHDRAWN, 101 * DAY, "staff")
    during = world._replace(verdicts=(*undecided, made)).resolve()
    if decision is Decision.SEPARATED and a != b:
        assert not any({a, b} <= {held.fragment for held in person.holdings} for person in during.people)
    assert world._replace(verdicts=(*undecided, made, undone)).resolve() == before


@given(facts(), st.data())
def test_only_what_a_change_can_reach_need_be_resolved_again(world: Facts, data: st.DataObject) -> None:
    """The promise that the store stands on: outside the affected region nothing changes, inside it is exact."""
    cut_links = data.draw(st.integers(0, len(world.links)))
    cut_verdicts = data.draw(st.integers(0, len(world.verdicts)))
    before = world._replace(links=world.links[:cut_links], verdicts=world.verdicts[:cut_verdicts])
    after = world
    if data.draw(st.booleans()):
        before, after = after, before
    changed = set(before.evidence()) ^ set(after.evidence())
    changed |= {*world.links[cut_links:], *world.verdicts[cut_verdicts:]}
    touched = {end for one in changed for end in one[:2]}
    edges = [
        one[:2] for facts_ in (before, after) for one in facts_.evidence() if connects(one, facts_.shared())
    ]

    def neighbours(frontier: frozenset[int]) -> set[int]:
        return {end for edge in edges if not frontier.isdisjoint(edge) for end in edge}

    region = affected(touched, neighbours)
    outside = frozenset(one.fragment for one in world.identities) - region
    old, new = before.resolve(), after.resolve()
    assert people_in(old, outside) == people_in(new, outside)
    inside = after.within(region).resolve(after.shared())
    assert set(inside.people) == people_in(new, region)
    assert len(inside.people) + len(people_in(new, outside)) == len(new.people)
    assert inside.refusals == tuple(one for one in new.refusals if one.evidence.a in region)
    assert inside.handed == tuple(one for one in new.handed if one.fragment in region)


@given(facts())
def test_whole_components_resolve_alone_as_in_the_whole(world: Facts) -> None:
    shared, whole = world.shared(), world.resolve()
    joining = [
        Link(one.a, one.b, 0, LinkKind.OBSERVED, "") for one in world.evidence() if connects(one, shared)
    ]
    people: set[Person] = set()
    for component in naive_people(world.identities, joining):
        people |= set(world.within(component).resolve(shared).people)
    assert people == set(whole.people)


@given(facts())
def test_being_shared_depends_on_ones_own_links_alone(world: Facts) -> None:
    shared = world.shared()
    for one in world.identities:
        own = world._replace(
            links=tuple(link for link in world.links if one.fragment in link[:2]),
            verdicts=tuple(verdict for verdict in world.verdicts if one.fragment in verdict[:2]),
        )
        assert own.shared().get(one.fragment) == shared.get(one.fragment)


@given(facts(), st.data())
def test_a_later_sighting_never_moves_a_phone(world: Facts, data: st.DataObject) -> None:
    kinds = world.kind_of
    phones = [fragment for fragment, kind in kinds.items() if kind.reassignable]
    accounts = [fragment for fragment, kind in kinds.items() if kind.exclusive]
    met = {frozenset(link[:2]) for link in world.links}
    fresh = [(p, x) for p in phones for x in accounts if frozenset((p, x)) not in met]
    if not fresh:
        return
    phone, stranger = data.draw(st.sampled_from(fresh))
    later = Link(phone, stranger, 900 * DAY, LinkKind.OBSERVED, "later")
    old, new = world.resolve(), world._replace(links=(*world.links, later)).resolve()
    if old.shared != new.shared:
        return
    for link in sufficient_links(world.links, kinds, day_of):
        if (link.a in phones and link.b in accounts) or (link.a in accounts and link.b in phones):
            day = day_of(link.seen_at)
            if holder_on(old, link.a, day) is holder_on(old, link.b, day):
                assert holder_on(new, link.a, day) is holder_on(new, link.b, day)


def test_a_hundred_thousand_links_are_no_trouble() -> None:
    """Takes two seconds on a busy core; the bound only catches what is not near linear."""
    identities = [
        Identity(n, *(("member_no", ""), ("phone", ""), ("openid", "app"))[n % 3], n) for n in range(120_000)
    ]
    links = [
        Link(
            n,
            n // 3 * 3 + (n + 1) % 3,
            n * 1_000_000 * 600,
            LinkKind.VERIFIED if n % 7 == 0 else LinkKind.OBSERVED,
            f"e{n}",
        )
        for n in range(100_000)
    ]
    begun = time.perf_counter()
    resolution = resolve(identities, links, [], day_of)
    assert time.perf_counter() - begun < 20
    assert len(resolution.people) > 40_000
