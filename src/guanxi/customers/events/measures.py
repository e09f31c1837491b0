"""What an event adds to the daily buckets: one number per series. Pure.

A *series* is an event type, one of its measures (or none, which counts events) and one value of a dimension (or none).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from guanxi.customers.events.model import Dimension, EventType

MOST_LETTERS = 80
"""Letters of a dimension's value that are kept; longer ones are cut, since a bucket is no place for texts."""


MOST = (1 << 63) - 1
"""The largest number that a bucket holds; what would be more stays there."""


def bounded(number: int) -> int:
    """Return ``number``, or what of it a bucket holds."""
    return max(-MOST, min(MOST, number))


class Series(NamedTuple):
    """The name of a kind of bucket; empty parts mean "the count" and "everything"."""

    type: str
    measure: str
    dimension: str
    value: str


class Numbering:
    """Gives series small numbers of its own, so that a set of events adds up under integers."""

    def __init__(self) -> None:
        self.series: list[Series] = []
        self._numbers: dict[Series, int] = {}

    def of(self, series: Series) -> int:
        """Return the number of a series."""
        number = self._numbers.get(series)
        if number is None:
            number = self._numbers[series] = len(self.series)
            self.series.append(series)
        return number


Contribution = tuple[int, int]
"""The number of a series, and what the event adds to it."""


class Extract(NamedTuple):
    """What events of one type add: ``of`` an event's properties, channel and account; ``blind`` if it reads none of them."""

    of: Callable[[Mapping[str, Any], str, str], list[Contribution]]
    blind: bool


NOTHING = Extract(lambda _properties, _channel, _account: [], blind=True)
"""What events add that are not to be counted."""

_Cut = Callable[[list[Contribution], Mapping[str, Any], str, str], None]


def extractor(name: str, kind: EventType | None, numbering: Numbering) -> Extract:
    """Return what computes an event type's contributions; a type nobody declared is only counted.

    A dimension's series carry the count of events in ``n`` as well, so a dimension that slices a measure needs no
    series of its own for counting.
    """
    count = (numbering.of(Series(name, "", "", "")), 0)
    if kind is None or not (kind.measures or kind.dimensions):
        only = [count]
        return Extract(lambda _properties, _channel, _account: only, blind=True)
    measures = [
        (numbering.of(Series(name, item.name, "", "")), item.field) for item in kind.measures.values()
    ]
    slices = [_slice(name, kind, dimension, numbering) for dimension in kind.dimensions.values()]

    def extract(properties: Mapping[str, Any], channel: str, account: str) -> list[Contribution]:
        found: list[Contribution] = [count]
        for series, field in measures:
            value = properties.get(field)
            if value is not None:
                found.append((series, value))
        for cut in slices:
            cut(found, properties, channel, account)
        return found

    return Extract(extract, blind=False)


def _slice(name: str, kind: EventType, dimension: Dimension, numbering: Numbering) -> _Cut:
    if dimension.each:
        return _slice_elements(name, dimension, numbering)
    fields = dict(dimension.measures) or {item.name: item.field for item in kind.measures.values()}

    def cut(found: list[Contribution], properties: Mapping[str, Any], channel: str, account: str) -> None:
        if dimension.context:
            value = channel if dimension.context == "channel" else account
        else:
            value = _text(properties.get(dimension.key))
        if not value:
            return
        if not fields:
            found.append((numbering.of(Series(name, "", dimension.name, value)), 0))
        for measure, field in fields.items():
            number = properties.get(field)
            if number is not None:
                found.append((numbering.of(Series(name, measure, dimension.name, value)), number))

    return cut


def _slice_elements(name: str, dimension: Dimension, numbering: Numbering) -> _Cut:
    fields = dict(dimension.measures) or {"": ""}
    each, key = dimension.each, dimension.key

    def cut(found: list[Contribution], properties: Mapping[str, Any], _channel: str, _account: str) -> None:
        elements = properties.get(each) or ()
        for measure, field in fields.items():
            sums: dict[str, int] = {}
            for element in elements:
                value = _text(element.get(key))
                if value:
                    sums[value] = sums.get(value, 0) + ((field and element.get(field)) or 0)
            for value, total in sums.items():
                series = numbering.of(Series(name, measure, dimension.name, value))
                found.append((series, bounded(total)))

    return cut


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value[:MOST_LETTERS].replace("\x00", "\ufffd") if isinstance(value, str) else ""
