"""One query for many days: compiling a rule takes longer than asking a small shop, and only its days differ. Pure."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PART = re.compile(r"(MAKE_DATE\(\d+, \d+, \d+\)|\b\d+\b)")


def dated(texts: Mapping[int, str]) -> Callable[[int], str] | None:
    """Return what makes a query's text for any day of its texts for some: numbers and dates that move with the day.

    The two first say which ones move, and all others must agree. ``None`` where anything else differs.
    """
    first, second, *others = sorted(texts)
    parts, following = _PART.split(texts[first]), _PART.split(texts[second])
    if len(parts) != len(following):
        return None
    moving = {place for place, (one, other) in enumerate(zip(parts, following, strict=True)) if one != other}

    def text(day: int) -> str:
        return "".join(
            _moved(part, day - first) if place in moving else part for place, part in enumerate(parts)
        )

    # What stands between numbers does not move: where it differs, the texts do.
    return text if all(text(day) == texts[day] for day in (second, *others)) else None


def _moved(part: str, by: int) -> str:
    if part.isdecimal():
        return str(int(part) + by)
    if not part.startswith("MAKE_DATE("):
        return part
    year, month, day = map(int, part[10:-1].split(", "))
    moved = date(year, month, day) + timedelta(days=by)
    return f"MAKE_DATE({moved.year}, {moved.month}, {moved.day})"
