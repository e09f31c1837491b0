"""Cells into values, a column at a time.

A converter takes the cells of one column and returns as many values: ``None`` for an empty cell, a ``Bad`` for one that
cannot be used. Whole columns keep the work in C where nothing is unusual; a million rows depend on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from guanxi.connectors.files.problems import Bad
from guanxi.connectors.files.times import date_reader, narrow, time_reader
from guanxi.kernel.money import parse_major

if TYPE_CHECKING:
    from guanxi.connectors.files.mapping import Field

Converter = Callable[[Sequence[Any]], list[Any]]

KEY_LIMIT = 256
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[Ee]\+\d{1,3}", re.ASCII)
_INTEGER = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.0+)?", re.ASCII)
_PLAIN_AMOUNTS = re.compile(r"\d{1,14}\.\d\d(?:\n\d{1,14}\.\d\d)*", re.ASCII)
_SEPARATORS = re.compile(r"[,;|、，；]")
_YES = ("是", "true", "1", "y", "yes", "t", "已同意", "同意", "有", "√")
_NO = ("否", "false", "0", "n", "no", "f", "未同意", "不同意", "无", "×")
_WRAPPED = re.compile(r'="([^"]*)"')
_WORDS = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)


def cleaner(empty: Sequence[str]) -> Converter:
    """Return what is done to every column first: spaces, tabs and spreadsheet wrapping off, empty cells to ``None``."""
    nothing = {"", *empty}

    def clean(cells: Sequence[Any]) -> list[Any]:
        try:
            plain: list[Any] = [cell.strip() for cell in cells]
            # Spreadsheets' own guards against turning a long number into 1.38E+10: ="138…" and '138….
            wrapped = '="' in "\0".join(plain)
        except (AttributeError, TypeError):
            plain = [_strip(cell) for cell in cells]
            wrapped = any(isinstance(cell, str) and cell.startswith('="') for cell in plain)
        if wrapped:
            plain = [_unwrap(cell) for cell in plain]
        if len(nothing) == 1:
            return [None if cell == "" else cell for cell in plain]
        return [None if isinstance(cell, str) and cell in nothing else cell for cell in plain]

    return clean


def _strip(cell: Any) -> Any:
    if isinstance(cell, str):
        return cell.strip()
    return None if isinstance(cell, float) and cell != cell else cell  # noqa: PLR0124 - NaN is how Parquet says empty


def _unwrap(cell: Any) -> Any:
    if isinstance(cell, str) and (wrapped := _WRAPPED.fullmatch(cell)):
        return wrapped[1].strip()
    return cell


def converter(field: Field, zone: tzinfo) -> Converter:
    """Return the converter of a field with a column, from clean cells to values."""
    column = field.column or ""
    one: Callable[[Any], Any]
    match field.type:
        case "text":
            return _texts(column, field)
        case "int":
            return _all(_integer(column), column, field)
        case "money":
            return _amounts(column, field)
        case "bool":
            one = _boolean(column)
        case "date":
            one = date_reader(column, field.format)
        case "time":
            one = time_reader(column, field.format, zone)
        case "list":
            one = _list(field.separator)
    return _all(one, column, field)


def key_converter(column: str, *, required: bool) -> Converter:
    """Return the converter of a number or an identity: text that must be exact, so scientific notation is refused."""
    missing = Bad("cell.required", column) if required else None
    lost, wrong = Bad("cell.scientific", column), Bad("cell.text", column)
    too_long = Bad("cell.too_long", column, (("limit", KEY_LIMIT),))

    def key(cell: Any) -> Any:
        if cell is None:
            return missing
        if isinstance(cell, bool | dict | list | float | bytes):
            return wrong
        text = format(cell, "f") if isinstance(cell, Decimal) else str(cell)
        if len(text) > KEY_LIMIT:
            return too_long
        return lost if _SCIENTIFIC.fullmatch(text) else text

    def convert(cells: Sequence[Any]) -> list[Any]:
        try:
            joined = "\0".join(cells)
        except TypeError:
            return [key(cell) for cell in cells]
        if "E+" in joined or "e+" in joined or len(max(cells, key=len, default="")) > KEY_LIMIT:
            return [key(cell) for cell in cells]
        return list(cells)

    return convert


def _all(one: Callable[[Any], Any], column: str, field: Field) -> Converter:
    missing = Bad("cell.required", column) if field.required else None

    def convert(cells: Sequence[Any]) -> list[Any]:
        return [missing if cell is None else one(cell) for cell in cells]

    return convert


def _texts(column: str, field: Field) -> Converter:
    missing = Bad("cell.required", column) if field.required else None
    wrong = Bad("cell.text", column)

    def text(cell: Any) -> Any:
        if cell is None:
            return missing
        if isinstance(cell, str):
            return cell
        if isinstance(cell, bool):
            return "true" if cell else "false"
        if isinstance(cell, Decimal):
            return format(cell, "f")
        return wrong if isinstance(cell, dict | list | bytes) else str(cell)

    def convert(cells: Sequence[Any]) -> list[Any]:
        return [cell if type(cell) is str else text(cell) for cell in cells]

    return convert


def _integer(column: str) -> Callable[[Any], int | Bad]:
    wrong = Bad("cell.int", column)

    def integer(cell: Any) -> int | Bad:
        if isinstance(cell, str):
            if len(cell) < 19 and cell.isascii() and cell.isdigit():
                return int(cell)
            plain = narrow(cell)
            if len(plain) > 30 or not _INTEGER.fullmatch(plain):
                return wrong
            return _in_range(int(plain.partition(".")[0].replace(",", "")), wrong)
        text = _decimal_text(cell)
        if text is None or len(text) > 40 or not _INTEGER.fullmatch(text):
            return wrong
        return _in_range(int(text.partition(".")[0]), wrong)

    return integer


def _in_range(number: int, wrong: Bad) -> int | Bad:
    """Refuse what no database column holds."""
    return number if -(2**63) <= number < 2**63 else wrong


def _amounts(column: str, field: Field) -> Converter:
    one = _all(_rounded_money(column) if field.rounding else _money(column), column, field)

    def convert(cells: Sequence[Any]) -> list[Any]:
        try:
            joined = "\n".join(cells)
        except TypeError:
            return one(cells)
        # As nearly every export writes them: 12.50. A cell of two lines is not two cells.
        if _PLAIN_AMOUNTS.fullmatch(joined) and joined.count("\n") == len(cells) - 1:
            return list(map(int, joined.replace(".", "").split("\n")))
        return one(cells)

    return convert


def _money(column: str) -> Callable[[Any], int | Bad]:
    wrong = Bad("cell.money", column)

    def money(cell: Any) -> int | Bad:
        text = cell if isinstance(cell, str) else _decimal_text(cell)
        if text is None or len(text) > 40:
            return wrong
        yuan, _, rest = text.partition(".")
        if len(rest) == 2 and len(yuan) < 15:
            digits = yuan + rest
            if yuan and digits.isascii() and digits.isdigit():
                return int(digits)
        try:
            return _in_range(parse_major(text).minor, wrong)
        except ValueError:
            return wrong

    return money


def _rounded_money(column: str) -> Callable[[Any], int | Bad]:
    wrong = Bad("cell.money", column)
    exact = _money(column)

    def money(cell: Any) -> int | Bad:
        text = cell.replace(",", "") if isinstance(cell, str) else _decimal_text(cell)
        try:
            fen = Decimal(text or "").scaleb(2).quantize(Decimal(1), rounding=ROUND_HALF_UP)
            return _in_range(int(fen), wrong)
        except (InvalidOperation, ValueError, OverflowError):
            return exact(cell)

    return money


def _decimal_text(cell: Any) -> str | None:
    """Return a number as plain decimal text; for a binary float that is the shortest text that means it."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        return None
    if isinstance(cell, float):
        cell = Decimal(repr(cell))
    return format(cell, "f")


def _boolean(column: str) -> Callable[[Any], bool | Bad]:
    wrong = Bad("cell.bool", column)

    def boolean(cell: Any) -> bool | Bad:
        if isinstance(cell, bool):
            return cell
        return _WORDS.get(narrow(str(cell)).lower(), wrong)

    return boolean


def _list(separator: str | None) -> Callable[[Any], list[Any]]:
    def items(cell: Any) -> list[Any]:
        if isinstance(cell, list | tuple):
            return [str(item) for item in cell if item is not None]
        parts = str(cell).split(separator) if separator else _SEPARATORS.split(str(cell))
        return [part.strip() for part in parts if part.strip()]

    return items
