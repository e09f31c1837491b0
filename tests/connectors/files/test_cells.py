from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from guanxi.connectors.files.cells import cleaner, converter, key_converter
from guanxi.connectors.files.mapping import CellType, Field
from guanxi.connectors.files.problems import REASONS, Bad

SHANGHAI = ZoneInfo("Asia/Shanghai")


def read(type_: CellType, cell: Any, zone: str = "Asia/Shanghai", **options: Any) -> Any:
    """Convert one cell: its value, or the code of what is wrong with it."""
    field = Field(column="列", type=type_, **options)
    value = converter(field, ZoneInfo(zone))(cleaner(())([cell]))[0]
    return value.code if isinstance(value, Bad) else value


@pytest.mark.parametrize(
    ("cell", "fen"),
    [
        ("12.34", 1234),
        ("12", 1200),
        ("12.5", 1250),
        ("0", 0),
        ("-12.30", -1230),
        ("1,234.5元", 123_450),
        ("1,234,567.89", 123_456_789),
        ("１２．３４", 1234),
        ("￥12.00", 1200),
        ("¥ 12.00", 1200),
        ("12.340", 1234),
        (" 12.34\t", 1234),
        (12, 1200),
        (12.34, 1234),
        (1.1, 110),
        (Decimal("99999999999.99"), 9_999_999_999_999),
        ("", None),
        (math.nan, None),
    ],
)
def test_money_in_yuan_becomes_fen(cell: Any, fen: int | None) -> None:
    assert read("money", cell) == fen


@pytest.mark.parametrize(
    "cell",
    [
        "12.345",
        "1,23.4",
        "1.234,50",
        "十二",
        "1.2万",
        "1e3",
        "12 34",
        "1_000",
        "--1",
        "²",
        "¥",
        ".5.",
        "9" * 30,
        0.1 + 0.2,
        True,
        [1],
    ],
)
def test_what_is_no_amount_is_refused(cell: Any) -> None:
    assert read("money", cell) == "cell.money"


def test_binary_floats_are_rounded_only_where_the_mapping_says_so() -> None:
    assert read("money", 0.1 + 0.2, rounding="half_up") == 30
    assert read("money", "0.125", rounding="half_up") == 13
    assert read("money", "x", rounding="half_up") == "cell.money"


@given(st.integers(-(10**15), 10**15))
def test_money_is_exact(fen: int) -> None:
    text = f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"
    assert read("money", text) == fen
    assert read("money", Decimal(text)) == fen


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("7", 7),
        ("-7", -7),
        ("1,234", 1234),
        ("３", 3),
        ("3.0", 3),
        (7, 7),
        (7.0, 7),
        ("", None),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_int(cell: Any, number: int | None) -> None:
    assert read("int", cell) == number


@pytest.mark.parametrize("cell", ["7.5", "seven", "1_0", "9223372036854775808", "²", True, 7.5, math.inf])
def test_what_is_no_int_is_refused(cell: Any) -> None:
    assert read("int", cell) == "cell.int"


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("是", True),
        ("否", False),
        ("Y", True),
        ("0", False),
        ("TRUE", True),
        (True, True),
        ("", None),
        ("也许", "cell.bool"),
    ],
)
def test_bool(cell: Any, answer: Any) -> None:
    assert read("bool", cell) == answer


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("2026-01-31 18:30:00", "2026-01-31T18:30:00+08:00"),
        ("2026-01-31T18:30:00", "2026-01-31T18:30:00+08:00"),
        ("2026/1/3 8:05", "2026-01-03T08:05:00+08:00"),
        ("2026.01.31", "2026-01-31T00:00:00+08:00"),
        ("2026年1月31日 18时30分5秒", "2026-01-31T18:30:05+08:00"),
        ("２０２６－０１－３１　１８：３０", "2026-01-31T18:30:00+08:00"),
        ("20260131", "2026-01-31T00:00:00+08:00"),
        ("20260131183000", "2026-01-31T18:30:00+08:00"),
        ("2026-01-31T10:30:00Z", "2026-01-31T10:30:00+00:00"),
        ("2026-01-31 18:30:00.123+0800", "2026-01-31T18:30:00.123000+08:00"),
        (datetime.fromisoformat("2026-01-31T18:30"), "2026-01-31T18:30:00+08:00"),
        (datetime(2026, 1, 31, 18, 30, tzinfo=UTC), "2026-01-31T18:30:00+00:00"),
        (date(2026, 1, 31), "2026-01-31T00:00:00+08:00"),
        ("", None),
    ],
)
def test_time(cell: Any, text: str | None) -> None:
    assert read("time", cell) == text


@pytest.mark.parametrize(
    "cell",
    [
        "2026-02-30 10:00:00",
        "2026-13-01",
        "31/01/2026",
        "01-31-2026",
        "2026-01-31 25:00:00",
        "2026-01-31 18:60:00",
        "46053.77",
        "1769855400",
        "昨天",
        True,
        3,
    ],
)
def test_impossible_or_ambiguous_times_are_refused(cell: Any) -> None:
    assert read("time", cell) == "cell.time"


