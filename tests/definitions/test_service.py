"""Definitions go live all or nothing, and every one that ever was can come back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from guanxi.definitions import Action, BadDefinitions, Ref, text
from guanxi.definitions.model import Outdated
from guanxi.kernel.clock import DAY
from guanxi.kernel.errors import InvalidInput, NotFound
from guanxi.storage.merchants import Merchant, add_merchant
from tests.installation import NOW

if TYPE_CHECKING:
    from tests.definitions.conftest import Bench

A, B, C = (Ref("toy", key) for key in "abc")

TWO = "kind: toy\nkey: b\nuses: [a]\n---\n# the first\nkind: toy\nkey: a\namount: 1\n"


def problems(caught: pytest.ExceptionInfo[BadDefinitions]) -> list[tuple[str, str, int, int]]:
    return [(one.code, one.source, one.line, one.column) for one in caught.value.problems]


def test_a_plan_says_what_it_would_do_and_does_nothing(bench: Bench) -> None:
    plan = bench.plan(TWO)
    assert [(change.ref, change.action) for change in plan.changes] == [
        (A, Action.CREATE),
        (B, Action.CREATE),
    ]
    assert plan.effects == {A: {"gains": 2}, B: {"gains": 2}}
    assert (plan.base, plan.empty) == (0, False)
    assert (bench.live(), bench.releases()) == ({}, [])


def test_what_is_applied_is_live_and_the_same_again_is_nothing(bench: Bench) -> None:
    done = bench.apply(TWO)
    assert (done.release, done.changed) == (1, True)
    assert [change.after and change.after.version for change in done.changes] == [1, 1]
    assert bench.live() == {"a": 1, "b": 1}
    assert bench.text("a") == "# the first\nkind: toy\nkey: a\namount: 1\n"
    again = bench.apply("{kind: toy, key: a, amount: 1}\n---\nkind: toy\nkey: b\nuses:\n- a\n")
    assert (again.release, again.changed) == (1, False)
    assert bench.releases() == [1]
    assert bench.text("a").startswith("# the first")


def test_history_says_who_when_and_why(bench: Bench) -> None:
    bench.apply(TWO, "开店")
    bench.installation.clock.move(DAY)
    bench.apply("kind: toy\nkey: a\namount: 2", "  涨价 ")
    bench.service.remove("shop", [B, A], by="li", why="关店")
    with bench.installation.database.reading() as tx:
        found = bench.service.history(tx, "shop", A)
        brought = bench.service.of_release(tx, "shop", 3)
    assert [(one.version, one.action, one.release.number) for one in found] == [
        (3, Action.DELETE, 3),
        (2, Action.CHANGE, 2),
        (1, Action.CREATE, 1),
    ]
    second = found[1].release
    assert (second.applied_at, second.applied_by, second.why) == (NOW + DAY, "wang", "涨价")
    assert second.summary == {"toy": {"change": 1}}
    assert [one.ref for one in brought] == [A, B]
    assert bench.live() == {}


def test_any_version_comes_back_as_a_new_one(bench: Bench) -> None:
    bench.apply("kind: toy\nkey: a\namount: 1 # one")
    bench.apply("kind: toy\nkey: a\namount: 2")
    done = bench.service.rollback("shop", A, 1, by="wang", why="算错了")
    assert (done.release, bench.text("a"), bench.live()) == (
        3,
        "kind: toy\nkey: a\namount: 1 # one\n",
        {"a": 3},
    )
    assert not bench.service.rollback("shop", A, 3, by="wang", why="x").changed
    bench.service.remove("shop", [A], by="wang", why="x")
    bench.service.rollback("shop", A, 2, by="wang", why="x")
    assert bench.live() == {"a": 5}
    bench.service.rollback("shop", A, 4, by="wang", why="back to where it was deleted")
    assert bench.live() == {}
    with pytest.raises(NotFound):
        bench.service.rollback("shop", A, 99, by="wang", why="x")


def test_a_whole_release_comes_back(bench: Bench) -> None:
    bench.apply(TWO)
    before = (bench.text("a"), bench.text("b"))
    bench.apply("kind: toy\nkey: a\namount: 2\n---\nkind: toy\nkey: c")
    bench.service.remove("shop", [B], by="wang", why="x")
    done = bench.service.rollback_release("shop", 1, by="wang", why="x")
    assert [(change.ref, change.action) for change in done.changes] == [
        (A, Action.CHANGE),
        (B, Action.CREATE),
        (C, Action.DELETE),
    ]
    assert (bench.text("a"), bench.text("b"), bench.live()) == (*before, {"a": 3, "b": 3})
    bench.service.rollback_release("shop", 0, by="wang", why="x")
    assert (bench.live(), bench.releases()) == ({}, [5, 4, 3, 2, 1])
    for release in (-1, 99):
        with pytest.raises(NotFound):
            bench.service.plan_release("shop", release)


def test_what_the_files_do_not_mention_goes_only_if_told_so(bench: Bench) -> None:
    bench.apply(TWO)
    only = "kind: toy\nkey: a\namount: 1"
    assert bench.plan(only).empty
    plan = bench.plan(only, prune=True)
    assert [(change.ref, change.action) for change in plan.changes] == [(A, Action.SAME), (B, Action.DELETE)]
    assert len(bench.plan("kind: toy\nkey: c", prune=True).changes) == 3
    with pytest.raises(BadDefinitions, match="toy b"):
        bench.plan("kind: toy\nkey: b\nuses: [a]", prune=True)
    assert bench.live() == {"a": 1, "b": 1}


def test_everything_wrong_is_told_at_once_and_nothing_is_changed(bench: Bench) -> None:
    bench.apply(TWO)
    documents = (
        "kind: toy\nkey: a\namount: x\nuses: [c]\n---\nkind: toy\nkey: d\nrule: |\n  city = 'x'\n  and cty = 'y'\n"
        "---\nkind: toy\nkey: e\nuses:\n- a\n- bb\n"
    )
    with pytest.raises(BadDefinitions) as caught:
        bench.apply(documents)
    assert problems(caught) == [
        ("bad_type", "toys.yaml", 3, 9),
        ("unknown_reference", "toys.yaml", 4, 8),
        ("unknown_attribute", "toys.yaml", 10, 7),
        ("unknown_reference", "toys.yaml", 16, 3),
    ]
    assert caught.value.problems[-1].nearest == "b"
    assert caught.value.problems[2].nearest == "city"
    assert (bench.live(), bench.releases()) == ({"a": 1, "b": 1}, [1])


def test_what_cannot_be_read_is_told_with_all_the_rest_and_hurts_nobody_who_names_it(bench: Bench) -> None:
    bench.apply("kind: toy\nkey: old\n---\nkind: toy\nkey: used")
    files = {
        "a.yaml": "kind: toy\nkey: a\namount: [1\n---\nkind: toy\nkey: b\namount: x\n",
        "b.yaml": "kind: toi\nkey: strange\n---\nkind: toy\nkey: c\nuses: [a, strange, b, nowhere]\n",
        "c.yaml": "kind: toy\nkey: d\nuses: [e]\n---\nkind: toy\nkey: e\nuses: [d]\nrule: cty = 'x'\n---\nkey: old\n",
        "d.yaml": "kind: toy\nkey: c\n",
    }
    with pytest.raises(BadDefinitions) as caught:
        bench.service.plan("shop", text.draft(files), prune=True)
    assert problems(caught) == [
        ("bad_yaml", "a.yaml", 4, 1),
        ("bad_type", "a.yaml", 7, 9),
        ("unknown_kind", "b.yaml", 1, 7),
        ("unknown_reference", "b.yaml", 6, 23),
        ("circle", "c.yaml", 3, 8),
        ("unknown_attribute", "c.yaml", 8, 7),
        ("missing_field", "c.yaml", 10, 1),
        ("defined_twice", "d.yaml", 2, 6),
    ]
    assert bench.live() == {"old": 1, "used": 1}


def test_a_bad_key_hides_nothing_else_that_is_wrong(bench: Bench) -> None:
    bench.apply(TWO)
    files = {
        "a.yaml": "kind: toy\nkey: bad two\namount: x\nuses: [a, nowhere, c, e]\nrule: 5\n---\nkind: toy\nrule: cty = 'x'\n",
        "b.yaml": "kind: toi\nkey: Bad\n---\nkind: toy\nkey: c\namount: y\n---\nkind: toy\nkey: [e\n",
    }
    with pytest.raises(BadDefinitions) as caught:
        bench.service.plan("shop", text.draft(files))
    assert problems(caught) == [
        ("bad_key", "a.yaml", 2, 6),
        ("bad_type", "a.yaml", 3, 9),
        ("unknown_reference", "a.yaml", 4, 11),
        ("unknown_reference", "a.yaml", 4, 23),
        ("no_condition", "a.yaml", 5, 7),
        ("missing_field", "a.yaml", 7, 1),
        ("unknown_attribute", "a.yaml", 8, 7),
        ("unknown_kind", "b.yaml", 1, 7),
        ("bad_key", "b.yaml", 2, 6),
        ("bad_type", "b.yaml", 6, 9),
        ("bad_yaml", "b.yaml", 10, 1),
    ]
    assert {one.ref for one in caught.value.problems if one.source == "a.yaml"} == {None}
    with pytest.raises(BadDefinitions) as caught:
        bench.service.plan("shop", text.draft({"": "kind: toy\nkey: B\namount: x\n"}))
    assert [one.where for one in caught.value.problems] == ["2:6", "3:9"]


def test_what_may_not_go_is_told_with_all_the_rest(bench: Bench) -> None:
    bench.apply(TWO)
    with pytest.raises(BadDefinitions) as caught:
        bench.plan("kind: toy\nkey: b\nuses: [a]\namount: x", prune=True)
    assert [one.code for one in caught.value.problems] == ["in_use", "bad_type"]


def test_an_unknown_kind_is_told_with_the_nearest(bench: Bench) -> None:
    with pytest.raises(BadDefinitions) as caught:
        bench.plan("kind: toi\nkey: a")
    assert (problems(caught), caught.value.problems[0].nearest) == (
        [("unknown_kind", "toys.yaml", 1, 7)],
        "toy",
    )
    with pytest.raises(BadDefinitions) as caught:
        bench.service.plan("shop", [*text.parse("kind: toy\nkey: a")] * 2 + text.parse("kind: toy\nkey: a"))
    assert caught.value.problems[0].code == "defined_twice"


def test_whatever_rests_on_a_change_is_checked_again(bench: Bench) -> None:
    bench.apply(TWO + "---\nkind: toy\nkey: c\nuses: [b]\n---\nkind: toy\nkey: d\n")
    bench.toy.checked.clear()
    plan = bench.plan("kind: toy\nkey: a\namount: 5")
    assert bench.toy.checked == ["a", "b", "c"]
    assert plan.touched == {B, C}
    assert plan.effects.keys() == {A, B, C}
    with pytest.raises(BadDefinitions) as caught:
        bench.plan("kind: toy\nkey: a\nclosed: true")
    assert [(one.ref, one.code, one.where) for one in caught.value.problems] == [(B, "closed", "toy b:3:8")]


def test_what_others_rest_on_stays(bench: Bench) -> None:
    bench.apply(TWO)
    with bench.installation.database.reading() as tx:
        assert bench.service.dependants(tx, "shop", A) == [B]
    with pytest.raises(BadDefinitions) as caught:
        bench.service.plan_removal("shop", [A])
    assert caught.value.problems[0].code == "in_use"
    assert caught.value.say("zh") == "toy a 还在被使用，不能删除：toy b。"
    assert caught.value.say("en") == "toy a cannot go while these rest on it: toy b."
    assert not bench.service.plan_removal("shop", [A, B]).empty
    with pytest.raises(NotFound):
        bench.service.plan_removal("shop", [C])


def test_a_plan_that_was_overtaken_is_refused(bench: Bench) -> None:
    slow, quick = bench.plan(TWO), bench.plan("kind: toy\nkey: c")
    bench.service.apply("shop", quick, by="li", why="x")
    with pytest.raises(Outdated, match="1"):
        bench.service.apply("shop", slow, by="wang", why="x")
    assert bench.live() == {"c": 1}


def test_one_overtaken_while_it_prepares_is_refused_too(bench: Bench) -> None:
    plan = bench.plan(TWO)

    def somebody_else() -> None:
        bench.toy.while_preparing = lambda: None
        bench.apply("kind: toy\nkey: c")

    bench.toy.while_preparing = somebody_else
    with pytest.raises(Outdated):
        bench.service.apply("shop", plan, by="wang", why="x")
    assert (bench.live(), bench.releases()) == ({"c": 1}, [1])


def test_only_what_was_seen_is_applied(bench: Bench) -> None:
    seen = bench.plan(TWO)
    documents = text.parse(TWO)
    for expect, params in (("0" * 32, {"expect": "0" * 32, "release": 0}), (4, {"base": 4, "release": 0})):
        with pytest.raises(Outdated) as caught:
            bench.service.apply("shop", documents, by="wang", why="x", expect=expect)
        assert caught.value.params == params
        assert "?" not in caught.value.say("en")
    assert bench.service.apply("shop", documents, by="wang", why="x", expect=seen.hash).release == 1
    with pytest.raises(Outdated):
        bench.service.apply("shop", documents, by="wang", why="x", expect=0)


@pytest.mark.parametrize("moment", ["while_preparing", "while_applying"])
def test_what_fails_on_its_way_leaves_nothing(bench: Bench, moment: str) -> None:
    bench.apply("kind: toy\nkey: a")
    left = iter([None, None])

    def fail() -> None:
        if next(left, "over") == "over" or moment == "while_preparing":
            raise ZeroDivisionError

    setattr(bench.toy, moment, fail)
    with pytest.raises(ZeroDivisionError):
        bench.apply("".join(f"---\nkind: toy\nkey: {key}\namount: 2\n" for key in "abcd"))
    setattr(bench.toy, moment, lambda: None)
    assert (bench.live(), bench.releases()) == ({"a": 1}, [1])


def test_sixteen_at_once_make_sixteen_whole_releases(bench: Bench) -> None:
    def insist(number: int) -> int:
        """Apply as often as it takes; returns how often somebody else was faster."""
        for lost in range(1_000):
            try:
                bench.apply(f"kind: toy\nkey: k{number}\n---\nkind: toy\nkey: all\namount: {number}")
            except Outdated:
                continue
            return lost
        raise AssertionError

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(insist, range(16)))
    assert bench.releases() == list(range(16, 0, -1))
    assert bench.live() == {"all": 16, **{f"k{number}": 1 for number in range(16)}}
    with bench.installation.database.reading() as tx:
        for number in range(1, 17):
            brought = bench.service.of_release(tx, "shop", number)
            assert [(one.ref.key == "all", one.version) for one in brought] == [(True, number), (False, 1)]
            assert f"amount: {brought[1].ref.key[1:]}\n" in brought[0].text


@pytest.mark.parametrize("why", ["", "  ", "x" * 501, "a\nb", "a\x00", "\ud800"])
def test_a_reason_is_one_line(bench: Bench, why: str) -> None:
    with pytest.raises(InvalidInput):
        bench.apply(TWO, why)
    assert bench.releases() == []


def test_merchants_have_their_own(bench: Bench) -> None:
    with bench.installation.database.transaction() as tx:
        add_merchant(tx, Merchant("other", "邻家", "Asia/Shanghai", "CNY", "", NOW))
    bench.apply(TWO)
    with bench.installation.database.reading() as tx:
        assert bench.service.live(tx, "other").definitions == {}
        assert (bench.service.release(tx, "other"), bench.service.release(tx, "shop")) == (0, 1)
        for look in (bench.service.get, bench.service.history):
            with pytest.raises(NotFound):
                look(tx, "other", A)
    done = bench.service.apply("other", text.parse(TWO), by="li", why="x")
    assert done.release == 1
