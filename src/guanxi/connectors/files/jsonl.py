"""JSON Lines: an object a line; columns are keys, and ``a.b`` reaches into objects."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import msgspec

from guanxi.connectors.files.problems import Bad, EmptyFile
from guanxi.connectors.files.source import RAW_LIMIT, ROWS, BadRow, Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guanxi.connectors.files.stream import TextLines

_SAMPLE = 1_000
_BLOCK_CHARS = 8 << 20


class JsonlSource:
    """A file of JSON Lines. Numbers with a fraction are read as decimals, so that amounts stay exact."""

    delimiter = ""

    def __init__(self, lines: TextLines) -> None:
        self._text = lines
        self.blank = 0
        self._number = 0
        self._decode = msgspec.json.Decoder(float_hook=Decimal).decode
        stream = chain.from_iterable(lines)
        self._first = list(islice(stream, _SAMPLE))
        self._lines = chain(self._first, stream)

    @property
    def encoding(self) -> str:
        """Return the encoding found or declared."""
        return self._text.encoding

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    def columns(self) -> list[str]:
        """Return the keys, and keys within objects, of the first thousand lines; raises ``EmptyFile``."""
        names: dict[str, None] = {}
        for line in self._first:
            try:
                row = self._decode(line)
            except (msgspec.DecodeError, RecursionError):
                continue
            if isinstance(row, dict):
                names.update(dict.fromkeys(_paths(row)))
        if not any(line.strip() for line in self._first):
            raise EmptyFile(file=self._text.path.name)
        return list(names)

    def blocks(self, wanted: Sequence[str]) -> Iterator[Block]:
        """Yield all rows; see ``Source``."""
        while batch := self._take():
            rows, numbers, texts, bad = list[dict[str, Any]](), list[int](), list[str](), list[BadRow]()
            for line in batch:
                self._number += 1
                if line.isspace():
                    self.blank += 1
                    continue
                row, problem = self._read(line)
                if problem is None:
                    rows.append(row)
                    numbers.append(self._number)
                    texts.append(line)
                else:
                    bad.append(problem)
            yield Block(
                columns=[_column(rows, name) for name in wanted],
                lines=numbers,
                raw=lambda index, texts=texts: texts[index].strip().encode(self._text.codec),  # type: ignore[misc]
                whole=lambda index, rows=rows: rows[index],  # type: ignore[misc]
                bad=bad,
                bytes_read=self._text.bytes_read,
            )

    def _take(self) -> list[str]:
        batch, chars = [], 0
        for line in self._lines:
            batch.append(line)
            chars += len(line)
            if len(batch) == ROWS or chars > _BLOCK_CHARS:
                break
        return batch

    def _read(self, line: str) -> tuple[dict[str, Any], BadRow | None]:
        known = self._text.bad.pop(self._number, None) if self._text.bad else None
        if known is not None:
            return {}, known
        try:
            row = self._decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            detail = str(error)
        else:
            if isinstance(row, dict):
                return row, None
            detail = type(row).__name__
        raw = line.strip().encode(self._text.codec)[:RAW_LIMIT]
        return {}, BadRow(self._number, raw, Bad("row.json", "", (("detail", detail),)))


def _paths(row: dict[str, Any], before: str = "", depth: int = 4) -> Iterator[str]:
    for key, value in row.items():
        yield before + key
        if isinstance(value, dict) and depth:
            yield from _paths(value, f"{before}{key}.", depth - 1)


def _column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    plain = [row.get(name) for row in rows]
    if "." not in name:
        return plain
    return [_reach(row, name) if value is None else value for row, value in zip(rows, plain, strict=True)]


def _reach(row: Any, name: str) -> Any:
    for key in name.split("."):
        if not isinstance(row, dict):
            return None
        row = row.get(key)
    return row
