"""What a plan comes to, whatever is live and whatever is wanted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from guanxi.definitions import Action, BadDefinitions, Definition, Ref, World, decide, text
from guanxi.definitions.model import Plan

NAMES = [Ref(kind, key) for kind in ("toy", "set") for key in "abcde"]


def made(ref: Ref, uses: Collection[Ref] = (), number: int = 0, version: int = 0) -> Definition:
    spec: dict[str, Any] = {"uses": [list(one) for one in sorted(uses)], "number": number}
    return replace(text.parse(text.write(ref, spec))[0], version=version)


def refs(definition: Definition) -> set[Ref]:
    return {Ref(*one) for one in definition.spec["uses"]}


@st.composite
def worlds(draw: st.DrawFn, version: int) -> dict[Ref, Definition]:
    """Definitions that rest on earlier ones of a random order: without circles and without gaps."""
    order = draw(st.permutations(NAMES))[: draw(st.integers(0, len(NAMES)))]
    return {
        ref: made(ref, draw(st.sets(st.sampled_from(order[:at]), max_size=3)) if at else (), draw(st.integers(0, 2)), version)
        for at, ref in enumerate(order)
    }  # fmt: skip


@st.composite
def wishes(draw: st.DrawFn) -> dict[Ref, Definition]:
    """Definitions that rest on whatever they like."""
    chosen = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5))
    return {
        ref: made(ref, draw(st.sets(st.sampled_from(NAMES), max_size=2)), draw(st.integers(0, 2)))
        for ref in chosen
    }


def specs(definitions: Mapping[Ref, Definition]) -> dict[Ref, Any]:
    return {ref: one.spec for ref, one in definitions.items()}


def assert_ordered(plan: Plan, live: World, then: World) -> None:
    places = {change.ref: at for at, change in enumerate(plan.changes)}
    assert len(places) == len(plan.changes)
    for change in plan.changes:
        world = live if change.action is Action.DELETE else then
        for needed in refs(world.definitions[change.ref]) & places.keys():
            before, after = places[needed], places[change.ref]
            goes = plan.changes[before].action is Action.DELETE
            assert after < before if goes else before < after
    actions = [change.action is Action.DELETE for change in plan.changes]
    assert actions == sorted(actions)


@given(worlds(version=1), worlds(version=0), st.booleans())
def test_a_plan_leads_to_what_is_wanted(
    live: dict[Ref, Definition], wanted: dict[Ref, Definition], prune: bool
) -> None:
    now = World(live)
    dropped = live.keys() - wanted.keys() if prune else set()
    meant = {**({} if prune else live), **wanted}
    plan, problems, _ = decide.draw(7, now, wanted, dropped, refs)
    if any(one.code == "circle" for one in problems):
        # What stays and what is new may go round in a circle; with everything else gone it cannot.
        assert any(ref in decide.resting_on(World(meant), [ref], refs) for ref in meant)
        return
    assert not problems
    then = decide.after(now, plan.changes)
    assert specs(then.definitions) == specs(meant)
    assert_ordered(plan, now, then)
    for change in plan.changes:
        assert (change.before, change.ref in meant) == (live.get(change.ref), change.after is not None)
    again, _, _ = decide.draw(8, then_live(then), wanted, (), refs)
    assert again.empty
    assert {change.ref for change in again.changes} == wanted.keys()


def then_live(world: World) -> World:
    return World({ref: replace(one, version=one.version or 2) for ref, one in world.definitions.items()})


@given(worlds(version=1), wishes(), st.sets(st.sampled_from(NAMES), max_size=3))
def test_nothing_is_left_resting_on_nothing_or_on_itself(
    live: dict[Ref, Definition], wanted: dict[Ref, Definition], dropped: set[Ref]
) -> None:
    dropped -= wanted.keys()
    meant = {ref: one for ref, one in {**live, **wanted}.items() if ref not in dropped}
    plan, problems, unsure = decide.draw(0, World(live), wanted, dropped, refs)
    circling = {ref for ref in meant if ref in decide.resting_on(World(meant), [ref], refs)}
    told = [one for one in problems if one.code == "circle"]
    assert bool(circling) == bool(told)
    assert {one.ref for one in told} <= circling
    assert {ref.key for ref in decide.resting_on(World(meant), circling, refs)} <= unsure
    gone = dropped & live.keys()
    gaps = {(one.ref, needed) for one in meant.values() for needed in refs(one) if needed not in meant}
    assert len([one for one in problems if one.code == "unknown_reference"]) == len(
        {gap for gap in gaps if gap[1] not in gone}
    )
    assert {one.ref for one in problems if one.code == "in_use"} == {needed for _, needed in gaps} & gone
    moved = {change.ref for change in plan.changes if change.action is not Action.SAME}
    assert plan.touched == decide.resting_on(World(meant), moved, refs) - moved
    assert {one.ref for one in decide.to_check(plan)} == (moved - gone) | plan.touched


@given(worlds(version=1), wishes())
def test_a_plans_hash_is_what_it_does(live: dict[Ref, Definition], wanted: dict[Ref, Definition]) -> None:
    try:
        plan, _, _ = decide.draw(3, World(live), wanted, (), refs)
    except BadDefinitions:
        assume(False)
        raise
    counted = replace(plan, effects={NAMES[0]: {"gains": 1}})
    assert counted.hash == plan.hash
    assert len(plan.hash) == 32
    assert replace(plan, base=4).hash != plan.hash
    if not plan.empty:
        assert replace(plan, changes=()).hash != plan.hash


def test_how_it_is_written_does_not_count() -> None:
    (live,) = text.parse("kind: toy\nkey: a\nx: 1\ny: [b, 'c']")
    (wanted,) = text.parse("# said again\nkind: toy\nkey: a\ny:\n- b\n- c\nx: 1", "f.yaml")
    now = World({live.ref: replace(live, version=3)})
    plan, _, _ = decide.draw(1, now, {wanted.ref: wanted}, (), lambda _: ())
    (change,) = plan.changes
    assert change.action is Action.SAME
    assert change.after is not None
    assert (change.after.version, change.after.text, change.after.source) == (3, live.text, "f.yaml")


@pytest.mark.parametrize(("one", "other"), [("1", "true"), ("1", "'1'"), ("0", "null"), ("[a, b]", "[b, a]")])
def test_what_it_says_does(one: str, other: str) -> None:
    (live,) = text.parse(f"kind: toy\nkey: a\nx: {one}")
    (wanted,) = text.parse(f"kind: toy\nkey: a\nx: {other}")
    plan, _, _ = decide.draw(1, World({live.ref: live}), {wanted.ref: wanted}, (), lambda _: ())
    assert plan.changes[0].action is Action.CHANGE


def test_a_circle_is_named_with_its_path_where_it_was_written() -> None:
    a, b = Ref("toy", "a"), Ref("toy", "b")
    live = World({b: made(b, [a], version=1), a: made(a, version=1)})
    (wanted,) = text.parse("kind: toy\nkey: a\nnumber: 1\nuses:\n- [toy, b]", "f.yaml")
    (problem,) = decide.draw(1, live, {a: wanted}, (), refs).problems
    assert problem.where == "f.yaml:5:9"
    assert "toy a → toy b → toy a" in problem.reason.en


def test_one_that_rests_on_itself_is_a_circle() -> None:
    a = Ref("toy", "a")
    (problem,) = decide.draw(0, World(), {a: made(a, [a])}, (), refs).problems
    assert "toy a → toy a" in problem.reason.en


def test_every_circle_is_told_once() -> None:
    names = [Ref("toy", f"k{n}") for n in range(6)]
    wanted = {ref: made(ref, [names[at ^ 1]]) for at, ref in enumerate(names)}
    plan, problems, unsure = decide.draw(0, World(), wanted, (), refs)
    assert [one.code for one in problems] == ["circle"] * 3
    assert len(plan.changes) == 6
    assert unsure == {ref.key for ref in names}


def test_a_long_chain_is_no_problem() -> None:
    names = [Ref("toy", f"k{n}") for n in range(5_000)]
    chain = {ref: made(ref, names[at - 1 : at] if at else ()) for at, ref in enumerate(names)}
    plan, problems, _ = decide.draw(0, World(), chain, (), refs)
    assert not problems
    assert [change.ref for change in plan.changes] == names


def test_a_difference_is_shown_line_by_line() -> None:
    shown = decide.diff("a: 1\nb: 2\n", "a: 1\nb: 3\n", ("now", "then"))
    assert shown == "--- now\n+++ then\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n"
    assert not decide.diff("a", "a", ("now", "then"))
