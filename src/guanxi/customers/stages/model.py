"""What is answered about the stages of a trait."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from guanxi.kernel.text import Text
from guanxi.rules.model import quote
from guanxi.rules.unparse import name

BESIDE = frozenset({"asleep", "dormant", "lapsed", "lost", "churned"})
"""Stages that stand beside the way that members should go, by the names that are given to them."""


class Staged(NamedTuple):
    """A trait that has stages: its name, what people call it and them, in the order in which its definition has them.

    Changes of one that is ``told`` are events. One that follows from a rank is not looked back upon.
    """

    name: str
    label: Text
    values: Mapping[str, Text]
    told: bool = False
    ranked: bool = False


def rule_of(trait: str, stage: str) -> str:
    """Return the rule that is true of the members in a stage, as its canonical text."""
    return f"{name(trait)} = {quote(stage)}"


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


class Looking(NamedTuple):
    """How far looking back upon a trait has come: ``done`` of ``steps``, from day ``since`` on. Then it has ``ended``."""

    since: int
    done: int
    steps: int
    ended: bool


class Reached(NamedTuple):
    """How many members ever came at least as far as a stage, and how many of them came at least as far as the next.

    ``stayed`` were seen in the stage itself: one may pass it by. ``timed`` of those who went on are known to have come to both, and when: ``days`` are the quartiles (a quarter, half, three
    quarters) of the days in between. Of ``rough`` ones either day is known to ``STEP`` days only.
    """

    stage: str
    members: int
    stayed: int
    onward: int
    timed: int
    rough: int
    days: tuple[float, float, float] | None


class Funnel(NamedTuple):
    """The way of ``members`` who were first met on day ``came`` or later (``None``: all); since when it is known."""

    members: int
    came: int | None
    since: int
    stages: tuple[Reached, ...]


class Behind(NamedTuple):
    """Which members are asked for: who came at least as far as a stage and went ``onward``, or not, or either."""

    stage: str
    onward: bool | None
    most: int


class Passed(NamedTuple):
    """A member who came at least as far as a stage, since when, and when at least to the next; ``None``: not known."""

    member_id: str
    came: int | None
    went: int | None


def way(stages: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the stages on the way, from its beginning, and those beside it.

    A definition names first what holds first, so the furthest stage; what holds otherwise comes last.
    """
    backwards = list(stages)[::-1]
    return [one for one in backwards if one not in BESIDE], [one for one in backwards if one in BESIDE]
