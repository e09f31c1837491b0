"""Tables as CSV that spreadsheets open as they are meant."""

from __future__ import annotations

import csv
from io import SEEK_END, StringIO
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PIECE: Final = 1 << 16
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def pieces(rows: Iterable[Sequence[str]], *, excel: bool = True) -> Iterator[str]:
    """Yield CSV in pieces of some size; for Excel with the mark by which it knows UTF-8, and nothing that it would compute."""
    out = StringIO("\ufeff" if excel else "")
    out.seek(0, SEEK_END)
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row] if excel else row)
        if out.tell() >= _PIECE:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def harmless(cell: str) -> str:
    """Return a cell that a spreadsheet shows as it is: what begins like a formula and is no number gets a quote before it."""
    if not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return "'" + cell
    return cell
