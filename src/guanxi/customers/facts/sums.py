"""What windows add up to by fragment, kept from one refresh to the next.

A later day or later facts change little of it: what has come is added, what has left a window is taken away. Only a
smallest or largest value that has left must be looked for again, among the facts of the fragments that it left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import msgspec

from guanxi.customers.facts.parts import DAY, Part
from guanxi.storage.engine import copy, literal, quoted, scan

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import duckdb

_IDLE = 8
"""Times that a part is carried on though nobody asks for it: a definition may be tried, dropped and tried again."""
_FAR = 45
"""Days after which adding up anew is no more work."""
_CHANGED, _GONE, _SEARCHED = "sums_changed", "sums_gone", "sums_searched"


class Sums(msgspec.Struct, frozen=True):
    """Parts of windows that end with day ``as_of``, over the facts in ``files``, in the columns s0, s1 and so on of ``file``.

    ``idle`` is how many times in a row nobody has asked for each of them.
    """

    file: str
    as_of: int
    files: list[str]
    parts: list[Part]
    idle: list[int]

    def has(self, parts: Collection[Part], files: Sequence[str], as_of: int) -> bool:
        """Say whether these parts are known, of these facts and this day."""
        return self.as_of == as_of and set(files) == set(self.files) and set(parts) <= set(self.parts)

    def columns(self) -> dict[Part, str]:
        """Return the column of each part."""
        return {part: f"s{number}" for number, part in enumerate(self.parts)}


def renewed(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    before: Sums | None,
    files: Sequence[str],
    parts: Collection[Part],
    as_of: int,
) -> Sums:
    """Return the parts of all facts in ``files`` as of a day, written to a file of their own."""
    if before is not None and before.has(parts, files, as_of):
        return before
    if before is None or not _may_follow(before, files, as_of):
        before = Sums("", as_of, [], [], [])
    idle = {part: times + 1 for part, times in zip(before.parts, before.idle, strict=True) if times < _IDLE}
    idle |= dict.fromkeys(parts, 0)
    known = [part for part in idle if part in set(before.parts)]
    new = [part for part in idle if part not in set(before.parts)]
    queries = [_followed(con, folder, before, files, known, as_of)] if known else []
    if new:
        queries.append(_added_up(folder, files, new, as_of))
    order = [*known, *new]
    name = f"{uuid4().hex}.parquet"
    copy(con, _beside(queries, len(known), order), folder / name)
    return Sums(name, as_of, list(files), order, [idle[part] for part in order])


def _may_follow(before: Sums, files: Sequence[str], as_of: int) -> bool:
    return before.as_of <= as_of <= before.as_of + _FAR and set(before.files) <= set(files)


class _Side(NamedTuple):
    """When a fact counts for a part: on which days it does now, and on which it did before."""

    now: str
    before: str

    @property
    def came(self) -> str:
        return f"({self.now}) AND NOT ({self.before})"

    @property
    def went(self) -> str:
        return f"({self.before}) AND NOT ({self.now})"


def _inside(part: Part, as_of: int) -> str:
    """Return SQL that is true of facts that count for a part."""
    inside = f"day > {as_of - part.days} AND day <= {as_of}"
    if part.restricted:
        inside += f" AND {quoted(part.restricted)} IN ({', '.join(map(literal, part.values))})"
    return inside


def _aggregate(part: Part, where: str) -> str:
    value = quoted(part.column) if part.column else "*"
    return f"{part.how}({value}) FILTER (WHERE {where})"


def _type(part: Part) -> str:
    """Return the engine's type of a part; a sum may need more bits than a fact, and Parquet has no wider whole number."""
    return "DECIMAL(38, 0)" if part.how == "sum" else "BIGINT" if part.adds or part.column == DAY else ""


def _cast(part: Part, value: str) -> str:
    type_ = _type(part)
    return f"CAST({value} AS {type_})" if type_ else value


def _wide(part: Part, value: str) -> str:
    """Return a kept value as the engine adds up: whole numbers of 128 bits."""
    return f"CAST({value} AS HUGEINT)" if part.how == "sum" else value


def _added_up(folder: Path, files: Sequence[str], parts: Sequence[Part], as_of: int, among: str = "") -> str:
    """Return SQL of parts over all facts, or over those of the fragments in a table."""
    longest = max(part.days for part in parts)
    columns = ", ".join(f"{_aggregate(part, _inside(part, as_of))} AS p{n}" for n, part in enumerate(parts))
    joined = f" SEMI JOIN {among} USING (fragment)" if among else ""
    return (
        f"SELECT fragment, {columns} FROM {_facts(folder, files, parts)}{joined}"  # noqa: S608 - names of our own
        f" WHERE day > {as_of - longest} AND day <= {as_of} GROUP BY fragment"
    )


def _facts(folder: Path, files: Sequence[str], parts: Sequence[Part]) -> str:
    if files:
        return scan(*(folder / name for name in files))
    names = {name: "VARCHAR" for part in parts if (name := part.restricted)}
    names |= {name: "BIGINT" for part in parts if (name := part.column)} | {DAY: "INTEGER"}
    none = ", ".join(f"NULL::{kind} AS {quoted(name)}" for name, kind in names.items())
    return f"(SELECT 0::BIGINT AS fragment, {none} WHERE false)"


