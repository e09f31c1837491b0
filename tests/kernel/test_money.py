"""Money: exact sums, exact splits, amounts as people write them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from guanxi.kernel.money import Money, Remainder, parse_major, split_minor

SHARES = st.lists(st.fractions(0, 1_000, max_denominator=997), min_size=1, max_size=12).filter(any)
RULES = st.sampled_from(["first", "last", "largest"])


@given(st.integers(-(10**15), 10**15), SHARES, RULES)
def test_parts_sum_to_the_whole(total: int, shares: list[Fraction], rule: Remainder) -> None:
    assert sum(split_minor(total, shares, rule)) == total


@given(st.integers(0, 10**12), SHARES)
def test_the_largest_remainder_is_never_a_unit_off(total: int, shares: list[Fraction]) -> None:
    weight = sum(shares)
    for part, share in zip(split_minor(total, shares), shares, strict=True):
        assert abs(part - total * share / weight) < 1


@given(st.integers(0, 10**12), SHARES, RULES)
def test_a_refund_splits_like_its_payment(total: int, shares: list[Fraction], rule: Remainder) -> None:
    assert split_minor(-total, shares, rule) == [-part for part in split_minor(total, shares, rule)]


def test_named_rules() -> None:
    thirds = [Fraction(1, 3)] * 3
    assert split_minor(100, thirds, "first") == [34, 33, 33]
    assert split_minor(100, thirds, "last") == [33, 33, 34]
    assert split_minor(101, thirds) == [34, 34, 33]
    assert Money(100).split(thirds, "last")[2] == Money(34)


@pytest.mark.parametrize("shares", [[], [Fraction(0)], [Fraction(1), Fraction(-1, 2)]])
def test_shares_that_split_nothing(shares: list[Fraction]) -> None:
    with pytest.raises(ValueError, match="shares"):
        split_minor(1, shares)


def test_currencies_do_not_mix() -> None:
    assert Money(5) - Money(7) == -Money(2)
    with pytest.raises(ValueError, match="cannot mix"):
        Money(1) + Money(1, "USD")


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("12", 1200),
        ("12.3", 1230),
        ("12.340", 1234),
        ("¥1,234.5", 123450),
        ("￥ 1,234,567.89", 123456789),
        ("１２．５元", 1250),
        ("-0.50", -50),
        ("－３", -300),
        (" 0 ", 0),
        ("99999999999999999999999999999999.99", 9999999999999999999999999999999999),
    ],
)
def test_amounts(text: str, minor: int) -> None:
    assert parse_major(text) == Money(minor)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1,23", "12,3456", "1.2.3", "--1", "1e5", "NaN", "Infinity", "0x10", "1.005", "1 2", "1.", ".5",
     "1.0000000000000000000000000000000000001", "9" * 5_000],
)  # fmt: skip
def test_no_amounts(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an amount|more decimals"):
        parse_major(text)


def test_a_yen_has_no_fraction() -> None:
    assert parse_major("1,200", "JPY") == Money(1200, "JPY")
    assert parse_major("1200.0", "JPY") == Money(1200, "JPY")
    with pytest.raises(ValueError, match="more decimals"):
        parse_major("1200.5", "JPY")
    with pytest.raises(ValueError, match="not an amount of XXX"):
        parse_major("1", "XXX")


@given(st.integers(-(10**14), 10**14))
def test_what_is_printed_is_read(minor: int) -> None:
    sign, size = ("-", -minor) if minor < 0 else ("", minor)
    assert parse_major(f"{sign}{size // 100:,}.{size % 100:02}") == Money(minor)
