from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from guanxi.console import formats
from guanxi.kernel.clock import DAY, HOUR, MINUTE, SECOND, parse_rfc3339
from guanxi.kernel.text import Language

SHANGHAI = "Asia/Shanghai"
NOW = parse_rfc3339("2026-03-05T06:30:00Z")  # 14:30 in Shanghai


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (123456, "¥1,234.56"),
        (0, "¥0.00"),
        (5, "¥0.05"),
        (-123456, "-¥1,234.56"),
        (10**13, "¥100,000,000,000.00"),
    ],
)
def test_money_is_written_to_the_fen(fen: int, text: str) -> None:
    assert formats.money(fen) == text


def test_money_knows_currencies_and_signs() -> None:
    assert formats.money(1234, "JPY") != formats.money(1234)
    assert formats.money(1234, "USD") == "US$12.34"
    assert formats.money(100, plus=True) == "+¥1.00"
    assert formats.money(0, plus=True) == "¥0.00"


@pytest.mark.parametrize("wrong", [12.5, Decimal(1), Fraction(1), True, "1"])
def test_money_is_an_integer(wrong: object) -> None:
    with pytest.raises(TypeError):
        formats.money(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        formats.money_compact(wrong, "zh")  # type: ignore[arg-type]


@given(st.integers(-(10**15), 10**15))
def test_money_reads_back_exactly(fen: int) -> None:
    text = formats.money(fen)
    assert int(text.replace("¥", "").replace(",", "").replace(".", "")) == fen


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (0, "0", "0"),
        (9_999, "9,999", "9,999"),
        (12_000, "1.2万", "12k"),
        (12_345, "1.2万", "12.3k"),
        (123_456, "12.3万", "123k"),
        (999_949, "100万", "1M"),
        (999_499, "99.9万", "999k"),
        (12_345_678, "1,235万", "12.3M"),
        (99_999_999, "1亿", "100M"),
        (120_000_000, "1.2亿", "120M"),
        (1_500_000_000, "15亿", "1.5B"),
        (1_234_567_890_123, "1.2万亿", "1,235B"),
        (-12_000, "-1.2万", "-12k"),
        (Fraction(5, 2), "2.5", "2.5"),
    ],
)
def test_large_numbers_are_short(value: int | Fraction, zh: str, en: str) -> None:
    assert formats.compact(value, "zh") == zh
    assert formats.compact(value, "en") == en


def test_large_amounts_are_short_and_small_ones_whole() -> None:
    assert formats.money_compact(1_200_000, "zh") == "¥1.2万"
    assert formats.money_compact(12_000_000_000, "zh") == "¥1.2亿"
    assert formats.money_compact(12_000_000_000, "en") == "¥120M"
    assert formats.money_compact(999_999, "zh") == "¥9,999.99"
    assert formats.money_compact(-1_200_000, "en") == "-¥12k"


def test_numbers() -> None:
    assert formats.number(1_234_567) == "1,234,567"
    assert formats.number(Decimal("3.14159")) == "3.14"
    assert formats.number(0.5, 0) == "1"
    assert formats.number(-0.001, 1) == "0.0"
    assert formats.number(3, plus=True) == "+3"
    with pytest.raises(TypeError):
        formats.number(True)


@pytest.mark.parametrize(
    ("ratio", "digits", "plus", "text"),
    [
        (Fraction(1234, 10000), 1, False, "12.3%"),
        (Fraction(1, 8), 0, False, "13%"),
        (Fraction(-1, 100), 1, True, "-1.0%"),
        (Fraction(32, 1000), 1, True, "+3.2%"),
        (Fraction(-1, 10**6), 1, True, "0.0%"),
        (1, 0, False, "100%"),
    ],
)
def test_percentages(ratio: Fraction, digits: int, plus: bool, text: str) -> None:
    assert formats.percent(ratio, digits, plus=plus) == text


def test_percentage_points() -> None:
    assert formats.points(Fraction(12, 1000), "zh") == "+1.2 个百分点"
    assert formats.points(Fraction(-12, 1000), "en") == "-1.2 pp"


def test_days_and_instants_by_language() -> None:
    day = formats.local_day(NOW, SHANGHAI)
    assert formats.date(day, "zh") == "2026-03-05"
    assert formats.date(day, "en") == "5 Mar 2026"
    assert formats.date(day, "zh", "short") == "3月5日"
    assert formats.date(day, "en", "short") == "5 Mar"
    assert formats.date(day, "zh", "long") == "2026年3月5日 星期四"
    assert formats.date(day, "en", "long") == "Thursday, 5 March 2026"
    assert formats.moment(NOW, "zh", SHANGHAI) == "2026-03-05 14:30"
    assert formats.moment(NOW, "en", SHANGHAI) == "5 Mar 2026, 14:30"
    assert formats.moment(NOW, "en", "UTC", seconds=True) == "5 Mar 2026, 06:30:00"


def test_an_evening_in_utc_is_tomorrow_in_shanghai() -> None:
    late = parse_rfc3339("2026-03-05T18:00:00Z")
    assert formats.local_day(late, SHANGHAI) == formats.local_day(late, "UTC") + 1


@pytest.mark.parametrize(
    ("gap", "zh", "en"),
    [
        (20 * SECOND, "刚刚", "just now"),
        (5 * MINUTE, "5 分钟前", "5 min ago"),
        (3 * HOUR, "3 小时前", "3 h ago"),
        (20 * HOUR, "昨天 18:30", "yesterday 18:30"),
        (DAY, "昨天 14:30", "yesterday 14:30"),
        (3 * DAY, "3 天前", "3 days ago"),
        (30 * DAY, "2026-02-03", "3 Feb 2026"),
        (-5 * MINUTE, "5 分钟后", "in 5 min"),
        (-DAY, "明天 14:30", "tomorrow 14:30"),
        (-3 * DAY, "3 天后", "in 3 days"),
    ],
)
def test_relative_time(gap: int, zh: str, en: str) -> None:
    assert formats.ago(NOW - gap, NOW, "zh", SHANGHAI) == zh
    assert formats.ago(NOW - gap, NOW, "en", SHANGHAI) == en


@pytest.mark.parametrize(
    ("length", "zh", "en"),
    [
        (320_000, "320 毫秒", "320 ms"),
        (42 * SECOND, "42 秒", "42 s"),
        (3 * MINUTE + 5 * SECOND, "3 分 5 秒", "3 min 5 s"),
        (2 * HOUR, "2 小时", "2 h"),
        (3 * DAY + 4 * HOUR + MINUTE, "3 天 4 小时", "3 d 4 h"),
    ],
)
def test_durations(length: int, zh: str, en: str) -> None:
    assert formats.duration(length, "zh") == zh
    assert formats.duration(length, "en") == en


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (1_234_567, "1.2 MB"),
        (123_456_789, "123 MB"),
        (5 * 10**9, "5 GB"),
    ],
)
def test_file_sizes(size: int, text: str) -> None:
    assert formats.file_size(size) == text


@given(st.integers(0, 10**16), st.sampled_from(["zh", "en"]))
def test_a_short_number_is_near_the_long_one(value: int, language: Language) -> None:
    units = {"万亿": 10**12, "亿": 10**8, "万": 10**4, "B": 10**9, "M": 10**6, "k": 10**3}
    text = formats.compact(value, language)
    unit = next((name for name in units if text.endswith(name)), "")
    shown = Fraction(text.removesuffix(unit).replace(",", "")) * units.get(unit, 1)
    assert abs(shown - value) <= Fraction(5, 100) * max(value, 1)