def _followed(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    before: Sums,
    files: Sequence[str],
    parts: Sequence[Part],
    as_of: int,
) -> str:
    """Return SQL of the parts before, changed by what has come and gone since."""
    columns = []
    for n, part in enumerate(parts):
        side = _Side(_inside(part, as_of), f"known AND {_inside(part, before.as_of)}")
        came, went = (_aggregate(part, where) for where in (side.came, side.went))
        if part.adds:
            columns.append(f"coalesce({came}, 0) - coalesce({went}, 0) AS p{n}")
        else:
            columns += [f"{came} AS p{n}", f"{went} AS g{n}"]
    changed = _changed(folder, before, files, parts, as_of)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {_CHANGED} AS"  # noqa: S608 - names of our own
        f" SELECT fragment, {', '.join(columns)} FROM ({changed}) GROUP BY fragment"
    )
    held = before.columns()
    old = ", ".join(f"{_wide(part, held[part])} AS o{n}" for n, part in enumerate(parts))
    old = f"(SELECT fragment, {old} FROM {scan(folder / before.file)}) AS o"  # noqa: S608
    lost = {n: _lost(part, n) for n, part in enumerate(parts) if _is_searched(part)}
    found = lost if lost and as_of > before.as_of else {}
    if found:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {_GONE} AS SELECT fragment FROM {old} JOIN {_CHANGED} USING (fragment)"  # noqa: S608
            f" WHERE {' OR '.join(lost.values())}"
        )
        searched = _added_up(folder, files, [parts[n] for n in found], as_of, _GONE)
        con.execute(f"CREATE OR REPLACE TEMP TABLE {_SEARCHED} AS {searched}")
    places = {n: place for place, n in enumerate(found)}
    values = [
        f"CASE WHEN {lost[n]} THEN found.p{places[n]} ELSE {_value(part, n)} END AS p{n}"
        if n in found
        else f"{_value(part, n)} AS p{n}"
        for n, part in enumerate(parts)
    ]
    joined = f" LEFT JOIN {_SEARCHED} AS found USING (fragment)" if found else ""
    return (
        f"SELECT fragment, {', '.join(values)} FROM {old} FULL JOIN {_CHANGED} AS c USING (fragment){joined}"  # noqa: S608
    )


def _changed(folder: Path, before: Sums, files: Sequence[str], parts: Sequence[Part], as_of: int) -> str:
    """Return SQL of the facts that may count otherwise than before: new ones, and ``known`` ones at a window's edge."""
    names = {
        DAY,
        *(part.column for part in parts if part.column),
        *(p.restricted for p in parts if p.restricted),
    }
    columns = ", ".join(["fragment", *map(quoted, sorted(names))])
    queries = []
    if fresh := [name for name in files if name not in set(before.files)]:
        longest = max(part.days for part in parts)
        queries.append(
            f"SELECT {columns}, false AS known FROM {_facts(folder, fresh, parts)}"  # noqa: S608
            f" WHERE day > {as_of - longest} AND day <= {as_of}"
        )
    if as_of > before.as_of:
        edges = {(before.as_of, as_of)} | {(before.as_of - p.days, as_of - p.days) for p in parts}
        near = " OR ".join(f"(day > {first} AND day <= {last})" for first, last in sorted(edges))
        met = _facts(folder, before.files, parts)
        queries.append(f"SELECT {columns}, true AS known FROM {met} WHERE {near}")  # noqa: S608
    nothing = f"SELECT {columns}, false AS known FROM {_facts(folder, [], parts)}"  # noqa: S608
    return " UNION ALL ".join(queries or [nothing])


def _is_searched(part: Part) -> bool:
    """Say whether a value that left must be looked for; if the last day has left its window, so have all before it."""
    return not part.adds and (part.how, part.column) != ("max", DAY)


def _lost(part: Part, n: int) -> str:
    return f"g{n} >= o{n}" if part.how == "max" else f"g{n} <= o{n}"


def _value(part: Part, n: int) -> str:
    if part.adds:
        return f"coalesce(o{n}, 0) + coalesce(c.p{n}, 0)"
    better = "greatest" if part.how == "max" else "least"
    merged = f"{better}(o{n}, c.p{n})"
    return merged if _is_searched(part) else f"CASE WHEN {_lost(part, n)} THEN c.p{n} ELSE {merged} END"


def _beside(queries: Sequence[str], first: int, parts: Sequence[Part]) -> str:
    """Return SQL of queries of parts side by side, the ``first`` of them from the first query.

    A fragment of whom nothing is left is left out.
    """
    one, *others = (f"({query})" for query in queries)
    joined, values = one, [f"p{n}" for n in range(len(parts))]
    for other in others:
        joined = f"{one} AS a FULL JOIN {other} AS b USING (fragment)"
        values = [f"a.p{n}" if n < first else f"b.p{n - first}" for n in range(len(parts))]
    columns, some = [], []
    for n, (part, value) in enumerate(zip(parts, values, strict=True)):
        filled = f"coalesce({value}, 0)" if part.adds else value
        columns.append(f"{_cast(part, filled)} AS s{n}")
        some.append(f"{filled} <> 0" if part.adds else f"{value} IS NOT NULL")
    return f"SELECT fragment, {', '.join(columns)} FROM {joined} WHERE {' OR '.join(some)}"  # noqa: S608
