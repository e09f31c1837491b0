"""Instants and local days, against the standard library's own conversion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from guanxi.kernel.clock import (
    DAY,
    HOUR,
    MINUTE,
    FixedClock,
    LocalDays,
    SystemClock,
    date_to_day,
    day_to_date,
    from_datetime,
    parse_rfc3339,
    to_datetime,
    to_rfc3339,
    zone,
)

INSTANTS = st.integers(
    from_datetime(datetime(1990, 1, 1, tzinfo=UTC)), from_datetime(datetime(2060, 1, 1, tzinfo=UTC))
)
ZONES = (
    "Asia/Shanghai",
    "America/New_York",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "UTC",
)


@given(INSTANTS, st.sampled_from(ZONES))
def test_a_local_day_is_the_day_on_the_wall(instant: int, name: str) -> None:
    local = to_datetime(instant).astimezone(zone(name))
    assert LocalDays(name).day(instant) == date_to_day(local.date())


@pytest.mark.parametrize("minutes", range(-3, 4))
def test_a_zone_may_change_at_one_minute_past_midnight(minutes: int) -> None:
    days = LocalDays("America/St_Johns")
    change = parse_rfc3339("2006-10-29T00:01:00-02:30")
    days.offset(change - 20 * MINUTE)
    instant = change + minutes * MINUTE
    local = to_datetime(instant).astimezone(zone("America/St_Johns"))
    assert days.day(instant) == date_to_day(local.date())


@given(st.integers(-5_000, 40_000), st.sampled_from(ZONES))
def test_a_day_begins_with_its_first_instant(day: int, name: str) -> None:
    days = LocalDays(name)
    start = days.start(day)
    assert days.day(start) == day
    assert days.day(start - 1) == day - 1


def test_midnight_may_not_exist() -> None:
    days = LocalDays("America/Sao_Paulo")
    day = date_to_day(datetime(2018, 11, 4, tzinfo=UTC).date())
    assert to_rfc3339(days.start(day)) == "2018-11-04T03:00:00.000000Z"
    assert days.day(days.start(day) - 1) == day - 1


def test_the_days_of_shanghai_begin_at_four_in_the_afternoon_utc() -> None:
    days = LocalDays("Asia/Shanghai")
    start = parse_rfc3339("2026-06-14T16:00:00Z")
    assert days.day(start) == days.day(start - 1) + 1
    assert day_to_date(days.day(start)).isoformat() == "2026-06-15"
    assert days.offset(start) == 8 * HOUR


@given(INSTANTS)
def test_text_and_datetimes_keep_every_microsecond(instant: int) -> None:
    assert parse_rfc3339(to_rfc3339(instant)) == instant
    assert from_datetime(to_datetime(instant)) == instant
    assert from_datetime(to_datetime(instant).astimezone(timezone(timedelta(hours=5, minutes=45)))) == instant


def test_a_naive_time_has_no_instant() -> None:
    with pytest.raises(ValueError, match="naive"):
        from_datetime(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="Invalid isoformat"):
        parse_rfc3339("yesterday")


def test_clocks() -> None:
    clock = FixedClock(5)
    clock.move(DAY)
    assert clock.now() == DAY + 5
    assert SystemClock().now() > parse_rfc3339("2020-01-01T00:00:00Z")
