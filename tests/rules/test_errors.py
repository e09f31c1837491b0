"""Every refusal has its place, its reason in both languages, and the nearest right name."""

from __future__ import annotations

import pytest

from guanxi.rules import BadRule, condition, parse
from tests.rules.shop import CATALOGUE

REFUSED = [
    ("", "empty", "", ""),
    ("   ", "empty", "", ""),
    ("ctiy = '杭州'", "unknown_attribute", "ctiy", "city"),
    ("gender = 'female'", "unknown_value", "'female'", ""),
    ("gender in ('f', 'M')", "unknown_value", "'M'", "m"),
    ("sum(order.paid.amont, 90d) > 1", "unknown_measure", "order.paid.amont", "order.paid.amount"),
    ("sum(order.paid, 90d) > 1", "unknown_measure", "order.paid", ""),  # two measures: which?
    ("count(order.payed, 90d) > 1", "unknown_event", "order.payed", "order.paid"),
    ("count(order.paid.amount, 90d) > 1", "unexpected_field", "order.paid.amount", ""),
    ("count(order.paid) > 1", "no_window", ")", ""),
    ("count(order.paid, 0d) > 1", "bad_window", "0d", ""),
    ("count(order.paid, -1d) > 1", "bad_window", "-", ""),
    ("count(order.paid, 9999999999999999999999d) > 1", "bad_window", "9999999999999999999999d", ""),
    ("count(order.paid, 90) > 1", "bad_window", "90", ""),
    ("count(order.paid where colour = 'red', 9d) > 1", "unknown_dimension", "colour", ""),
    ("count(order.paid where chanel = 'web', 9d) > 1", "unknown_dimension", "chanel", "channel"),
    ("distinct(order.paid.colour, 9d) > 1", "unknown_field", "order.paid.colour", ""),
    ("order.paid.amount > 3", "event_without_window", "order.paid.amount", ""),
    ("age > '3'", "wrong_type", ">", ""),
    ("age", "no_condition", "age", ""),
    ("age and vip", "no_condition", "age", ""),
    ("not age", "no_condition", "age", ""),
    ("city + 1 > 2", "wrong_type", "city", ""),
    ("tags = 'a'", "compared_set", "=", ""),
    ("city has 'a'", "wrong_type", "has", ""),
    ("vip = (age > 3)", "compared_conditions", "=", ""),
    ("city = null", "null", "null", ""),
    ("birthday > '2026-13-01'", "bad_date", "'2026-13-01'", ""),
    ("birthday > date '20260101'", "bad_date", "'20260101'", ""),
    ("city like 'a\\b'", "bad_pattern", "'a\\b'", ""),
    ("lenght(city) > 1", "unknown_function", "lenght", "length"),
    ("length(city, city) > 1", "wrong_arguments", "length(city, city)", ""),
    ("length(age) > 1", "wrong_type", "age", ""),
    ("in_audience('loyall')", "unknown_audience", "'loyall'", "loyal"),
    ("in_audience(loyal)", "wrong_type", "loyal", ""),
    ("1 < age < 3", "chained", "<", ""),
    ("age > 9007199254740993", "number_too_large", "9007199254740993", ""),
    ("age > 12abc", "bad_number", "12abc", ""),
    ("city = '杭州", "open_quote", "'杭州", ""),
    ("age > 3 ; drop", "strange_character", ";", ""),
    ("city = 'a\x00'", "strange_character", "\x00", ""),
    ("city = 'a\ud800'", "strange_character", "\ud800", ""),
    ("age > 3 vip", "unexpected", "vip", ""),
    ("(age > 3", "unexpected_end", "", ""),
    ("case else 1 end = 1", "unexpected", "else", ""),
    ("case when vip then 1 else 'a' end = 1", "wrong_type", "'a'", ""),
    ("age in (age)", "no_literal", "age", ""),
    ("age in ()", "unexpected", ")", ""),
]


@pytest.mark.parametrize(("rule", "code", "place", "near"), REFUSED)
def test_a_refusal_says_where_and_why(rule: str, code: str, place: str, near: str) -> None:
    with pytest.raises(BadRule) as caught:
        condition(rule, CATALOGUE)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert rule[problem.at.start : problem.at.end].strip() == place
    assert problem.nearest == near
    assert problem.reason.zh != problem.reason.en
    assert any("\u4e00" <= letter <= "\u9fff" for letter in problem.reason.zh)
    assert not place.isascii() or not any("\u4e00" <= letter <= "\u9fff" for letter in problem.reason.en)


def test_a_place_is_a_line_and_a_column() -> None:
    with pytest.raises(BadRule, match="2:5"):
        condition("age > 3\nand ctiy = 'x'", CATALOGUE)


def test_what_is_hidden_is_as_if_it_were_not_there() -> None:
    from dataclasses import replace

    seen = {name: known for name, known in CATALOGUE.attributes.items() if name != "birthday"}
    blind = replace(CATALOGUE, attributes=seen)
    with pytest.raises(BadRule) as hidden:
        parse("birthday is null", blind)
    with pytest.raises(BadRule) as missing:
        parse("birthdaz is null", blind)
    assert hidden.value.problems[0].code == missing.value.problems[0].code == "unknown_attribute"
    assert hidden.value.problems[0].nearest == missing.value.problems[0].nearest
