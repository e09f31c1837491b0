"""Days since 1970-01-01 and the calendar (proleptic Gregorian, as ISO 8601 has it)."""

from __future__ import annotations

import datetime

_EPOCH = datetime.date(1970, 1, 1).toordinal()


def parse(text: str) -> int | None:
    """Return the day that ``YYYY-MM-DD`` names, ``None`` if it names none."""
    try:
        day = datetime.date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day.toordinal() - _EPOCH if day else None


def date(day: int) -> datetime.date:
    """Return a day as a date of the standard library."""
    return datetime.date.fromordinal(day + _EPOCH)


def year(day: int) -> int:
    """Return the year of a day."""
    return date(day).year


def month(day: int) -> int:
    """Return the month of a day, 1 to 12."""
    return date(day).month


def day_of_month(day: int) -> int:
    """Return the day's number in its month, 1 to 31."""
    return date(day).day


def weekday(day: int) -> int:
    """Return the weekday of a day, Monday 1 to Sunday 7."""
    return (day + 3) % 7 + 1
