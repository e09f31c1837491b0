"""What windows are added up from: numbers of which two make one, so that facts may be taken together in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from guanxi.customers.facts.model import Shape, needed, number_column, value_column
from guanxi.rules.model import Aggregation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from guanxi.customers.events.model import EventType
    from guanxi.rules import Window

DAY = "day"
_HOW = {Aggregation.SUM: "sum", Aggregation.MIN: "min", Aggregation.MAX: "max"}
OF_EVENTS = frozenset({Aggregation.COUNT, Aggregation.AVG, Aggregation.MIN, Aggregation.MAX})
"""Aggregates in which an event with elements of several chosen values counts once."""


class Part(NamedTuple):
    """One number per fragment: the ``how`` (count, sum, min or max) of a column of facts on the last ``days`` days.

    Without a column it counts facts. Where ``restricted`` names a column, only facts with one of ``values`` there count.
    """

    how: str
    column: str
    days: int
    restricted: str = ""
    values: tuple[str, ...] = ()

    @property
    def adds(self) -> bool:
        """Say whether two of them are added; of others the smaller or the larger is taken."""
        return self.how in {"count", "sum"}

    @property
    def merge(self) -> str:
        """Return how two of them make one."""
        return "sum" if self.adds else self.how


class Kept(NamedTuple):
    """Parts of windows that end with day ``as_of``, by table of facts."""

    as_of: int
    parts: Mapping[str, Collection[Part]]


def parts_of(window: Window, kind: EventType) -> dict[str, Part]:
    """Return the parts of a window by a suffix: ``""``, and ``"n"`` for how many numbers an average is of."""
    column = value_column(window, kind) if window.dimension else ""
    restricted = (window.days, column, tuple(window.values) if column else ())
    if window.how is Aggregation.COUNT:
        return {"": Part("count", "", *restricted)}
    if window.how in {Aggregation.FIRST, Aggregation.LAST}:
        return {"": Part("min" if window.how is Aggregation.FIRST else "max", DAY, *restricted)}
    number = number_column(window, kind)
    found = {"": Part(_HOW.get(window.how, "sum"), number, *restricted)}
    if window.how is Aggregation.AVG:
        found["n"] = Part("count", number, *restricted)
    return found


def adds_up(window: Window, shape: Shape) -> bool:
    """Say whether a window follows from parts of single facts: not what must be told apart by value or by event."""
    if window.how is Aggregation.DISTINCT:
        return False
    return not (shape.each and len(window.values) > 1 and window.how in OF_EVENTS)


def keepable(part: Part, shape: Shape) -> bool:
    """Say whether a part may be kept and changed by what comes and goes: sums of fractions would drift."""
    kinds = {column.name: column.kind for column in shape.columns}
    return part.how != "sum" or kinds.get(part.column) == "BIGINT"


def kept_of(windows: Iterable[Window], types: Mapping[str, EventType], as_of: int) -> Kept:
    """Return the parts of windows that are worth keeping, by table of facts."""
    found: dict[str, dict[Part, None]] = {}
    for window in windows:
        kind = types[window.event]
        ((key, shape),) = needed([window], types).items()
        parts = parts_of(window, kind).values()
        if adds_up(window, shape) and all(keepable(part, shape) for part in parts):
            found.setdefault(key, {}).update(dict.fromkeys(parts))
    return Kept(as_of, found)
