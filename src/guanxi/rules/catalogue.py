"""What a rule may name: attributes of a member, event types with their measures, and audiences.

Values, built by whoever knows them and already without what the author may not see; a rule cannot tell a name that is
hidden from one that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from guanxi.kernel.text import Text
from guanxi.rules.model import Type


@dataclass(frozen=True, slots=True)
class Known:
    """An attribute of a member. ``values`` are all it can be, with their labels, or empty. ``online``: kept up to date.

    ``called`` are labels of values where others may come.
    """

    type: Type
    label: Text
    values: Mapping[str, Text] = field(default_factory=dict)
    online: bool = True
    called: Mapping[str, Text] = field(default_factory=dict)

    def label_of(self, value: str) -> Text | None:
        """Return what people call a value."""
        return self.values.get(value) or self.called.get(value)


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that events carry. ``always`` if no event lacks it."""

    type: Type
    label: Text
    always: bool = True


@dataclass(frozen=True, slots=True)
class Dimension:
    """What an event type's buckets are sliced by. ``each``: a slice takes elements of the event's list, not the event.

    ``values`` and ``called`` are as an attribute's.
    """

    label: Text
    measures: tuple[str, ...]
    each: bool = False
    values: Mapping[str, Text] = field(default_factory=dict)
    called: Mapping[str, Text] = field(default_factory=dict)

    def label_of(self, value: str) -> Text | None:
        """Return what people call a value."""
        return self.values.get(value) or self.called.get(value)


@dataclass(frozen=True, slots=True)
class EventType:
    """An event type as far as rules may aggregate it. ``properties`` beyond measures and dimensions are batch only."""

    label: Text
    measures: Mapping[str, Measure] = field(default_factory=dict)
    dimensions: Mapping[str, Dimension] = field(default_factory=dict)
    properties: Mapping[str, Measure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything one author may name; ``audiences`` are their labels by key.

    ``unsure`` are names of which nobody can say whether and what they are, since they are just being defined and that
    text has mistakes: naming one is not wrong, and what follows from it is not looked at.
    """

    attributes: Mapping[str, Known] = field(default_factory=dict)
    events: Mapping[str, EventType] = field(default_factory=dict)
    audiences: Mapping[str, Text] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name most like ``name``, or an empty text if none is near."""
    by_lower = {one.lower(): one for one in names}
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    if found:
        return by_lower[found[0]]
    # A name is often written without what stands before its last dot.
    tail = name.lower().rpartition(".")[2]
    ends = [one for lower, one in by_lower.items() if lower.rpartition(".")[2] == tail]
    return min(ends, default="")
