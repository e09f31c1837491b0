"""Windows of one member from their daily buckets. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from guanxi.customers.events.measures import Series, bounded
from guanxi.rules import Window
from guanxi.rules.model import Aggregation

if TYPE_CHECKING:
    from guanxi.customers.events.model import EventType
    from guanxi.customers.identity.model import Holding
    from guanxi.customers.profiles.model import Bucket


_DAY = attrgetter("day")


def series_of(window: Window, kind: EventType, known: Mapping[Series, int]) -> dict[int, str]:
    """Return the numbers of the series that a window reads, with the dimension's value where that counts."""
    if window.how is Aggregation.DISTINCT:
        dimension = kind.dimensions[window.field]
        # A value whose events lack one measure may still stand in the buckets of another.
        return {
            number: series.value
            for series, number in known.items()
            if series.type == window.event and series.dimension == window.field
        }
    wanted = [Series(window.event, window.field, "", "")]
    if window.dimension:
        dimension = kind.dimensions[window.dimension]
        measure = window.field or next(iter(kind.held(dimension)), "")
        wanted = [Series(window.event, measure, window.dimension, value) for value in window.values]
    return {known[one]: one.value for one in wanted if one in known}


def value_of(window: Window, rows: Sequence[Bucket], values: Mapping[int, str]) -> Any:
    """Return what a window is over buckets that lie in it; ``values`` are those of ``series_of``."""
    if window.how is Aggregation.COUNT:
        return sum([row.n for row in rows])
    if window.how is Aggregation.SUM:
        return bounded(sum([row.total for row in rows]))
    if window.how is Aggregation.DISTINCT:
        return len({values[row.series] for row in rows})
    if not rows:
        return None
    match window.how:
        case Aggregation.AVG:
            return float(sum([row.total for row in rows])) / float(sum([row.n for row in rows]))
        case Aggregation.MIN:
            return min([row.low for row in rows])
        case Aggregation.MAX:
            return max([row.high for row in rows])
        case Aggregation.FIRST:
            return min([row.day for row in rows])
    return max([row.day for row in rows])


def windows_of(
    windows: Sequence[Window],
    series: Mapping[str, Mapping[int, str]],
    held: Sequence[Holding],
    rows: Iterable[Bucket],
    as_of: int,
) -> dict[str, Any]:
    """Return all windows of one member; ``series`` are those of each window, ``rows`` may be of others as well.

    ``rows`` are in the order of their days.
    """
    days: dict[int, list[tuple[int, int]]] = {one.fragment: [] for one in held}
    for one in held:
        days[one.fragment].append((one.from_day, one.until_day))
    by_series: defaultdict[int, list[Bucket]] = defaultdict(list)
    for row in rows:
        for start, end in days.get(row.fragment, ()):
            if start <= row.day < end:
                by_series[row.series].append(row)
                break
    found: dict[str, Any] = {}
    for window in windows:
        values = series[window.name]
        inside: list[Bucket] = []
        for number in values:
            if some := by_series.get(number):
                start = bisect_right(some, as_of - window.days, key=_DAY)
                inside += some[start : bisect_right(some, as_of, start, key=_DAY)]
        found[window.name] = value_of(window, inside, values)
    return found


def fifth(value: float | None, cuts: Sequence[float], *, reverse: bool) -> int | None:
    """Return which fifth a value lies in: 1 plus the number of cuts below it, or from above."""
    if value is None or not cuts:
        return None
    above = sum(float(value) > cut for cut in cuts)
    return 5 - above if reverse else 1 + above
