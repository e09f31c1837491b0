"""Why a member is in or out: every part says what the compiled rule says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings

from guanxi.kernel.text import Text
from guanxi.rules import compile_condition, compile_value, condition, sentence
from guanxi.rules.explain import Found, Reason, explain
from tests.rules.shop import CATALOGUE, TODAY, members
from tests.rules.writing import conditions


def every(reason: Reason) -> Iterator[Reason]:
    yield reason
    for part in reason.parts:
        yield from every(part)


def why(rule: str, **values: Any) -> Reason:
    return explain(condition(rule, CATALOGUE), values, TODAY, CATALOGUE)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(rule=conditions(3), rows=members(3))
def test_every_part_says_what_the_rule_says(rule: str, rows: list[dict[str, Any]]) -> None:
    node = condition(rule, CATALOGUE)
    holds = compile_condition(node)
    for row in rows:
        reason = explain(node, row, TODAY, CATALOGUE)
        assert (reason.verdict is True) == holds(row, TODAY)
        for part in every(reason):
            written = condition(part.text, CATALOGUE)
            assert part.verdict is compile_value(written)(row, TODAY)
            assert part.sentence == Text(
                sentence(written, CATALOGUE, "zh"), sentence(written, CATALOGUE, "en")
            )


def test_a_rule_is_taken_apart() -> None:
    reason = why("spent >= ¥500 and not (city = '杭州' or age between 18 and 35)", spent=60_001, age=40)
    assert (reason.verdict, reason.found) == (None, ())
    spent, others = reason.parts
    assert spent.verdict is True
    assert spent.sentence.zh == "消费不少于 ¥500.00"
    assert spent.found == (Found("spent", Text("消费", "spent"), "¥600.01"),)
    assert others.verdict is None
    city, age = others.parts[0].parts
    assert (city.verdict, city.found[0].value) == (None, None)
    assert (age.verdict, age.text, age.parts) == (False, "age between 18 and 35", ())
    assert [found.value for found in age.found] == ["40"]


def test_what_is_computed_shows_what_it_is_computed_of() -> None:
    reason = why("spent / age > score", spent=10_000, age=4, score=0.5)
    assert [(found.text, found.value) for found in reason.found] == [
        ("spent / age", "2500.0"),
        ("spent", "¥100"),
        ("age", "4"),
        ("score", "0.5"),
    ]


def test_values_of_every_kind_are_written_out() -> None:
    found = {
        one.text: one.value
        for rule in (
            "birthday < today()",
            "tags has any ('a')",
            "vip",
            "in_audience('new')",
            "sum(order.paid.amount, 90d) > 1",
            "city is null",
            "starts_with(city, lower(city))",
        )
        for one in why(
            rule,
            **{
                "birthday": 0,
                "tags": {"b", "a"},
                "vip": False,
                "in_audience('new')": True,
                "sum(order.paid.amount, 90d)": 12_345,
                "city": "É",
            },
        ).found
    }
    assert found == {
        "birthday": "1970-01-01",
        "today()": "2025-11-08",
        "tags": "a, b",
        "vip": "false",
        "in_audience('new')": "true",
        "sum(order.paid.amount, 90d)": "¥123.45",
        "city": "É",
        "lower(city)": "É",
    }


def test_values_are_shown_with_their_labels() -> None:
    (found,) = why("gender = 'f'", gender="m").found
    assert (found.value, found.said) == ("m", Text("男", "male"))
    assert why("city = '杭州'", city="杭州").found[0].said is None
    assert why("gender = 'f'").found[0].said is None
