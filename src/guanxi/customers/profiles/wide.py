"""Everybody in one table: windows over facts, mapped to members, and what follows from them. Ibis, so any engine.

Tables are named and unbound; ``Steps`` puts expressions together as one SQL text with a common table per step, because
an expression that is used many times must not be written out many times.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from guanxi.customers.events.measures import MOST
from guanxi.customers.facts.model import Shape, needed, number_column, value_column
from guanxi.customers.profiles.model import MOVED, PEOPLE, STABLE, Quintile, named
from guanxi.rules import Type, Window, days as calendar
from guanxi.rules.model import Aggregation
from guanxi.rules.relation import column_type, to_ibis
from guanxi.storage.engine import together

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from guanxi.customers.events.model import EventType
    from guanxi.customers.profiles.model import Derived, Needs
    from guanxi.rules import Node

_KINDS = {"BIGINT": "int64", "DOUBLE": "float64", "VARCHAR": "string"}


@dataclass(slots=True)
class Steps:
    """Expressions under names, each over those before it and over tables that the engine has."""

    done: list[tuple[str, ir.Table]] = field(default_factory=list)

    def add(self, name: str, made: ir.Table) -> ir.Table:
        """Keep an expression and return a table that stands for it."""
        self.done.append((name, made))
        return ibis.table(made.schema(), name=name)

    def sql(self, last: ir.Table, dialect: str = "duckdb") -> str:
        """Return one query: ``last`` over all steps."""
        done = [(name, ibis.to_sql(made, dialect=dialect)) for name, made in self.done]
        mark = "`" if dialect == "pyspark" else '"'
        return together(done, ibis.to_sql(last, dialect=dialect), mark)


def people_table(columns: Mapping[str, Type]) -> ir.Table:
    """Return the table of members: ``member``, ``first_day`` and their attributes."""
    schema = {"member": "int64", "first_day": "int32"} | {
        name: column_type(type_) for name, type_ in columns.items()
    }
    return ibis.table(schema, name=PEOPLE)


def facts_table(shape: Shape) -> ir.Table:
    """Return a table of facts, named by its key."""
    schema = {"day": "int32", "fragment": "int64"} | {
        column.name: _KINDS[column.kind] for column in shape.columns
    }
    return ibis.table(schema, name=shape.key)


def build(
    steps: Steps,
    wanted: Needs,
    attributes: Mapping[str, Type],
    types: Mapping[str, EventType],
    as_of: int,
    *,
    moved: bool,
    cuts: Mapping[str, Sequence[float]],
    base: ir.Table | None = None,
) -> ir.Table:
    """Return everybody with all that is wanted, one row each; ``base`` has what is known already."""
    table = base if base is not None else people_table(attributes)
    for name, found in enumerate(_by_source(wanted.windows.values(), types, as_of, moved=moved)):
        part = steps.add(f"windows_{name}", found)
        joined = table.left_join(part, table.member == part.member)
        kept = [joined[column] for column in table.columns]
        table = steps.add(
            f"with_{name}", joined.select(*kept, *(part[one] for one in part.columns if one != "member"))
        )
    table = steps.add("known", _completed(table, wanted.windows))
    return derive(steps, table, wanted.derived, as_of, cuts)


def _completed(table: ir.Table, windows: Mapping[str, Window]) -> ir.Table:
    """Nothing of a count, a sum or a distinct is 0."""
    zero = {Aggregation.COUNT, Aggregation.SUM, Aggregation.DISTINCT}
    return (
        table.mutate(
            **{name: table[name].fill_null(0) for name, window in windows.items() if window.how in zero}
        )
        if any(window.how in zero for window in windows.values())
        else table
    )


def derive(
    steps: Steps, table: ir.Table, derived: Iterable[Derived], as_of: int, cuts: Mapping[str, Sequence[float]]
) -> ir.Table:
    """Return a table with what follows from its columns, those that do not follow from each other at once."""
    waiting = list(derived)
    level = 0
    while waiting:
        ready = [one for one in waiting if named(one.nodes) <= set(table.columns)]
        new = {one.name: _derived(one, table, as_of, cuts) for one in ready}
        table = steps.add(f"derived_{level}", table.mutate(**new))
        waiting = [one for one in waiting if one.name not in new]
        level += 1
    return table


def _derived(one: Derived, table: ir.Table, as_of: int, cuts: Mapping[str, Sequence[float]]) -> ir.Value:
    if isinstance(one.source, Quintile):
        return _fifth(one.source, table, as_of, cuts.get(one.name, ()))
    value = to_ibis(one.source, table, as_of)
    if one.membership:
        return value.fill_null(False)
    return value.cast(column_type(one.type)) if one.type is not Type.SET else value


def _fifth(rank: Quintile, table: ir.Table, as_of: int, cuts: Sequence[float]) -> ir.Value:
    """Return 1 plus the number of cuts below a value; unknown where the value is, or who is not among them."""
    unknown = ibis.null("int64")
    if not cuts:
        return unknown
    value = to_ibis(rank.of, table, as_of).cast("float64")
    above = reduce(operator.add, [(value > cut).cast("int64") for cut in cuts])
    fifth = 5 - above if rank.reverse else 1 + above
    return (
        fifth if rank.among is None else ibis.cases((to_ibis(rank.among, table, as_of), fifth), else_=unknown)
    )


def ranked(table: ir.Table, rank: Quintile, as_of: int) -> ir.Table:
    """Return the four cuts that part members into fifths, as one row ``c1`` to ``c4`` (linear interpolation)."""
    if rank.among is not None:
        table = table.filter(to_ibis(rank.among, table, as_of))
    value = to_ibis(rank.of, table, as_of).cast("float64")
    return table.aggregate(**{f"c{n}": value.quantile(n / 5) for n in range(1, 5)})


# Windows ----------------------------------------------------------------------------------------------------------


def _by_source(
    windows: Collection[Window], types: Mapping[str, EventType], as_of: int, *, moved: bool
) -> list[ir.Table]:
    """Return the windows of each table of facts by member; distinct ones, which do not add up, apart."""
    sources: defaultdict[str, list[Window]] = defaultdict(list)
    shapes: dict[str, Shape] = {}
    alone: list[tuple[Shape, Window]] = []
    several: list[tuple[Shape, Window]] = []
    for window in windows:
        ((key, shape),) = needed([window], types).items()
        if window.how is Aggregation.DISTINCT:
            alone.append((shape, window))
            continue
        if shape.each and len(window.values) > 1 and window.how in _OF_EVENTS:
            several.append((shape, window))
            continue
        shapes[key] = shape.with_columns(shapes[key].columns) if key in shapes else shape
        sources[key].append(window)
    found = [
        _summed(facts_table(shapes[key]), some, types[some[0].event], as_of, moved=moved)
        for key, some in sources.items()
    ]
    return (
        found
        + [
            _distinct(facts_table(shape), window, types[window.event], as_of, moved=moved)
            for shape, window in alone
        ]
        + [
            _of_several(facts_table(shape), window, types[window.event], as_of, moved=moved)
            for shape, window in several
        ]
    )


_OF_EVENTS = frozenset({Aggregation.COUNT, Aggregation.AVG, Aggregation.MIN, Aggregation.MAX})
"""Aggregates in which an event with elements of several chosen values counts once."""


def _of_several(facts: ir.Table, window: Window, kind: EventType, as_of: int, *, moved: bool) -> ir.Table:
    """Return a window over events that have elements of several values, all of an event's taken together."""
    met = facts.filter(_within(facts, window, kind, as_of))
    whole = replace(window, dimension="", values=())
    sums = {} if not window.field else {number_column(whole, kind): met[number_column(window, kind)].sum()}
    events = met.group_by("day", "fragment", "event").aggregate(**sums)
    found = _summed(events, [whole], kind, as_of, moved=moved)
    return found.select("member", **{window.name: found[whole.name]})


