"""Everybody in one table: attributes, windows over facts, and what follows from them. Ibis, so any engine.

Tables are named and unbound; ``Steps`` puts expressions together as one SQL text with a common table per step, because
an expression that is used many times must not be written out many times.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from guanxi.customers.profiles.model import PEOPLE, Quintile, named
from guanxi.customers.profiles.windows import by_source
from guanxi.rules import Type, Window
from guanxi.rules.model import Aggregation
from guanxi.rules.relation import column_type, to_ibis
from guanxi.storage.engine import together

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from guanxi.customers.events.model import EventType
    from guanxi.customers.profiles.model import Derived, Needs
    from guanxi.customers.profiles.windows import Sums
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
    sums: Sums | None = None,
) -> ir.Table:
    """Return everybody with all that is wanted, one row each; ``base`` has what is known already."""
    table = base if base is not None else people_table(attributes)
    sources = by_source(wanted.windows.values(), types, as_of, moved=moved, sums=sums or {})
    for name, found in enumerate(sources):
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


def matching(table: ir.Table, node: Node, as_of: int) -> ir.Table:
    """Return the members for whom a rule is true."""
    return table.filter(to_ibis(node, table, as_of))


def truth(table: ir.Table, node: Node, as_of: int) -> ir.BooleanValue:
    """Return whether a rule is true, row by row: unknown is not."""
    value: ir.BooleanValue = to_ibis(node, table, as_of).fill_null(False)
    # What names nothing of a member is one value, not one for each.
    return value & table.member.notnull() if isinstance(value, ir.Scalar) else value
