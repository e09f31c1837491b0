"""Goes on after a part of a rule that has no meaning, so that all that is wrong with the rule is told at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from guanxi.rules.model import BadRule, Literal, Node, Problem, Span, Type

MOST_PROBLEMS = 20
"""After so many the rest of a rule is not looked at."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wrong(Literal):
    """Stands where nothing could be made; whatever is made of it is wrong too, and nobody is told again."""

    value: Any = None
    type: Type = Type.BOOL


class Mending:
    """Makes the nodes of one rule and gathers what is wrong with them."""

    def __init__(self, rule: str) -> None:
        self._rule = rule
        self.problems: list[Problem] = []

    def made(self, at: Span, make: Callable[..., Node], *given: Any, **more: Any) -> Node:
        """Return what ``make`` makes of ``given``; raises ``BadRule`` when too much is wrong."""
        if any(isinstance(node, Wrong) for node in _nodes(given)):
            return Wrong(at=at)
        try:
            return make(*given, **more)
        except BadRule as error:
            self.problems += error.problems
            if len(self.problems) >= MOST_PROBLEMS:
                whole, self.problems = self.refused(), []
                raise whole from None
            return Wrong(at=at)

    def joined(self, make: Callable[[Sequence[Node]], Node], terms: Sequence[Node]) -> Node:
        """Return conditions joined; those that are right are looked at even beside wrong ones."""
        right = [one for one in terms if not isinstance(one, Wrong)]
        node = self.made(terms[0].at, make, right) if right else terms[0]
        return node if len(right) == len(terms) else Wrong(at=terms[0].at)

    def refused(self, last: BadRule | None = None) -> BadRule:
        """Return the refusal with everything that was found, and what was in the way at last."""
        return BadRule(self._rule, [*self.problems, *(last.problems if last else ())])


def _nodes(given: Any) -> Iterator[Node]:
    if isinstance(given, Node):
        yield given
    elif isinstance(given, list | tuple):
        for one in given:
            yield from _nodes(one)
