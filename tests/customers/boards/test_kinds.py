"""Attributes, traits and audiences as definitions: what is refused where, and what an application would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from guanxi.definitions import BadDefinitions, Ref
from guanxi.definitions.text import draft, parse
from tests.customers.boards.shop import DEFINITIONS

if TYPE_CHECKING:
    from tests.customers.boards.shop import Shop


def problems(shop: Shop, text: str) -> list[tuple[str, int, int, str]]:
    with pytest.raises(BadDefinitions) as caught:
        shop.product.definitions.plan("shop", parse(text, "a.yaml"), effects=False)
    return [(one.code, one.line, one.column, one.nearest) for one in caught.value.problems]


WRONG = [
    (
        "kind: trait\nkey: a\nvalue: sum(order.paid.amout, 30d)\n",
        ("unknown_measure", 3, 12, "order.paid.amount"),
    ),
    ("kind: trait\nkey: a\nvalue: count(order.paid, -1d)\n", ("bad_window", 3, 26, "")),
    ("kind: trait\nkey: a\n", ("one_form", 1, 1, "")),
    ("kind: trait\nkey: a\nvalu: 1\nvalue: 1\n", ("unknown_field", 3, 1, "value")),
    ("kind: trait\nkey: a\nvalue: spent\nhistory: true\n", ("unknown_attribute", 3, 8, "consents")),
    ("kind: trait\nkey: first_seen\nvalue: 1\n", ("name_taken", 2, 6, "")),
    ("kind: trait\nkey: a\nquintile: {of: \"'x'\"}\n", ("wrong_type", 3, 16, "")),
    (
        "kind: trait\nkey: a\nstages:\n- {value: b, when: true}\n- {value: b, when: true}\n",
        ("repeated", 5, 11, ""),
    ),
    ("kind: audience\nkey: a\nrule: count(order.paid, 3d)\n", ("no_condition", 3, 7, "")),
    ("kind: audience\nkey: a\nrule: in_audience('nobody')\n", ("unknown_audience", 3, 19, "")),
    ("kind: audience\nkey: a\nrule: true\nstatic: true\n", ("one_form", 1, 1, "")),
    ("kind: audience\nkey: new\nrule: true\n", ("name_taken", 2, 6, "")),
    ("kind: attribute\nkey: a\ntype: txt\n", ("bad_choice", 3, 7, "text")),
    ("kind: attribute\nkey: phone\ntype: text\n", ("personal", 2, 6, "")),
    ("kind: attribute\nkey: a\ntype: int\nvalues: [1]\n", ("bad_values", 4, 9, "")),
]


def test_what_is_wrong_is_said_at_its_place(shop: Shop) -> None:
    for text, expected in WRONG:
        assert expected in problems(shop, text), text


def test_audiences_in_a_circle_are_refused(shop: Shop) -> None:
    text = "kind: audience\nkey: a\nrule: in_audience('b')\n---\nkind: audience\nkey: b\nrule: not in_audience('a')\n"
    ((code, *_),) = problems(shop, text)
    assert code == "circle"


def test_only_what_is_wrong_itself_is_told(shop: Shop) -> None:
    text = (
        "kind: trait\nkey: a\nvalue: count(order.payed, 3d)\n---\n"
        "kind: trait\nkey: b\nvalue: a + 1\n---\n"
        "kind: audience\nkey: c\nrule: b > 3 and ctiy = 'x' and in_audience('d')\n---\n"
        "kind: audience\nkey: d\nrule: b > 'x' and b is null\n---\n"
        "kind: audience\nkey: e\nrule: in_audience('f') and count(order.payd, 3d) > 1\n---\n"
        "kind: audience\nkey: f\nrule: in_audience('e')\n"
    )
    assert [(code, line, near) for code, line, _, near in problems(shop, text)] == [
        ("unknown_event", 3, "order.paid"),
        ("unknown_attribute", 11, ""),
        ("circle", 19, ""),
        ("unknown_event", 19, "order.paid"),
    ]


def test_a_bad_key_hides_nothing_else_that_is_wrong(shop: Shop) -> None:
    written = (
        "kind: audience\nkey: bad two\nrule: 5\ncolour: red\n---\nkind: trait\nvalue: count(order.payed, 3d)\n---\n"
        "kind: attribute\nkey: Vip\ntyp: bool\n---\nkind: audience\nkey: count it\n"
    )
    with pytest.raises(BadDefinitions) as caught:
        shop.product.definitions.plan("shop", draft({"f.yaml": written}))
    assert [(one.code, one.line, one.column) for one in caught.value.problems] == [
        ("bad_key", 2, 6),
        ("no_condition", 3, 7),
        ("unknown_field", 4, 1),
        ("missing_field", 6, 1),
        ("unknown_event", 7, 14),
        ("bad_choice", 9, 1),
        ("bad_key", 10, 6),
        ("unknown_field", 11, 1),
        ("one_form", 13, 1),
        ("bad_key", 14, 6),
    ]


def test_a_value_that_never_occurred_is_a_hint(shop: Shop) -> None:
    shop.apply()
    written = "kind: audience\nkey: a\nrule: |\n  count(order.paid where channel = 'nowhere', 30d) > 1\n"
    plan = shop.product.definitions.plan("shop", parse(written, "a.yaml"), effects=False)
    assert [(one.code, one.line, one.column, one.hint) for one in plan.hints] == [
        ("value_never_met", 4, 36, True)
    ]


def test_what_others_rest_on_cannot_go(shop: Shop) -> None:
    shop.apply()
    with pytest.raises(BadDefinitions) as caught:
        shop.product.definitions.plan_removal("shop", [Ref("trait", "spent")])
    (problem,) = caught.value.problems
    assert problem.code == "in_use"
    said = "trait spent cannot go while these rest on it: audience big, trait fifth."
    assert f"{problem.where} {problem.reason.en}" == caught.value.say("en") == said


def test_a_plan_says_whom_an_audience_gains_and_loses(shop: Shop) -> None:
    shop.apply()
    plan = shop.product.definitions.plan(
        "shop", parse("kind: audience\nkey: big\nrule: spent between ¥10 and ¥150\n")
    )
    assert plan.effects[Ref("audience", "big")] == {"members": 2, "gains": 1, "losses": 1}
    assert plan.effects[Ref("audience", "big_friends")] == {"members": 0, "gains": 0, "losses": 0}
    assert shop.sizes()["big"] == 2, "a plan does nothing"


def test_an_earlier_version_comes_back_with_its_board(shop: Shop) -> None:
    shop.apply()
    shop.apply("kind: audience\nkey: big\nrule: spent > ¥10\n")
    assert shop.sizes()["big"] == 3
    shop.product.definitions.rollback("shop", Ref("audience", "big"), 1, by="li", why="too wide")
    assert shop.sizes()["big"] == 2
    assert shop.count("in_audience('big')") == 2


def test_a_trait_may_not_take_the_place_of_an_attribute(shop: Shop) -> None:
    shop.apply(DEFINITIONS)
    assert ("name_taken", 2, 6, "") in problems(shop, "kind: trait\nkey: city\nvalue: 1\n")


def test_two_thousand_traits_are_checked_in_seconds(shop: Shop) -> None:
    text = "---\n".join(
        f"kind: trait\nkey: t{n}\nvalue: count(order.paid, {n % 90 + 1}d) + {n}\n" for n in range(400)
    )
    plan = shop.product.definitions.plan("shop", parse(text), effects=False)
    assert len(plan.changes) == 400
