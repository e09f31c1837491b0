"""Which columns of an event type are kept, and under which names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from guanxi.customers.events.measures import MOST_LETTERS
from guanxi.customers.events.model import Dimension, EventType, FieldType, Measure
from guanxi.rules.model import Aggregation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from guanxi.rules import Window

NUMBERS = frozenset({FieldType.INT, FieldType.MONEY})
SCALARS = {
    FieldType.INT: "BIGINT",
    FieldType.MONEY: "BIGINT",
    FieldType.NUMBER: "DOUBLE",
    FieldType.TEXT: "VARCHAR",
    FieldType.BOOL: "VARCHAR",
}
"""The engine's types of properties that rules may name; a yes or no is the text ``true`` or ``false``."""


class Column(NamedTuple):
    """A column of facts. ``source`` is a property or, where ``context`` is set, ``channel``, ``account`` or ``number``.

    ``element``: a property of the list's elements. ``cut`` is after how many letters a text ends; 0 if it does not.
    ``since`` is the first version of the event type whose events have it.
    """

    name: str
    source: str
    kind: str
    context: bool = False
    element: bool = False
    cut: int = 0
    since: int = 0


class Shape(NamedTuple):
    """One table of facts: a row per event of a type or, with ``each``, per value of a list's elements in an event.

    ``each`` names the dimension, ``elements`` the list; its number columns are sums over the elements with the value.
    """

    type: str
    columns: tuple[Column, ...]
    each: str = ""
    elements: str = ""

    @property
    def key(self) -> str:
        """Return the table's name."""
        return f"{self.type}/{self.each}" if self.each else self.type

    def with_columns(self, more: Collection[Column]) -> Shape:
        """Return the same table with more columns."""
        return self._replace(columns=tuple(sorted({*self.columns, *more})))


EVENT = Column("event", "number", "BIGINT", context=True)
"""Which event a row of elements is of: its number in the log."""


def dimension_column(name: str) -> str:
    """Return the name of the column that holds a dimension's value."""
    return f"d_{name}"


def measure_column(name: str) -> str:
    """Return the name of the column that holds a measure."""
    return f"m_{name}"


def element_column(name: str) -> str:
    """Return the name of the column that holds the sum of a property of a list's elements."""
    return f"e_{name}"


def property_column(name: str) -> str:
    """Return the name of the column that holds a property."""
    return f"p_{name}"


def shapes(kind: EventType) -> dict[str, Shape]:
    """Return the tables of an event type with everything it declares: under ``""`` that of events, others by dimension."""
    plain = [one for one in kind.dimensions.values() if not one.each]
    common = {_dimension(one) for one in plain}
    found: dict[str, Shape] = {}
    for one in kind.dimensions.values():
        if one.each:
            sums = {_element(field) for field in one.measures.values()}
            columns = tuple(sorted({_dimension(one), EVENT, *sums, *common}))
            found[one.name] = Shape(kind.name, columns, one.name, one.each)
    measures = {_measure(kind, one) for one in kind.measures.values()}
    others = {_property(kind, field) for one in plain for field in one.measures.values()}
    found[""] = Shape(kind.name, tuple(sorted({*common, *measures, *others})))
    return found


def _dimension(one: Dimension) -> Column:
    name = dimension_column(one.name)
    source = one.context or one.key
    return Column(name, source, "VARCHAR", bool(one.context), bool(one.each), MOST_LETTERS, one.since)


def _element(field: str) -> Column:
    return Column(element_column(field), field, "BIGINT", element=True)


def _measure(kind: EventType, one: Measure) -> Column:
    return Column(measure_column(one.name), one.field, SCALARS[kind.fields[one.field].type], since=one.since)


def _property(kind: EventType, name: str) -> Column:
    return Column(property_column(name), name, SCALARS[kind.fields[name].type])


def needed(windows: Collection[Window], types: Mapping[str, EventType]) -> dict[str, Shape]:
    """Return the tables that windows are computed from, by key."""
    found: dict[str, Shape] = {}
    for window in windows:
        kind = types[window.event]
        sliced = {window.dimension, window.field if window.how is Aggregation.DISTINCT else ""}
        each = next((name for name in sliced & kind.dimensions.keys() if kind.dimensions[name].each), "")
        shape = shapes(kind)[each]
        more = [
            _property(kind, name)
            for name in (window.dimension, window.field)
            if name and name not in kind.measures and name not in kind.dimensions
        ]
        shape = found.get(shape.key, shape).with_columns(more)
        found[shape.key] = shape
    return found


def number_column(window: Window, kind: EventType) -> str:
    """Return the column of the numbers that a window aggregates, or of the values it counts once."""
    if window.how is Aggregation.DISTINCT and window.field in kind.dimensions:
        return dimension_column(window.field)
    dimension = kind.dimensions.get(window.dimension)
    if dimension is not None and window.field in dimension.measures:
        held = element_column if dimension.each else property_column
        return held(dimension.measures[window.field])
    return (measure_column if window.field in kind.measures else property_column)(window.field)


def value_column(window: Window, kind: EventType) -> str:
    """Return the column that a window's restriction is about."""
    name = window.dimension
    return dimension_column(name) if name in kind.dimensions else property_column(name)
