"""A rule written again says the same, and is written the same when it is written once more."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from guanxi.kernel.text import Text
from guanxi.rules import Catalogue, Dimension, EventType, Known, Measure, Type, parse
from guanxi.rules.unparse import text
from tests.rules.shop import CATALOGUE
from tests.rules.test_hostile import TALL, WHOLE
from tests.rules.writing import conditions, numbers, texts


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(rule=st.one_of(conditions(3), numbers(3), texts(3)))
def test_a_rule_written_again_is_the_same_rule(rule: str) -> None:
    node = parse(rule, CATALOGUE)
    written = text(node)
    assert parse(written, CATALOGUE) == node
    assert text(parse(written, CATALOGUE)) == written


@pytest.mark.parametrize("rule", [*TALL, *WHOLE])
def test_a_large_rule_is_written_again(rule: str) -> None:
    node = parse(rule, CATALOGUE)
    assert parse(text(node), CATALOGUE) == node


@pytest.mark.parametrize(
    ("rule", "canonical"),
    [
        ("age>=3 AND vip=FALSE", "age >= 3 and not vip"),
        ("age >= 18 and age <= 35", "age between 18 and 35"),
        ("not (age between 18 and 35)", "age not between 18 and 35"),
        ("vip and age = 1 or (age = 2)", "(vip and age = 1) or age = 2"),
        ("vip and (age = 1 and vip)", "vip and (age = 1 and vip)"),
        ("not (not vip)", "not (not vip)"),
        ("-(-age) = 1", "-(-age) = 1"),
        ("age - (1 - 2) - 3 * (4 / 5) = -6", "age - (1 - 2) - 3 * (4 / 5) = -6"),
        ("spent ≥ ￥500.10", "spent >= ¥500.10"),
        ("score = 1e3", "score = 1000.0"),
        ("birthday < date '2000-01-01'", "birthday < '2000-01-01'"),
        ("date '2000-01-01' < date '2001-01-01'", "date '2000-01-01' < date '2001-01-01'"),
        ("tags has all ('a')", "tags has 'a'"),
        ("tags has any ('a')", "tags has any ('a')"),
        ("city = 'it''s'", "city = 'it''s'"),
        (
            "count(order.paid where category in ('b', 'a', 'b'), 30天) > 1",
            "count(order.paid where category in ('a', 'b'), 30d) > 1",
        ),
    ],
)
def test_the_canonical_text(rule: str, canonical: str) -> None:
    assert text(parse(rule, CATALOGUE)) == canonical


def test_names_that_are_no_plain_words_are_quoted() -> None:
    both = Text("名", "name")
    catalogue = Catalogue(
        attributes={
            odd: Known(Type.INT, both) for odd in ("a b", "and", 'say "x"', "1st", "数量", "count", "（")
        },
        events={
            "加购 商品": EventType(
                both,
                measures={"金 额": Measure(Type.MONEY, both)},
                dimensions={"in": Dimension(both, ("金 额",))},
            )
        },
    )
    rule = (
        '"a b" = 1 and "and" = 2 and "say ""x""" = 3 and "1st" = 4 and 数量 = 5 and count in (6, 7) and "（" = 8'
        ' and sum("加购 商品.金 额" where "in" = \'x\', 7d) > 1'
    )
    node = parse(rule, catalogue)
    assert text(node) == rule
    assert parse(text(node), catalogue) == node
