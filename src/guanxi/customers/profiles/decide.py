"""Windows of one member from their daily buckets. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from guanxi.customers.events.measures import Series, bounded
from guanxi.rules import Window
from guanxi.rules.model import Aggregation

if TYPE_CHECKING:
    from guanxi.customers.events.model import EventType
    from guanxi.customers.identity.model import Holding
    from guanxi.customers.profiles.model import Bucket


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


def value_of(window: Window, rows: Iterable[Bucket], values: Mapping[int, str]) -> Any:
    """Return what a window is over buckets that lie in it; ``values`` are those of ``series_of``."""
    n = whole = 0
    low = high = None
    first = last = None
    met: set[str] = set()
    for row in rows:
        n += row.n
        whole += row.total
        low = row.low if low is None or row.low < low else low
        high = row.high if high is None or row.high > high else high
        first = row.day if first is None or row.day < first else first
        last = row.day if last is None or row.day > last else last
        met.add(values[row.series])
    match window.how:
        case Aggregation.COUNT:
            return n
        case Aggregation.SUM:
            return bounded(whole)
        case Aggregation.AVG:
            return float(whole) / float(n) if n else None
        case Aggregation.MIN:
            return low
        case Aggregation.MAX:
            return high
        case Aggregation.FIRST:
            return first
        case Aggregation.LAST:
            return last
    return len(met)


def windows_of(
    windows: Sequence[Window],
    series: Mapping[str, Mapping[int, str]],
    held: Sequence[Holding],
    rows: Iterable[Bucket],
    as_of: int,
) -> dict[str, Any]:
    """Return all windows of one member; ``series`` are those of each window, ``rows`` may be of others as well."""
    days = {one.fragment: [] for one in held}  # type: dict[int, list[tuple[int, int]]]
    for one in held:
        days[one.fragment].append((one.from_day, one.until_day))
    by_series: defaultdict[int, list[Bucket]] = defaultdict(list)
    for row in rows:
        if any(start <= row.day < end for start, end in days.get(row.fragment, ())):
            by_series[row.series].append(row)
    return {
        window.name: value_of(
            window,
            (
                row
                for number in series[window.name]
                for row in by_series.get(number, ())
                if as_of - window.days < row.day <= as_of
            ),
            series[window.name],
        )
        for window in windows
    }


def fifth(value: float | None, cuts: Sequence[float], *, reverse: bool) -> int | None:
    """Return which fifth a value lies in: 1 plus the number of cuts below it, or from above."""
    if value is None or not cuts:
        return None
    above = sum(float(value) > cut for cut in cuts)
    return 5 - above if reverse else 1 + above
