"""What is answered about the stages of a trait."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from guanxi.kernel.text import Text

BESIDE = frozenset({"asleep", "dormant", "lapsed", "lost", "churned"})
"""Stages that stand beside the way that members should go, by the names that are given to them."""


class Staged(NamedTuple):
    """A trait that has stages: its name, what people call it and them, in the order in which its definition has them.

    Changes of one that is ``told`` are events.
    """

    name: str
    label: Text
    values: Mapping[str, Text]
    told: bool = False


class Standing(NamedTuple):
    """How many members are in each stage on the last board (empty: in none), among all; ``flagged`` of them have a flag.

    ``as_of`` is a day, ``built_at`` an instant.
    """

    members: int
    stages: Mapping[str, int]
    flagged: Mapping[str, int]
    as_of: int
    built_at: int


class Move(NamedTuple):
    """Members who went from a stage to another (empty: in none, or not yet known to us).

    ``days`` is the median of the days that they had spent in the stage before, of ``timed`` moves whose beginning is known;
    ``None`` without any.
    """

    before: str
    after: str
    members: int
    days: float | None = None
    timed: int = 0


class Moves(NamedTuple):
    """Moves on the days from ``since``. ``began`` is the day on which their history begins, ``None`` without one.

    Where it does not reach back, ``looked_back`` compares who is where now with where the definitions of now would have
    put them on the day before ``since``: whoever went and came back does not show.
    """

    since: int
    began: int | None
    looked_back: bool
    moves: tuple[Move, ...]


def way(stages: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the stages on the way, from its beginning, and those beside it.

    A definition names first what holds first, so the furthest stage; what holds otherwise comes last.
    """
    backwards = list(stages)[::-1]
    return [one for one in backwards if one not in BESIDE], [one for one in backwards if one in BESIDE]