def _within(table: ir.Table, window: Window, kind: EventType, as_of: int) -> ir.BooleanValue:
    inside = (table.day > as_of - window.days) & (table.day <= as_of)
    if window.dimension:
        inside = inside & table[value_column(window, kind)].isin(window.values)
    return inside


def _recent(table: ir.Table, windows: Collection[Window], as_of: int) -> ir.Table:
    longest = max(window.days for window in windows)
    return table.filter(table.day > as_of - longest, table.day <= as_of)


def _summed(
    facts: ir.Table, windows: Sequence[Window], kind: EventType, as_of: int, *, moved: bool
) -> ir.Table:
    """Return windows by member: added up by fragment, then by member."""
    facts = _recent(facts, windows, as_of)
    stable = ibis.table({"fragment": "int64", "owner": "int64"}, name=STABLE)
    still = facts.anti_join(_moved(), "fragment").select(*facts.columns) if moved else facts
    added, merge = _partials(still, windows, kind, as_of)
    by_fragment = still.group_by("fragment").aggregate(**added)
    owned = by_fragment.left_join(stable, "fragment")
    rows = owned.select(
        member=ibis.coalesce(owned.owner, owned.fragment), **{name: owned[name] for name in merge}
    )
    if moved:
        met = _held(facts)
        added, _ = _partials(met, windows, kind, as_of)
        rows = rows.union(
            met.group_by(member=met.owner).aggregate(**added).select("member", *merge), distinct=False
        )
    merged = rows.group_by("member").aggregate(
        **{name: getattr(rows[name], how)() for name, how in merge.items()}
    )
    return merged.select(
        "member", **{window.name: _final(merged, number, window) for number, window in enumerate(windows)}
    )


