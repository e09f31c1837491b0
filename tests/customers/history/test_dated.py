"""One text for many days."""

from __future__ import annotations

from guanxi.customers.history.dated import dated
from guanxi.rules import days


def text(day: int) -> str:
    date = days.date(day)
    return f'"t7"."day" > {day - 30} AND x <= {day} AND y > 30 AND MAKE_DATE({date.year}, {date.month}, {date.day}) < z'


def test_what_moves_with_the_day_is_moved() -> None:
    made = dated({day: text(day) for day in (20_415, 20_422, 20_779)})
    assert made is not None
    for day in range(20_000, 21_000):
        assert made(day) == text(day)


def test_what_differs_otherwise_has_no_text_for_all_days() -> None:
    assert (
        dated({1: "day > 1 AND month = 5", 8: "day > 8 AND month = 5", 50: "day > 50 AND month = 7"}) is None
    )
    assert dated({1: "a > 1", 8: "b > 8"}) is None
    assert dated({1: "a > 1", 8: "a > 8 AND b"}) is None
    assert dated({1: "a > 1", 8: "a > 8", 15: "a > 15 AND b"}) is None
