"""Upon what to look back, and where to begin. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.history.model import STEP, STEPS
from guanxi.customers.profiles.model import Quintile, needs
from guanxi.kernel.hashing import content_hash
from guanxi.rules.model import Attribute
from guanxi.rules.unparse import text

if TYPE_CHECKING:
    from guanxi.customers.profiles.model import Derived, Vocabulary

LIFECYCLE = "stage"
"""The trait that is looked at first, and so looked back upon first."""


def told(vocabulary: Vocabulary) -> list[Derived]:
    """Return the traits whose changes are told, in the order in which they are looked back upon."""
    found = [one for one in vocabulary.derived.values() if one.told and not one.membership]
    return sorted(found, key=lambda one: (one.name != LIFECYCLE, one.name))


def rule_of(vocabulary: Vocabulary, trait: Derived) -> str:
    """Return what stands for a trait's rule and everything that it follows from; labels do not matter."""
    parts = []
    for one in needs(vocabulary, [Attribute(trait.name, trait.type)]).derived:
        ranked = isinstance(one.source, Quintile) and one.source.reverse
        parts += [one.name, *(text(node) for node in one.nodes), str(ranked)]
    return content_hash("\n".join(parts).encode()).hex()


def first(as_of: int, earliest: int | None) -> int:
    """Return the first day to look at: a whole number of steps before ``as_of``, when somebody had been met already.

    ``earliest`` is the day on which the first member was met, ``None`` if there is nobody.
    """
    if earliest is None:
        return as_of
    return as_of - STEP * max(0, min(STEPS, (as_of - earliest) // STEP))
