"""Three-valued logic as SQL has it, written out."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.rules import Type, compile_value, condition, parse
from tests.rules.shop import CATALOGUE, TODAY

T, F, U = True, False, None
_TERM = {T: "age = 1", F: "age = 2", U: "score = 1"}
MEMBER = {"age": 1, "score": None, "tags": None, "city": "杭州", "spent": 50_000}


def value(rule: str, member: dict[str, Any] | None = None) -> Any:
    return compile_value(parse(rule, CATALOGUE))(MEMBER if member is None else member, TODAY)


@pytest.mark.parametrize(
    ("one", "other", "both", "either"),
    [
        (T, T, T, T),
        (T, F, F, T),
        (T, U, U, T),
        (F, T, F, T),
        (F, F, F, F),
        (F, U, F, U),
        (U, T, U, T),
        (U, F, F, U),
        (U, U, U, U),
    ],
)
def test_and_or(one: Any, other: Any, both: Any, either: Any) -> None:
    assert value(f"{_TERM[one]} and {_TERM[other]}") is both
    assert value(f"{_TERM[one]} or {_TERM[other]}") is either


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("not score = 1", U),
        ("score is null", T),
        ("score is not null", F),
        ("score in (1, 2)", U),
        ("score not in (1, 2)", U),
        ("tags has 'a'", U),
        ("city like '杭%'", T),
        ("city not like '杭%'", F),
        ("age between 1 and 2", T),
        ("age between 2 and score", F),
        ("age between 1 and score", U),
        ("(score = 1) is null", T),
        ("coalesce(score, 0) = 0", T),
        ("age / 0 > 1", U),
        ("case when score = 1 then 1 end is null", T),
        ("case when score = 1 then 1 else 2 end = 2", T),
        ("in_audience('loyal')", F),
        ("not in_audience('loyal')", T),
        ("spent >= ¥500", T),
        ("spent >= ¥500.01", F),
        ("sum(order.paid.amount, 90d) >= 0", U),
        ("true and not false", T),
    ],
)
def test_unknown_stays_unknown(rule: str, said: Any) -> None:
    assert value(rule) is said
    assert condition(rule, CATALOGUE).type is Type.BOOL


def test_full_width_punctuation_is_understood() -> None:
    rule = "sum（order.paid.amount，90天）≥￥500 and city＝‘杭州’ or city ≠ '，（'"
    plain = "sum(order.paid.amount, 90d) >= ¥500 and city = '杭州' or city <> '，（'"
    assert condition(rule, CATALOGUE) == condition(plain, CATALOGUE)