def _moved() -> ir.Table:
    return ibis.table(
        {"fragment": "int64", "from_day": "int64", "until_day": "int64", "owner": "int64"}, name=MOVED
    )


def _held(facts: ir.Table) -> ir.Table:
    """Return the facts of fragments that change hands, with who held them on that day."""
    handed = _moved()
    met = facts.join(handed, "fragment")
    return met.filter((met.day >= met.from_day) & (met.day < met.until_day)).select(*facts.columns, "owner")


def _partials(
    table: ir.Table, windows: Sequence[Window], kind: EventType, as_of: int
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what is added up of each window under names of its own, and how two of them make one."""
    found = {
        f"v{number}{suffix}": part
        for number, window in enumerate(windows)
        for suffix, part in _partial(table, window, kind, as_of).items()
    }
    return {name: value for name, (value, _) in found.items()}, {
        name: how for name, (_, how) in found.items()
    }


def _partial(table: ir.Table, window: Window, kind: EventType, as_of: int) -> dict[str, tuple[ir.Value, str]]:
    """Return what is added up of a window, with how two of them make one."""
    inside = _within(table, window, kind, as_of)
    if window.how is Aggregation.COUNT:
        return {"": (table.count(where=inside), "sum")}
    if window.how in {Aggregation.FIRST, Aggregation.LAST}:
        low = window.how is Aggregation.FIRST
        return {"": ((table.day.min(where=inside), "min") if low else (table.day.max(where=inside), "max"))}
    number = table[number_column(window, kind)]
    if window.how is Aggregation.MIN:
        return {"": (number.min(where=inside), "min")}
    if window.how is Aggregation.MAX:
        return {"": (number.max(where=inside), "max")}
    total = {"": (number.sum(where=inside), "sum")}
    if window.how is Aggregation.AVG:
        total["n"] = (number.count(where=inside), "sum")
    return total


def _final(merged: ir.Table, number: int, window: Window) -> ir.Value:
    value = merged[f"v{number}"]
    if window.how is Aggregation.AVG:
        count = merged[f"v{number}n"]
        return ibis.cases(
            (count > 0, value.cast("float64") / count.cast("float64")), else_=ibis.null("float64")
        )
    if window.type is Type.DATE:
        day = ibis.literal(calendar.date(0)) + value.cast("int32").as_interval("D")
        # DuckDB makes an instant of a day and a span of days; Ibis takes it for a day and would write no cast.
        return day.cast("timestamp").cast("date")
    if window.type is Type.NUMBER:
        return value.cast("float64")
    if window.how is Aggregation.SUM:
        # A bucket holds no more than this; the engine adds up in more bits. Of nothing and a limit it takes the limit.
        value = ibis.least(ibis.greatest(value.fill_null(0), -MOST), MOST)
    return value.cast("int64")


def _distinct(facts: ir.Table, window: Window, kind: EventType, as_of: int, *, moved: bool) -> ir.Table:
    """Return how many different values each member has."""
    column = number_column(window, kind)
    met = facts.filter(_within(facts, window, kind, as_of), facts[column].notnull())
    stable = ibis.table({"fragment": "int64", "owner": "int64"}, name=STABLE)
    still = met.anti_join(_moved(), "fragment").select(*met.columns) if moved else met
    pairs = still.select("fragment", value=still[column]).distinct()
    owned = pairs.left_join(stable, "fragment")
    rows = owned.select(member=ibis.coalesce(owned.owner, owned.fragment), value=owned.value)
    if moved:
        held = _held(met)
        rows = rows.union(held.select(member=held.owner, value=held[column]), distinct=False)
    return rows.group_by("member").aggregate(**{window.name: rows.value.nunique()})


def matching(table: ir.Table, node: Node, as_of: int) -> ir.Table:
    """Return the members for whom a rule is true."""
    return table.filter(to_ibis(node, table, as_of))


def truth(table: ir.Table, node: Node, as_of: int) -> ir.BooleanValue:
    """Return whether a rule is true, row by row: unknown is not."""
    value: ir.BooleanValue = to_ibis(node, table, as_of).fill_null(False)
    # What names nothing of a member is one value, not one for each.
    return value & table.member.notnull() if isinstance(value, ir.Scalar) else value