@pytest.mark.parametrize("cell", ["0001-01-01 00:00:00", "1969-12-31 10:00:00", "2101-01-01"])
def test_times_that_nobody_means_are_refused(cell: str) -> None:
    assert read("time", cell) == "cell.time_range"


@pytest.mark.parametrize(
    ("cell", "form", "text"),
    [
        ("31/01/2026 18:30", "%d/%m/%Y %H:%M", "2026-01-31T18:30:00+08:00"),
        ("1769855400", "epoch_s", "2026-01-31T10:30:00+00:00"),
        (1769855400123, "epoch_ms", "2026-01-31T10:30:00.123000+00:00"),
        ("2026-01-31 18:30:00", "%Y-%m-%d %H:%M:%S", "2026-01-31T18:30:00+08:00"),
        ("2026-01-31", "%d/%m/%Y", "cell.time"),
        ("x", "epoch_s", "cell.time"),
        ("9" * 17, "epoch_s", "cell.time"),
        (1.5, "epoch_s", "cell.time"),
    ],
)
def test_declared_time_formats(cell: Any, form: str, text: str) -> None:
    assert read("time", cell, format=form) == text


@pytest.mark.parametrize("day", ["2025-03-30", "2025-10-26", "1986-05-04", "2025-07-01"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Shanghai", "Australia/Lord_Howe"])
def test_short_way_equals_the_long_way_also_on_days_when_clocks_change(day: str, zone: str) -> None:
    for hour in range(24):
        cell = f"{day} {hour:02d}:59:59"
        expected = datetime.fromisoformat(cell).replace(tzinfo=ZoneInfo(zone)).isoformat()
        assert read("time", cell, zone) == expected
        assert read("time", cell.replace("-", "/"), zone) == expected


@pytest.mark.parametrize(
    ("cell", "day"),
    [("1990-02-28", "1990-02-28"), ("1990/2/8", "1990-02-08"), ("1990年2月8日", "1990-02-08"), ("19900208", "1990-02-08"), ("1890-01-01", "1890-01-01"),
     (date(1990, 2, 8), "1990-02-08"), ("1990-02-30", "cell.date"), ("0000-00-00", "cell.date"), ("", None)],
)  # fmt: skip
def test_date(cell: Any, day: str | None) -> None:
    assert read("date", cell) == day


def test_list() -> None:
    assert read("list", "a, b、c；;d") == ["a", "b", "c", "d"]
    assert read("list", "a, b|c", separator="|") == ["a, b", "c"]
    assert read("list", ["a", 1]) == ["a", "1"]


def test_text() -> None:
    assert read("text", "　张 三 ") == "张 三"
    assert read("text", 7) == "7"
    assert read("text", Decimal("1.50")) == "1.50"
    assert read("text", {"a": 1}) == "cell.text"


def test_required() -> None:
    assert all(
        read(type_, " ", required=True) == "cell.required" for type_ in ("text", "int", "money", "date")
    )


@pytest.mark.parametrize(
    ("cell", "key"),
    [("13800000001", "13800000001"), (13800000001, "13800000001"), ("1.38E+10", "cell.scientific"), ("x" * 257, "cell.too_long"),
     (1.5, "cell.text"), (True, "cell.text"), ({}, "cell.text"), (None, None)],
)  # fmt: skip
def test_keys_must_be_exact(cell: Any, key: str | None) -> None:
    (value,) = key_converter("列", required=False)([cell])
    assert (value.code if isinstance(value, Bad) else value) == key


def test_words_that_mean_nothing() -> None:
    assert cleaner(["NULL", "-"])(["NULL", "-", "", " a ", "null"]) == [None, None, None, "a", "null"]


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_reads_in_both_languages(code: str) -> None:
    template = REASONS[code]
    assert not template.zh.isascii()
    assert template.en != template.zh


@given(st.text(max_size=20), st.sampled_from(["money", "int", "bool", "date", "time", "text", "list"]))
def test_no_cell_makes_it_fall_over(cell: str, type_: CellType) -> None:
    read(type_, cell)


def test_amounts_are_read_alike_in_a_column_and_alone() -> None:
    read = converter(Field(column="金额", type="money"), ZoneInfo("Asia/Shanghai"))
    cells = ["1.00", "0.05", "12345678901234.99", "007.10"]
    assert read(cells) == [read([cell])[0] for cell in cells] == [100, 5, 1234567890123499, 710]
    two_lines = read(["1.00\n2.00", "3.00"])
    assert (type(two_lines[0]), two_lines[1]) == (Bad, 300)
    assert [type(value) for value in read(["1.00", "１.00", None, "x"])] == [int, int, type(None), Bad]
