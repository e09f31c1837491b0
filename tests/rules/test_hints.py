"""Values that never occurred are told, with the nearest that did, and make no rule wrong."""

from __future__ import annotations

import pytest

from guanxi.rules import condition
from guanxi.rules.hints import hints
from tests.rules.shop import CATALOGUE

MET = {("order.paid", "channel"): ["live", "store", "茶" * 80]}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("count(order.paid where channel = 'liv', 9d) > 1", [("'liv'", "live")]),
        (
            "count(order.paid where channel in ('live', 'x', 'stoer'), 9d) > 1",
            [("'x'", ""), ("'stoer'", "store")],
        ),
        ("count(order.paid where channel = 'live', 9d) > 1", []),
        (f"count(order.paid where channel = '{'茶' * 99}', 9d) > 1", []),
        (
            "count(order.paid where channel = 'x', 9d) > count(order.paid where channel = 'x', 30d)",
            [("'x'", "")] * 2,
        ),
        ("count(order.paid where category = 'x', 9d) > 1", []),
        ("city = 'x'", []),
    ],
)
def test_a_value_that_never_occurred(rule: str, told: list[tuple[str, str]]) -> None:
    found = hints(rule, condition(rule, CATALOGUE), CATALOGUE, MET)
    assert [(rule[one.at.start : one.at.end], one.nearest) for one in found] == told


def test_it_says_so_in_both_languages() -> None:
    rule = "count(order.paid where channel = 'liv', 9d) > 1"
    (one,) = hints(rule, condition(rule, CATALOGUE), CATALOGUE, MET)
    assert "“liv”还没有出现过。是不是 'live'？" in one.reason.zh
    assert "'liv' has not occurred as" in one.reason.en
