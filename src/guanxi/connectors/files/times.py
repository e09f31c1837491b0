"""Times and dates as merchants' files write them.

Accepted without a declared format: year first, with ``-``, ``/``, ``.`` or 年月日 between, one or two digits for month
and day, an optional time of day and an optional offset; or 8 or 14 digits. Day-first and month-first forms are
ambiguous and need a declared format.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any

from guanxi.connectors.files.problems import Bad

if TYPE_CHECKING:
    from collections.abc import Callable

_USUAL = re.compile(
    r"(?P<y>\d{4})(?P<s>[-/.年])(?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?"
    r"(?:[T\s]*(?P<H>\d{1,2})[:时点](?P<M>\d{1,2})(?:[:分](?:(?P<S>\d{1,2})(?:[.,](?P<f>\d{1,9}))?秒?)?)?)?"
    r"\s*(?P<o>Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_DIGITS = re.compile(
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?:(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2}))?", re.ASCII
)
_NUMBER = re.compile(r"-?\d{1,17}", re.ASCII)
# Only what an input method types in full-width mode: NFKC would also read ② and ² as 2.
_NARROW = str.maketrans({chr(0xFF01 + n): chr(0x21 + n) for n in range(94)} | {"\u3000": " "})
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - a tzinfo like the others below
_FIRST, _LAST = 1970, 2100
_DAYS = 50_000
_PER_SECOND = {"epoch_s": 1, "epoch_ms": 1_000}


def narrow(text: str) -> str:
    """Return ``text`` with full-width letters, digits and signs as plain ones."""
    return text.translate(_NARROW)


def read_moment(text: str) -> datetime | None:
    """Return the moment that ``text`` writes in one of the usual forms, naive without an offset, or ``None``."""
    plain = narrow(text).strip()
    found = _USUAL.fullmatch(plain) or _DIGITS.fullmatch(plain)
    if found is None:
        return None
    part = found.groupdict()
    fraction = (part.get("f") or "")[:6].ljust(6, "0")
    try:
        moment = datetime(  # noqa: DTZ001 - the caller puts the declared zone in
            int(part["y"]),
            int(part["m"]),
            int(part["d"]),
            int(part["H"] or 0),
            int(part["M"] or 0),
            int(part["S"] or 0),
            int(fraction),
        )
        return moment.replace(tzinfo=_offset(part.get("o")))
    except ValueError:
        return None


def _offset(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text == "Z":
        return timezone(timedelta(0))
    delta = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-delta if text[0] == "-" else delta)


def time_reader(column: str, form: str | None, zone: tzinfo) -> Callable[[Any], str | Bad]:
    """Return a function from a cell to RFC 3339 text with the offset that ``zone`` had then."""
    wrong, range_ = Bad("cell.time", column), Bad("cell.time_range", column)
    per_second = _PER_SECOND.get(form or "")

    usual = form in {None, "%Y-%m-%d %H:%M:%S"}
    offsets: dict[str, str | None] = {}

    def read(cell: Any) -> str | Bad:
        # The form that nearly every export uses, 2026-01-31 18:30:00, takes a quarter of the time this way.
        if usual and type(cell) is str and len(cell) == 19 and cell[4] == "-" and cell[10] in " T":
            day = cell[:10]
            try:
                offset = offsets[day]
            except KeyError:
                if len(offsets) > _DAYS:
                    offsets.clear()
                offset = offsets[day] = _offset_of_day(day, zone)
            if offset is not None:
                try:
                    datetime.fromisoformat(cell)
                except ValueError:
                    return wrong
                return f"{day}T{cell[11:]}{offset}"
        try:
            moment = _from_epoch(cell, per_second) if per_second else _read_any(cell, form)
        except (ValueError, OverflowError):
            moment = None
        if moment is None:
            return wrong
        if not _FIRST <= moment.year <= _LAST:
            return range_
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()

    return read


def _offset_of_day(day: str, zone: tzinfo) -> str | None:
    """Return the offset that ``zone`` has all day long, as text; ``None`` where it changes or there is no such day."""
    try:
        start = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=zone)
        end = start + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    same = start.utcoffset() == end.utcoffset() and _FIRST <= start.year <= _LAST
    return start.isoformat()[19:] if same else None


def date_reader(column: str, form: str | None) -> Callable[[Any], str | Bad]:
    """Return a function from a cell to ``YYYY-MM-DD``."""
    wrong = Bad("cell.date", column)

    def read(cell: Any) -> str | Bad:
        moment = _read_any(cell, form)
        return wrong if moment is None or moment.year < 1000 else moment.date().isoformat()

    return read


def _read_any(cell: Any, form: str | None) -> datetime | None:
    if isinstance(cell, str):
        return read_moment(cell) if form is None else _strptime(cell, form)
    if isinstance(cell, datetime):
        return cell
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - the caller puts the declared zone in
    return None


def _strptime(cell: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(cell, form)  # noqa: DTZ007 - the caller puts the declared zone in
    except ValueError:
        return None


def _from_epoch(cell: Any, per_second: int) -> datetime | None:
    if isinstance(cell, str) and _NUMBER.fullmatch(cell):
        cell = int(cell)
    if not isinstance(cell, int) or isinstance(cell, bool):
        return None
    return _EPOCH + timedelta(microseconds=cell * (1_000_000 // per_second))
