"""Windows over facts, by member: added up by fragment, and mapped to whoever held the fragment. Ibis, so any engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from guanxi.customers.events.measures import MOST
from guanxi.customers.facts.model import Shape, needed, number_column, value_column
from guanxi.customers.facts.parts import DAY, Part, adds_up, parts_of
from guanxi.customers.profiles.model import MOVED, STABLE
from guanxi.rules import Type, Window, days as calendar
from guanxi.rules.model import Aggregation

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from guanxi.customers.events.model import EventType

_KINDS = {"BIGINT": "int64", "DOUBLE": "float64", "VARCHAR": "string"}
_SUM = "decimal(38, 0)"
"""A sum of whole numbers: an engine that adds up in more bits must not make a fraction of it in a file."""

Sums = Mapping[str, Mapping[Part, str]]
"""The columns of parts that are known already, by table of facts."""


def facts_table(shape: Shape, name: str = "") -> ir.Table:
    """Return a table of facts, named by its key."""
    schema = {DAY: "int32", "fragment": "int64"} | {
        column.name: _KINDS[column.kind] for column in shape.columns
    }
    return ibis.table(schema, name=name or shape.key)


def by_source(
    windows: Collection[Window], types: Mapping[str, EventType], as_of: int, *, moved: bool, sums: Sums
) -> list[ir.Table]:
    """Return the windows of each table of facts by member; those that do not add up, apart."""
    together: defaultdict[tuple[str, bool], list[Window]] = defaultdict(list)
    shapes: dict[str, Shape] = {}
    found = []
    for window in windows:
        kind = types[window.event]
        ((key, shape),) = needed([window], types).items()
        if adds_up(window, shape):
            shapes[key] = shape.with_columns(shapes[key].columns) if key in shapes else shape
            known = set(parts_of(window, kind).values()) <= sums.get(key, {}).keys()
            together[key, known].append(window)
        else:
            made = _distinct if window.how is Aggregation.DISTINCT else _of_several
            found.append(made(facts_table(shape), window, kind, as_of, moved=moved))
    for (key, known), some in together.items():
        kind = types[some[0].event]
        kept = _kept(shapes[key], some, kind, as_of, sums[key]) if known else None
        found.append(_summed(facts_table(shapes[key]), some, kind, as_of, moved=moved, kept=kept))
    return found


def _summed(
    facts: ir.Table,
    windows: Sequence[Window],
    kind: EventType,
    as_of: int,
    *,
    moved: bool,
    kept: ir.Table | None = None,
) -> ir.Table:
    """Return windows by member: added up by fragment (unless that is ``kept``), then by member."""
    parts = _parts(windows, kind)
    by_fragment = _added_up(facts, "fragment", parts, as_of) if kept is None else kept
    if moved:
        by_fragment = by_fragment.anti_join(_moved(), "fragment").select(*by_fragment.columns)
    stable = ibis.table({"fragment": "int64", "owner": "int64"}, name=STABLE)
    owned = by_fragment.left_join(stable, "fragment")
    rows = owned.select(
        member=ibis.coalesce(owned.owner, owned.fragment), **{name: owned[name] for name in parts}
    )
    if moved:
        held = _added_up(_held(facts), "owner", parts, as_of)
        rows = rows.union(held.select(member=held.owner, **{name: held[name] for name in parts}))
    merged = rows.group_by("member").aggregate(
        **{name: _merged(rows[name], one) for name, one in parts.items()}
    )
    return merged.select("member", **{one.name: _final(merged, n, one) for n, one in enumerate(windows)})


def _kept(
    shape: Shape, windows: Sequence[Window], kind: EventType, as_of: int, columns: Mapping[Part, str]
) -> ir.Table:
    """Return the parts of windows by fragment from what is known of the lake, and from what lies in the tail."""
    parts = _parts(windows, kind)
    hot = _added_up(facts_table(shape, f"hot/{shape.key}"), "fragment", parts, as_of)
    schema = {"fragment": "int64"} | {columns[part]: hot[name].type() for name, part in parts.items()}
    cold = ibis.table(schema, name=f"sums/{shape.key}")
    return cold.select("fragment", **{name: cold[columns[part]] for name, part in parts.items()}).union(hot)


def _parts(windows: Sequence[Window], kind: EventType) -> dict[str, Part]:
    return {
        f"v{number}{suffix}": part
        for number, window in enumerate(windows)
        for suffix, part in parts_of(window, kind).items()
    }


def _added_up(facts: ir.Table, by: str, parts: Mapping[str, Part], as_of: int) -> ir.Table:
    """Return parts over facts, by fragment or by whoever held it."""
    longest = max(part.days for part in parts.values())
    facts = facts.filter(facts.day > as_of - longest, facts.day <= as_of)
    return facts.group_by(by).aggregate(**{name: _of(facts, part, as_of) for name, part in parts.items()})


def _of(facts: ir.Table, part: Part, as_of: int) -> ir.Value:
    inside = (facts.day > as_of - part.days) & (facts.day <= as_of)
    if part.restricted:
        inside = inside & facts[part.restricted].isin(part.values)
    if not part.column:
        return facts.count(where=inside)
    value = getattr(facts[part.column], part.how)(where=inside)
    if part.column == DAY:
        return value.cast("int64")
    return value.cast(_SUM) if part.how == "sum" and value.type().is_integer() else value


def _merged(value: ir.Column, part: Part) -> ir.Value:
    merged = getattr(value, part.merge)()
    return merged.cast(_SUM) if part.adds and merged.type().is_integer() else merged


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


# Who held what ----------------------------------------------------------------------------------------------------


def _moved() -> ir.Table:
    return ibis.table(
        {"fragment": "int64", "from_day": "int64", "until_day": "int64", "owner": "int64"}, name=MOVED
    )


def _held(facts: ir.Table) -> ir.Table:
    """Return the facts of fragments that change hands, with who held them on that day."""
    handed = _moved()
    met = facts.join(handed, "fragment")
    return met.filter((met.day >= met.from_day) & (met.day < met.until_day)).select(*facts.columns, "owner")


# What does not add up ---------------------------------------------------------------------------------------------


def _within(table: ir.Table, window: Window, kind: EventType, as_of: int) -> ir.BooleanValue:
    inside = (table.day > as_of - window.days) & (table.day <= as_of)
    if window.dimension:
        inside = inside & table[value_column(window, kind)].isin(window.values)
    return inside


def _of_several(facts: ir.Table, window: Window, kind: EventType, as_of: int, *, moved: bool) -> ir.Table:
    """Return a window over events that have elements of several values, all of an event's taken together."""
    met = facts.filter(_within(facts, window, kind, as_of))
    whole = replace(window, dimension="", values=())
    sums = {} if not window.field else {number_column(whole, kind): met[number_column(window, kind)].sum()}
    events = met.group_by(DAY, "fragment", "event").aggregate(**sums)
    found = _summed(events, [whole], kind, as_of, moved=moved)
    return found.select("member", **{window.name: found[whole.name]})


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
