"""Rows of one event brought together, however far apart they stand in the file.

Converted rows go to a temporary Parquet file, DuckDB sorts it (out of core when it is larger than memory), and each run
of equal keys becomes one event. A group with one bad row is held back as a whole: a basket without one of its lines
would have a wrong total.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import pyarrow as pa
from pyarrow import parquet

from guanxi.connectors.batches import batched
from guanxi.connectors.files.problems import Bad
from guanxi.connectors.files.source import BadRow, Block

if TYPE_CHECKING:
    from guanxi.connectors.files.rows import Plan, Row, Values
    from guanxi.connectors.intake import Message

LINES = 2_000
"""Rows in one event at most: more are never an order, but a key chosen wrongly."""
_RAW = 4 << 20
_FETCH = 2_000
_BATCH = 500
_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("line", pa.int64()),
        ("cells", pa.binary()),
        ("raw", pa.binary()),
        ("bad", pa.binary()),
    ]
)


@dataclass(frozen=True, slots=True)
class Grouped:
    """What became of a group of rows: a message, or the reason why it has none."""

    rows: int
    message: Message | None
    bad: BadRow | None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A group whose rows agree and only needs to be said as a message."""

    key: str
    head: Row
    lines: list[Row]
    rows: list[tuple[Any, ...]]


class Spill:
    """Converted rows, kept on disk until all are read."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self._path = folder / "rows.parquet"
        self._writer = parquet.ParquetWriter(self._path, _SCHEMA, compression="zstd")
        self._plan = plan
        self._encode = msgspec.msgpack.Encoder().encode

    def add(self, block: Block, values: Values, keyed: Sequence[int]) -> None:
        """Keep the rows at the positions ``keyed``, whose group is known; some may be bad."""
        if not keyed:
            return
        key, encode = self._plan.key or 0, self._encode
        bad = values.bad
        columns = [
            [values.rows[row][key] for row in keyed],
            [block.lines[values.index[row]] for row in keyed],
            [None if row in bad else encode(values.rows[row]) for row in keyed],
            [block.raw(values.index[row]) for row in keyed],
            [_fault(bad[row]) if row in bad else None for row in keyed],
        ]
        self._writer.write_table(pa.table(columns, schema=_SCHEMA))

    def close(self) -> None:
        """Finish writing."""
        self._writer.close()

    def groups(self) -> Iterator[Grouped]:
        """Yield every group in order of its key, its rows in order of the file."""
        self.close()
        connection = duckdb.connect(
            config={
                "memory_limit": "512MB",
                "temp_directory": str(self._folder / "sort"),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        try:
            connection.from_parquet(str(self._path)).create_view("spill")
            cursor = connection.execute("SELECT key, line, cells, raw, bad FROM spill ORDER BY key, line")
            runs = groupby(_fetched(cursor), key=itemgetter(0))
            for batch in batched(chain.from_iterable(self._group(key, rows) for key, rows in runs), _BATCH):
                yield from self._finish(batch)
        finally:
            connection.close()

    def _finish(self, batch: Sequence[Grouped | _Ready]) -> Iterator[Grouped]:
        """Make the messages of many groups at once."""
        ready = [group for group in batch if isinstance(group, _Ready)]
        messages = self._plan.messages(
            [group.head for group in ready], [group.key for group in ready], [group.lines for group in ready]
        )
        made = iter(messages)
        for group in batch:
            if isinstance(group, Grouped):
                yield group
                continue
            message = next(made)
            if isinstance(message, Bad):
                yield _refused(group.rows, message)
            else:
                message["line"] = group.rows[0][1]
                yield Grouped(len(group.rows), message, None)

    def _group(self, key: str, rows: Iterator[tuple[Any, ...]]) -> Iterator[Grouped | _Ready]:
        part, size, too_large = list[tuple[Any, ...]](), 0, False
        for row in rows:
            if len(part) == LINES or size > _RAW:
                too_large = True
                yield _refused(part, Bad("group.too_large", "", (("limit", LINES),)))
                part, size = [], 0
            part.append(row)
            size += len(row[3])
        if too_large:
            yield _refused(part, Bad("group.too_large", "", (("limit", LINES),)))
            return
        faulty = next((row for row in part if row[4] is not None), None)
        if faulty is not None:
            yield _refused(part, _within_group(_read_fault(faulty[4]), faulty[1], len(part)))
            return
        decoded = [msgspec.msgpack.decode(row[2]) for row in part]
        head = self._head(key, decoded, [row[1] for row in part])
        yield _refused(part, head) if isinstance(head, Bad) else _Ready(key, head, decoded, part)

    def _head(self, key: str, rows: list[Row], lines: list[int]) -> Row | Bad:
        """Return one row that speaks for all, by each slot's ``take``."""
        head = list(rows[0])
        if len(rows) == 1:
            return tuple(head)
        for index, slot in enumerate(self._plan.slots[: self._plan.head]):
            given = [
                (row[index], line) for row, line in zip(rows, lines, strict=True) if row[index] is not None
            ]
            if not given:
                continue
            values = [value for value, _ in given]
            match slot.take:
                case "same":
                    other = next((line for value, line in given if value != values[0]), None)
                    if other is not None:
                        params = (("key", key), ("first", given[0][1]), ("second", other))
                        return Bad("group.conflict", slot.name, params)
                    head[index] = values[0]
                case "first":
                    head[index] = values[0]
                case "last":
                    head[index] = values[-1]
                case "sum":
                    head[index] = sum(values)
                case "min":
                    head[index] = min(values, key=datetime.fromisoformat if slot.moment else None)
                case "max":
                    head[index] = max(values, key=datetime.fromisoformat if slot.moment else None)
        return tuple(head)


def _fetched(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(_FETCH):
        yield from rows


def _fault(bad: Bad) -> bytes:
    return msgspec.msgpack.encode([bad.code, bad.column, bad.params])


def _read_fault(raw: bytes) -> Bad:
    code, column, params = msgspec.msgpack.decode(raw)
    return Bad(code, column, tuple((name, value) for name, value in params))


def _within_group(bad: Bad, line: int, rows: int) -> Bad:
    if rows == 1:
        return bad
    reason = bad.text()
    return Bad("group.row", bad.column, (("line", line), ("zh", reason.zh), ("en", reason.en)))


def _refused(rows: list[tuple[Any, ...]], bad: Bad) -> Grouped:
    return Grouped(len(rows), None, BadRow(rows[0][1], b"\n".join(row[3] for row in rows), bad))
