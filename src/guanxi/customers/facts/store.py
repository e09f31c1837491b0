"""Facts on disk: Parquet files per table and a manifest that says which they are and how far they reach.

The manifest is replaced at once; files that it no longer names are deleted an hour later, when nobody reads them.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pyarrow as pa

from guanxi.customers.events.measures import MOST
from guanxi.customers.facts.model import Column, Shape
from guanxi.customers.facts.sums import Sums
from guanxi.kernel.clock import SECOND, SystemClock
from guanxi.storage.engine import copy, literal, quoted, scan as scan_of
from guanxi.storage.events.lake_rows import DAY_NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from guanxi.customers.facts.parts import Kept, Part
    from guanxi.customers.privacy.model import Erasure
    from guanxi.storage.events.model import Position

_MANIFEST = "manifest.json"
_MONTH = re.compile(r"month=(\d{4}-\d{2})")
_MANY = 24
"""Files of a table that are few enough to be read one by one."""
_SMALL = 16 << 20
_GRACE = 3_600


class Table(msgspec.Struct, frozen=True):
    """A table of facts: its shape, its files, and the position (epoch, number) in the log up to which it reaches.

    ``sums`` are what the windows of traits added up to when a board was last made.
    """

    shape: Shape
    files: list[str]
    upto: tuple[int, int]
    sums: Sums | None = None


class Manifest(msgspec.Struct, frozen=True):
    """All tables of a merchant. ``generation`` counts erasures: facts of an older one tell of people to be forgotten."""

    generation: int = 0
    tables: dict[str, Table] = {}

    def known(self, kept: Kept) -> dict[str, dict[Part, str]]:
        """Return the columns of parts that sums have of a day and of all facts, by table."""
        found = {}
        for key, parts in kept.parts.items():
            table = self.tables.get(key)
            if table and table.sums and table.sums.has((), table.files, kept.as_of):
                columns = table.sums.columns()
                found[key] = {part: columns[part] for part in parts if part in columns}
        return found


def load(folder: Path) -> Manifest:
    """Return the manifest; an empty one where nothing was ever kept."""
    try:
        return msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()


def save(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of the old one, and delete files that have not been named for an hour."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f"{_MANIFEST}.new"
    with written.open("wb") as file:
        file.write(msgspec.json.encode(manifest))
        file.flush()
        os.fsync(file.fileno())
    written.replace(folder / _MANIFEST)
    sweep(folder, manifest, seconds=_GRACE)


def sweep(folder: Path, manifest: Manifest, *, seconds: int = 0) -> None:
    """Delete files that a manifest does not name and that are older than some seconds."""
    named = {folder / name for table in manifest.tables.values() for name in table.files}
    named |= {folder / table.sums.file for table in manifest.tables.values() if table.sums}
    before = SystemClock().now() - seconds * SECOND
    for path in folder.glob("*.parquet"):
        if path not in named and path.stat().st_mtime_ns // 1_000 <= before:
            path.unlink(missing_ok=True)


def by_month(files: Sequence[str]) -> list[list[str]]:
    """Return the lake's files in groups of one month, which keeps facts in the order of time, as the lake's files are."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for file in files:
        found = _MONTH.search(file)
        groups[found[1] if found else ""].append(file)
    return [groups[month] for month in sorted(groups)]


FORGOTTEN = "forgotten"
"""Whose events up to a position, on days from the first until before the second, are nobody's any more."""


def forgotten(erasures: Iterable[Erasure]) -> pa.Table:
    """Return the table ``FORGOTTEN``."""
    rows = [(*held, *one.upto) for one in erasures for held in one.holdings]
    names = ["fragment", "from_day", "until_day", "epoch", "number"]
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pa.table({name: pa.array(column, pa.int64()) for name, column in zip(names, columns, strict=True)})


def remembered(source: str) -> str:
    """Return SQL of the rows of ``source`` that tell of nobody who was forgotten; the lake is rewritten later on."""
    return (
        f"(SELECT s.* FROM {source} AS s ANTI JOIN (SELECT *, (epoch, number) AS upto FROM {FORGOTTEN}) AS f"  # noqa: S608
        f" ON f.fragment = s.subject AND {DAY_NUMBER} >= f.from_day AND {DAY_NUMBER} < f.until_day"
        # Two pairs compared at once can be hashed by fragment; with OR every event would meet every erasure.
        " AND (s.epoch, s.number) <= f.upto)"
    )


