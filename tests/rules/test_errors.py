"""Every refusal has its place, its reason in both languages, and the nearest right name."""

from __future__ import annotations

import pytest

from guanxi.kernel.text import Text
from guanxi.rules import BadRule, InAudience, condition, parse
from guanxi.rules.model import Unsure
from tests.rules.shop import CATALOGUE

REFUSED = [
    ("", "empty", "", ""),
    ("   ", "empty", "", ""),
    ("ctiy = '杭州'", "unknown_attribute", "ctiy", "city"),
    ("gender = 'female'", "unknown_value", "'female'", "f"),
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
    ("gender = '女'", "unknown_value", "'女'", "f"),
    ("gender in ('m', 'Female')", "unknown_value", "'Female'", "f"),
    ("count(order.paid where channel <> 'web', 9d) > 1", "only_chosen", "<>", ""),
    ("max(order.paid.amount where channel not in ('web'), 9d) > 1", "only_chosen", "not", ""),
    ("count(order.paid where channel = 'web' and city = 'x', 9d) > 1", "one_dimension", "and", ""),
    ("cuont(order.paid, 30d) > 1", "unknown_function", "cuont", "count"),
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
    with pytest.raises(BadRule, match=r"第 2 行第 5 列.*line 2, column 5"):
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


SEVERAL = [
    ("ctiy = '杭州' and age > '3' or vpi", ["unknown_attribute", "wrong_type", "unknown_attribute"]),
    (
        "ctiy = birthdy and in_audience('loyall')",
        ["unknown_attribute", "unknown_attribute", "unknown_audience"],
    ),
    ("length(ctiy) + 1 > abs(city)", ["unknown_attribute", "wrong_type"]),
    ("ctiy = '杭州' and (age > 3", ["unknown_attribute", "unexpected_end"]),
    ("not ctiy = 'x' and gender = 'male' and city is null", ["unknown_attribute", "unknown_value"]),
    ("case when agee > 1 then 1 else 'a' end > 2", ["unknown_attribute"]),
    ("count(order.payed, 9d) >= count(order.paid.amount, 9d)", ["unknown_event", "unexpected_field"]),
]


@pytest.mark.parametrize(("rule", "codes"), SEVERAL)
def test_everything_that_is_wrong_is_told_at_once_and_nothing_that_follows_from_it(
    rule: str, codes: list[str]
) -> None:
    with pytest.raises(BadRule) as caught:
        condition(rule, CATALOGUE)
    assert [one.code for one in caught.value.problems] == codes


def test_too_many_mistakes_end_the_reading() -> None:
    with pytest.raises(BadRule) as caught:
        condition(" and ".join("ctiy = 'x'" for _ in range(200)), CATALOGUE)
    assert len(caught.value.problems) == 20
    assert "（另有 19 处）" in caught.value.message.zh


def test_what_is_just_being_defined_is_not_unknown_and_what_follows_is_not_looked_at() -> None:
    from dataclasses import replace

    unsure = replace(CATALOGUE, unsure=frozenset({"score", "fans"}))
    for rule in ("score > 3", "score = 'x' and age > 3", "length(score) > 2 or vip"):
        with pytest.raises(Unsure):
            condition(rule, unsure)
    assert condition("in_audience('fans')", unsure) == InAudience("fans")
    with pytest.raises(BadRule) as caught:
        condition("score > 3 and ctiy = 'x'", unsure)
    assert [one.nearest for one in caught.value.problems] == ["city"]


def test_a_label_written_for_a_value_is_told_with_the_value() -> None:
    with pytest.raises(BadRule) as caught:
        condition("gender = '女'", CATALOGUE)
    (problem,) = caught.value.problems
    assert problem.reason == Text("“女”是名称，请写 'f'（女）。", "'女' is a label; write 'f' (female).")
    with pytest.raises(BadRule, match="可写 'f'（女）、'm'（男）。"):
        condition("gender = '杭州'", CATALOGUE)
