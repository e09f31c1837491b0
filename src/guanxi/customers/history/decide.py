"""Upon what to look back, and where to begin. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.history.model import STEP, STEPS
from guanxi.customers.profiles.model import Quintile, needs
from guanxi.kernel.hashing import content_hash
from guanxi.rules.model import Attribute
from guanxi.rules.unparse import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from guanxi.customers.identity.model import Holding
    from guanxi.customers.profiles.model import Derived, Vocabulary

LIFECYCLE = "stage"
"""The trait that is looked at first, and so looked back upon first."""


def told(vocabulary: Vocabulary) -> list[Derived]:
    """Return the traits that are looked back upon, in that order: those whose changes are told, without ranks.

    A rank moves whenever somebody else does: a year of them would be more events than all that members did.
    """
    found = [
        one
        for one in vocabulary.derived.values()
        if one.told and not one.membership and not ranks(vocabulary, one)
    ]
    return sorted(found, key=lambda one: (one.name != LIFECYCLE, one.name))


def ranks(vocabulary: Vocabulary, trait: Derived) -> bool:
    """Say whether a trait follows from a rank among all members."""
    wanted = needs(vocabulary, [Attribute(trait.name, trait.type)])
    return any(isinstance(one.source, Quintile) for one in wanted.derived)


def rule_of(vocabulary: Vocabulary, trait: Derived) -> str:
    """Return what stands for a trait's rule and everything that it follows from; labels do not matter."""
    parts = []
    for one in needs(vocabulary, [Attribute(trait.name, trait.type)]).derived:
        parts += [one.name, *(text(node) for node in one.nodes)]
    return content_hash("\n".join(parts).encode()).hex()


def first(as_of: int, earliest: int | None) -> int:
    """Return the first day to look at: a whole number of steps before ``as_of``, when somebody had been met already.

    ``earliest`` is the day on which the first member was met, ``None`` if there is nobody.
    """
    if earliest is None:
        return as_of
    return as_of - STEP * max(0, min(STEPS, (as_of - earliest) // STEP))


def subject(member: int, day: int, at: int, held: Iterable[Holding], met: Mapping[int, int]) -> int | None:
    """Return the identity under which a member is told of: held on that day, and met by then, their own if it was.

    ``met`` says when identities were first met. An event about one that was met later would say that it had been there.
    """
    there = [
        one.fragment
        for one in held
        if one.from_day <= day < one.until_day and one.fragment in met and met[one.fragment] <= at
    ]
    return min(there, key=lambda one: (one != member, met[one], one), default=None)
