"""What a board is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

AUDIENCE_ENTERED, AUDIENCE_LEFT, TRAIT_CHANGED = "audience.entered", "audience.left", "trait.changed"
"""Events that tell what a board brought."""

AUDIENCE_FILLED = "audience.filled"
"""The event that somebody put members into an audience, or took some out; about no member."""


class Board(NamedTuple):
    """A wide table of everybody who had been met by day ``as_of``: a row per member, a column per name.

    It stands at a release of the definitions, a position of the log (``epoch``, ``number``) and a generation of erasures.
    ``cuts`` part members into fifths, by trait. ``changes`` counts what differs from the board before, ``told`` of how
    much of it there are events. ``built_at`` and ``took`` are microseconds.
    """

    board: int
    file: str
    as_of: int
    release: int
    epoch: int
    number: int
    generation: int
    members: int
    built_at: int
    took: int
    cuts: Mapping[str, Sequence[float]]
    changes: int
    told: int


class Size(NamedTuple):
    """How large an audience was at an instant, and who had come and gone since the time before."""

    audience: str
    board: int
    at: int
    size: int
    entered: int
    left: int


class Told(NamedTuple):
    """A change of one member: of an audience's key or a trait's name, from a value to another (empty: unknown, not in)."""

    name: str
    membership: bool
    member: int
    before: str
    after: str
