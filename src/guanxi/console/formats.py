"""How the console writes numbers, money and time, in Chinese and in English.

Pure functions of their arguments. Money is an ``int`` of fen (or the minor unit of another currency), instants are
``int`` microseconds since the epoch UTC and days are ``int`` days since 1970-01-01, as everywhere in Guanxi. Rounding is
half away from zero, because that is what a reader checks with a pocket calculator.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Literal

from babel.dates import format_date, format_datetime
from babel.numbers import get_currency_precision, get_currency_symbol

from guanxi.kernel.clock import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    date_to_day,
    day_to_date,
    to_datetime,
    zone,
)
from guanxi.kernel.text import Language

Real = int | float | Decimal | Fraction
DateStyle = Literal["short", "medium", "long"]

LOCALES: dict[Language, str] = {"zh": "zh_CN", "en": "en_GB"}

_COMPACT: dict[Language, tuple[tuple[int, str], ...]] = {
    "zh": ((10**12, "万亿"), (10**8, "亿"), (10**4, "万")),
    "en": ((10**9, "B"), (10**6, "M"), (10**3, "k")),
}
_COMPACT_FROM = 10_000
_DATE: dict[Language, dict[DateStyle, str]] = {
    "zh": {"short": "M月d日", "medium": "yyyy-MM-dd", "long": "yyyy年M月d日 EEEE"},
    "en": {"short": "d MMM", "medium": "d MMM yyyy", "long": "EEEE, d MMMM yyyy"},
}
_JOIN: dict[Language, str] = {"zh": " ", "en": ", "}
_SIZES = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_DURATION: tuple[tuple[int, str, str], ...] = (
    (DAY, "天", "d"),
    (HOUR, "小时", "h"),
    (MINUTE, "分", "min"),
    (SECOND, "秒", "s"),
)


def _rounded(size: Fraction, digits: int) -> str:
    """Write a non-negative number with ``digits`` decimals and grouped thousands."""
    scale = 10**digits
    units = (size * scale * 2 + 1) // 2
    whole, rest = divmod(units, scale)
    return f"{whole:,}.{rest:0{digits}d}" if digits else f"{whole:,}"


def _signed(value: Real, text: str, *, plus: bool = False) -> str:
    """Put the sign in front; a value that rounds to nothing has none."""
    if not any(char in "123456789" for char in text):
        return text
    return "-" + text if value < 0 else ("+" + text if plus else text)


def _exact(value: Real) -> Fraction:
    if isinstance(value, bool):
        msg = "a truth value is no number"
        raise TypeError(msg)
    return Fraction(value)


def number(value: Real, digits: int | None = None, *, plus: bool = False) -> str:
    """Write a number with grouped thousands; without ``digits`` whole numbers get none and others two at most."""
    exact = _exact(value)
    if digits is None:
        text = _rounded(abs(exact), 2)
        text = text.rstrip("0").rstrip(".")
    else:
        text = _rounded(abs(exact), digits)
    return _signed(value, text, plus=plus)


def _compact_size(size: Fraction, language: Language) -> str:
    """Write a size of at least ten thousand with its unit and about three significant digits."""
    for unit, name in reversed(_COMPACT[language]):
        mantissa = size / unit
        digits = 1 if mantissa < 100 else 0
        text = _rounded(mantissa, digits)
        following = next((above for above, _ in reversed(_COMPACT[language]) if above > unit), None)
        if following is None or Fraction(text.replace(",", "")) < Fraction(following, unit):
            return (text.removesuffix(".0") if digits else text) + name
    raise AssertionError


def compact(value: Real, language: Language, *, plus: bool = False) -> str:
    """Write a large number shortly: 1.2万, 1.2亿; 12k, 120M. Below ten thousand it is written in full."""
    size = abs(_exact(value))
    text = number(size) if size < _COMPACT_FROM else _compact_size(size, language)
    return _signed(value, text, plus=plus)


def _minor(amount: int) -> int:
    if isinstance(amount, bool) or not isinstance(amount, int):
        msg = f"money is an integer of the minor unit, not {type(amount).__name__}"
        raise TypeError(msg)
    return amount


def _symbol(currency: str) -> str:
    # The yuan and the yen share a sign; in this console the bare one is the yuan's, in both languages.
    return "¥" if currency == "CNY" else str(get_currency_symbol(currency, locale="zh_CN"))


def money(fen: int, currency: str = "CNY", *, plus: bool = False) -> str:
    """Write an amount of the minor unit in full: 123456 → ¥1,234.56. Raises ``TypeError`` for anything but an ``int``."""
    digits = get_currency_precision(currency)
    size = Fraction(abs(_minor(fen)), 10**digits)
    return _signed(fen, _symbol(currency) + _rounded(size, digits), plus=plus)


def money_compact(fen: int, language: Language, currency: str = "CNY", *, plus: bool = False) -> str:
    """Write a large amount shortly: ¥1.2万, ¥120M; below ten thousand of the major unit in full."""
    size = Fraction(abs(_minor(fen)), 10 ** get_currency_precision(currency))
    if size < _COMPACT_FROM:
        return money(fen, currency, plus=plus)
    return _signed(fen, _symbol(currency) + _compact_size(size, language), plus=plus)


def mean(total: int, count: int) -> int:
    """Return an amount divided by a count, rounded half away from zero to the minor unit."""
    size = (2 * abs(total) + count) // (2 * count)
    return size if total >= 0 else -size


def percent(ratio: Real, digits: int = 1, *, plus: bool = False) -> str:
    """Write a ratio as a percentage: 0.1234 → 12.3%; ``plus`` shows the sign of a change."""
    return _signed(ratio, _rounded(abs(_exact(ratio)) * 100, digits) + "%", plus=plus)


def points(ratio: Real, language: Language, digits: int = 1) -> str:
    """Write the difference of two ratios in percentage points, always signed."""
    text = _rounded(abs(_exact(ratio)) * 100, digits)
    return _signed(ratio, text, plus=True) + (" 个百分点" if language == "zh" else " pp")


def date(day: int, language: Language, style: DateStyle = "medium") -> str:
    """Write a day: short 3月5日 / 5 Mar, medium 2026-03-05 / 5 Mar 2026, long with the weekday."""
    return str(format_date(day_to_date(day), _DATE[language][style], locale=LOCALES[language]))


def moment(instant: int, language: Language, timezone: str, *, seconds: bool = False) -> str:
    """Write an instant as date and time of day in ``timezone``: 2026-03-05 14:30 / 5 Mar 2026, 14:30."""
    pattern = f"{_DATE[language]['medium']}'{_JOIN[language]}'{'HH:mm:ss' if seconds else 'HH:mm'}"
    return str(
        format_datetime(to_datetime(instant), pattern, tzinfo=zone(timezone), locale=LOCALES[language])
    )


def time_of_day(instant: int, timezone: str) -> str:
    """Write an instant's time of day in ``timezone``: 14:30."""
    return f"{to_datetime(instant).astimezone(zone(timezone)):%H:%M}"


