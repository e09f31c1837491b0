"""CSV as it comes out of shops' back offices and spreadsheets."""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from io import StringIO
from itertools import islice
from typing import TYPE_CHECKING, Any

from guanxi.connectors.files.problems import Bad, EmptyFile, NoHeader
from guanxi.connectors.files.source import RAW_LIMIT, ROWS, BadRow, Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guanxi.connectors.files.mapping import FileFormat
    from guanxi.connectors.files.stream import TextLines

_DELIMITERS = ",\t;|，"
_DATA = re.compile(r"[-+¥￥]?[\d.,:/\-\s]*\d[\d.,:/\-\s]*(?:元|日|秒)?")
_BLOCK_CHARS = 8 << 20


@dataclass(slots=True)
class _Rows:
    """Rows as they are read: where each begins (line number) and ends (index into the window of lines)."""

    rows: list[list[str]] = field(default_factory=list)
    starts: Any = field(default_factory=list)
    ends: Any = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


class CsvSource:
    """A CSV file whose delimiter and quote are declared or found out.

    Where quotes do not match, or a row of several lines has the wrong width, its first line is rejected and reading
    goes on with the next one, so that one stray quote cannot swallow its neighbours.
    """

    def __init__(self, lines: TextLines, form: FileFormat) -> None:
        self._text = lines
        self.blank = 0
        self.quote = form.quote or _sniff_quote(lines.head())
        self.delimiter = form.delimiter or _sniff_delimiter(lines.head(), self.quote)
        self._chunks = iter(lines)
        self._lines: Iterator[str] = iter(())
        self._again: deque[str] = deque()
        self._window: list[str] = []
        self._chars = 0
        self._base = 0
        self._reader = self._new_reader()
        self._header = [name.strip() for name in form.columns or self._read_header()]

    @property
    def encoding(self) -> str:
        """Return the encoding found or declared."""
        return self._text.encoding

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    def columns(self) -> list[str]:
        """Return the column names; an unnamed column has the empty name."""
        return self._header

    def looks_like_data(self) -> bool:
        """Say whether the row of names rather looks like data: a third of its cells are numbers or times."""
        return sum(bool(_DATA.fullmatch(name)) for name in self._header) * 3 >= len(self._header)

    def blocks(self, wanted: Sequence[str]) -> Iterator[Block]:
        """Yield the rows after the header; see ``Source``."""
        indexes = [self._header.index(name) for name in wanted]
        more = True
        while more:
            found = self._plain_rows(len(self._header))
            if found is None:
                found = _Rows()
                more = self._fill(found, ROWS, len(self._header))
            yield self._block(found, indexes)
            self._forget()

    def _read_header(self) -> list[str]:
        found, name = _Rows(), self._text.path.name
        while not (found.rows or found.bad):
            if not self._fill(found, 1, None) and not found.rows:
                raise EmptyFile(file=name)
        if found.bad:
            reason = found.bad[0].bad.text()
            raise NoHeader(file=name, line=found.bad[0].line, zh=reason.zh, en=reason.en)
        self._forget()
        names = [cell.strip() for cell in found.rows[0]]
        while names and not names[-1]:
            names.pop()
        twice = next((cell for cell in names if cell and names.count(cell) > 1), None)
        if twice:
            zh, en = f"列名“{twice}”出现了两次", f"the name “{twice}” is there twice"
            raise NoHeader(file=name, line=found.starts[0], zh=zh, en=en)
        return names

    def _new_reader(self) -> Any:
        return csv.reader(self._feed(), delimiter=self.delimiter, quotechar=self.quote, strict=True)

    def _feed(self) -> Iterator[str]:
        window, again = self._window, self._again
        while again or self._refill(again):
            line = again.popleft()
            self._chars += len(line)
            window.append(line)
            yield line

    def _refill(self, into: deque[str] | list[str]) -> bool:
        """Add up to ``ROWS`` lines, of one chunk and so bounded in size; say whether there were any."""
        while not (lines := list(islice(self._lines, ROWS))):
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._lines = iter(chunk)
        into.extend(lines)
        return True

    def _plain_rows(self, width: int) -> _Rows | None:
        """Read lines that are a row each, of the right width: nearly all are, and go three times as fast like this.

        Where anything is unusual, the lines are given back and ``None`` says so.
        """
        window = self._window
        if self._again or not self._refill(window):
            return None
        try:
            rows = list(csv.reader(window, delimiter=self.delimiter, quotechar=self.quote, strict=True))
        except csv.Error:
            rows = []
        count = len(window)
        if self._text.bad or len(rows) != count or set(map(len, rows)) != {width}:
            self._again.extend(window)
            window.clear()
            self._reader = self._new_reader()
            return None
        return _Rows(rows, range(self._base + 1, self._base + count + 1), range(1, count + 1))

    def _forget(self) -> None:
        self._base += len(self._window)
        self._window.clear()
        self._chars = 0

    def _fill(self, found: _Rows, limit: int, width: int | None) -> bool:
        """Take up to ``limit`` rows of ``width`` cells; say whether the file may hold more."""
        window, again, start, more = self._window, self._again, len(self._window), True
        while len(found.rows) < limit and self._chars < _BLOCK_CHARS:
            if found.rows and not again:
                break  # what follows has not been looked at yet and may be plain
            try:
                row = next(self._reader)
            except StopIteration:
                more = False
                break
            except csv.Error:
                start = self._reject_line(found, start, Bad("row.quote"))
                self._reader = self._new_reader()
                continue
            if len(row) != width:
                if not row:
                    self.blank += 1
                    start = len(window)
                    continue
                if width is not None:
                    if len(row) < width or any(cell.strip() for cell in row[width:]):
                        bad = Bad("row.width", "", (("found", len(row)), ("expected", width)))
                        start = self._reject_line(found, start, bad)
                        continue
                    del row[width:]
            found.rows.append(row)
            found.starts.append(self._base + start + 1)
            start = len(window)
            found.ends.append(start)
        if self._text.bad:
            self._take_out_bad(found)
        return more

    def _reject_line(self, found: _Rows, start: int, bad: Bad) -> int:
        """Reject the line at which a row began and give the lines after it back; return where the next row begins."""
        self._again.extendleft(reversed(self._window[start + 1 :]))
        del self._window[start + 1 :]
        line = self._base + start + 1
        raw = self._encode(self._window[start])
        known = self._text.bad.pop(line) if line in self._text.bad else None
        found.bad.append(BadRow(line, raw[:RAW_LIMIT], bad) if known is None else known)
        return start + 1

    def _take_out_bad(self, found: _Rows) -> None:
        """Reject the rows that hold a line which could not be decoded."""
        known = self._text.bad
        for line in sorted(number for number in known if number <= self._base + len(self._window)):
            bad = known.pop(line)
            index = bisect_right(found.starts, line) - 1
            if index < 0 or line > self._base + found.ends[index]:
                continue
            first, last = found.starts[index], self._base + found.ends[index]
            parts = [
                bad.raw if number == line else self._encode(self._window[number - self._base - 1])
                for number in range(first, last + 1)
            ]
            found.bad.append(BadRow(first, b"\n".join(parts), bad.bad))
            del found.rows[index], found.starts[index], found.ends[index]

    def _block(self, found: _Rows, indexes: Sequence[int]) -> Block:
        columns: list[Sequence[Any]] = list(zip(*found.rows, strict=True)) or [()] * len(self._header)
        window, base = self._window, self._base

        def raw(index: int) -> bytes:
            return self._encode("".join(window[found.starts[index] - base - 1 : found.ends[index]]))

        return Block(
            columns=[columns[index] for index in indexes],
            lines=found.starts,
            raw=raw,
            whole=found.rows.__getitem__,
            bad=found.bad,
            bytes_read=self._text.bytes_read,
        )

    def _encode(self, text: str) -> bytes:
        """Return text as it stood in the file (UTF-16 as UTF-8), without its line end."""
        return text.rstrip("\r\n").encode(self._text.codec, "replace")


def _sniff_quote(sample: str) -> str:
    """Return ``'`` only where cells stand in single quotes and none in double ones."""
    if '"' not in sample and re.search(r"(?:^|[,;\t|])'[^'\n]*'(?:[,;\t|]|\r?$)", sample, re.MULTILINE):
        return "'"
    return '"'


def _sniff_delimiter(sample: str, quote: str) -> str:
    """Return the delimiter that cuts the most rows to the width of the first one, and at that into the most cells."""

    def fit(delimiter: str) -> tuple[int, int]:
        reader = csv.reader(StringIO(sample, newline=""), delimiter=delimiter, quotechar=quote)
        try:
            widths = [len(row) for row in islice(reader, 50) if row]
        except csv.Error:
            return 0, 0
        width = widths[0] if widths else 0
        return (0, 0) if width < 2 else (widths.count(width), width)

    return max(_DELIMITERS, key=fit)