def select(shape: Shape, source: str) -> str:
    """Return SQL of the facts of a shape from ``source``, which has the columns of the lake."""
    inside = [one for one in shape.columns if one.element]
    outside = [one for one in shape.columns if not one.element and not one.context]
    taken = "day, subject, number, version, channel, account"
    if inside or outside:
        form: dict[str, object] = {one.source: one.kind for one in outside}
        if shape.each:
            form[shape.elements] = [{one.source: one.kind for one in inside}]
        structure = msgspec.json.encode({"properties": form}).decode()
        taken += f", from_json(payload, {literal(structure)}) AS said"
    inner = f"SELECT {taken} FROM {source} WHERE type = {literal(shape.type)} AND subject <> 0"  # noqa: S608
    day = "(day - DATE '1970-01-01')::INTEGER AS day, subject AS fragment"
    if not shape.each:
        columns = ", ".join([day, *(_value(one) for one in shape.columns)])
        return f"SELECT {columns} FROM ({inner})"  # noqa: S608
    return _of_elements(shape, f"{inner} AND version >= {_listed(shape).since}", day)


def _text(column: Column, value: str) -> str:
    """Return SQL of a value as ``events.measures`` keeps it."""
    return f"nullif(replace(left({value}, {column.cut}), chr(0), chr(65533)), '')" if column.cut else value


def _value(column: Column) -> str:
    value = _text(column, column.source if column.context else f"said.properties.{quoted(column.source)}")
    if column.since:
        value = f"CASE WHEN version >= {column.since} THEN {value} END"
    return f"{value} AS {quoted(column.name)}"


def _listed(shape: Shape) -> Column:
    """Return the column of the value that each row of elements is about."""
    return next(one for one in shape.columns if one.element and one.kind == "VARCHAR")


def _of_elements(shape: Shape, inner: str, day: str) -> str:
    """Return SQL with a row per event and value: sums over the elements that have it; no value is no row."""
    value = _listed(shape)
    sums = [one for one in shape.columns if one.element and one is not value]
    others = [one for one in shape.columns if not one.element]
    kept = "".join(f", {_value(one)}" for one in others)
    names = "".join(f", {quoted(one.name)}" for one in others)
    totals = "".join(
        f", least(greatest(sum(coalesce(one.{quoted(each.source)}, 0)), -{MOST}), {MOST})::BIGINT AS {quoted(each.name)}"
        for each in sums
    )
    listed = f"unnest(said.properties.{quoted(shape.elements)}) AS one"
    rows = f"SELECT {day}{kept}, said FROM ({inner})"  # noqa: S608
    flat = f"SELECT day, fragment{names}, {listed} FROM ({rows})"  # noqa: S608
    text = _text(value, f"one.{quoted(value.source)}")
    return (
        f"SELECT day, fragment{names}, {text} AS {quoted(value.name)}{totals} FROM ({flat})"  # noqa: S608
        f" WHERE {text} IS NOT NULL GROUP BY day, fragment{names}, {text}"
    )


def write(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    shape: Shape,
    files: Sequence[str],
    after: tuple[int, int],
    upto: Position,
) -> list[str]:
    """Write the facts of the lake's events with ``after`` < position ≤ ``upto``; returns the files' names."""
    names = []
    for group in by_month(files):
        listed = ", ".join(literal(file) for file in group)
        within = f"(SELECT * FROM read_parquet([{listed}]) WHERE {_between(after, upto)})"  # noqa: S608
        names += _copy(con, folder, select(shape, remembered(within)))
    return names


def _between(after: tuple[int, int], upto: Position) -> str:
    """Return SQL that is true of positions in ``(after, upto]``, plain enough to pass over files without reading them."""
    epoch, number = after
    if epoch == upto.epoch:
        return f"epoch = {epoch} AND number > {number} AND number <= {upto.number}"
    return (
        f"epoch >= {epoch} AND epoch <= {upto.epoch} AND (epoch > {epoch} OR number > {number})"
        f" AND (epoch < {upto.epoch} OR number <= {upto.number})"
    )


def _copy(con: duckdb.DuckDBPyConnection, folder: Path, sql: str) -> list[str]:
    name = f"{uuid4().hex}.parquet"
    if not copy(con, sql, folder / name):
        (folder / name).unlink(missing_ok=True)
        return []
    return [name]


def merged(con: duckdb.DuckDBPyConnection, folder: Path, table: Table) -> Table:
    """Return a table with the same facts, its small files made one if there are many.

    What ``sums`` know already stays apart from what they do not.
    """
    known = set(table.sums.files) if table.sums else set(table.files)
    small = [name for name in table.files if name in known and (folder / name).stat().st_size < _SMALL]
    if len(small) <= _MANY:
        return table
    together = _copy(con, folder, f"SELECT * FROM {scan(folder, small)} ORDER BY day")  # noqa: S608

    def without(files: Sequence[str]) -> list[str]:
        return [*(name for name in files if name not in set(small)), *together]

    sums = table.sums and msgspec.structs.replace(table.sums, files=without(table.sums.files))
    return msgspec.structs.replace(table, files=without(table.files), sums=sums)


def scan(folder: Path, files: Iterable[str]) -> str:
    """Return SQL that reads files of facts as one table."""
    return scan_of(*(folder / name for name in files))