def local_day(instant: int, timezone: str) -> int:
    """Return the day that ``instant`` falls on in ``timezone``."""
    return date_to_day(to_datetime(instant).astimezone(zone(timezone)).date())


def ago(instant: int, now: int, language: Language, timezone: str) -> str:
    """Write how far an instant lies from ``now``: minutes, hours, yesterday, days; beyond a week the date itself."""
    zh = language == "zh"
    gap, late = abs(now - instant), instant > now
    if gap < MINUTE:
        return "刚刚" if zh else "just now"
    days = local_day(now, timezone) - local_day(instant, timezone)
    if gap < HOUR or (gap < DAY and days == 0):
        count, unit_zh, unit_en = (gap // MINUTE, "分钟", "min") if gap < HOUR else (gap // HOUR, "小时", "h")
        if zh:
            return f"{count} {unit_zh}{'后' if late else '前'}"
        return f"in {count} {unit_en}" if late else f"{count} {unit_en} ago"
    if abs(days) == 1:
        name = ("明天" if late else "昨天") if zh else ("tomorrow" if late else "yesterday")
        return f"{name} {time_of_day(instant, timezone)}"
    if abs(days) < 7:
        if zh:
            return f"{abs(days)} 天{'后' if late else '前'}"
        return f"in {abs(days)} days" if late else f"{abs(days)} days ago"
    return date(local_day(instant, timezone), language)


def duration(microseconds: int, language: Language) -> str:
    """Write a length of time in its two largest units: 2 小时 5 分 / 2 h 5 min; below a second in milliseconds."""
    size = abs(microseconds)
    if size < SECOND:
        return f"{size // MILLISECOND} {'毫秒' if language == 'zh' else 'ms'}"
    for index, (unit, zh, en) in enumerate(_DURATION):
        if size < unit:
            continue
        parts = [(size // unit, zh if language == "zh" else en)]
        if index + 1 < len(_DURATION):
            below, below_zh, below_en = _DURATION[index + 1]
            parts.append((size % unit // below, below_zh if language == "zh" else below_en))
        return " ".join(f"{count} {name}" for count, name in parts if count)
    raise AssertionError


def file_size(size: int) -> str:
    """Write a number of bytes with decimal units: 1.2 MB."""
    for name, unit in _SIZES:
        if size >= unit:
            mantissa = Fraction(size, unit)
            return f"{_rounded(mantissa, 1 if mantissa < 100 else 0).removesuffix('.0')} {name}"
    return f"{size} B"
