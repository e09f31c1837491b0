"""How far looking back has come."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

STEP = 7
"""Days from one look to the next."""

STEPS = 52
"""Steps that are looked back at most."""

NOBODY = -(1 << 63)
"""Comes before every member."""


class Round(msgspec.Struct, frozen=True):
    """One looking back upon a trait by one rule: from day ``since`` in steps, up to a board.

    ``day`` is the step that it has come to. Once its moves are ``found`` they are told, the members in order; ``upto`` is
    the last one who was. The last step is the board with the number ``board``, 0 until then: what later boards changed is
    told by them.
    """

    number: int
    rule: str
    since: int
    day: int
    found: bool = False
    upto: int = NOBODY
    board: int = 0
    ended: bool = False

    @property
    def before(self) -> int:
        """The day of the step before."""
        return self.day - STEP


class Moved(NamedTuple):
    """A member who was elsewhere at the step before (empty: nowhere), ``step`` days ago.

    0: they were where they are when looking back begins, since when nobody knows.
    """

    member: int
    before: str
    after: str
    step: int
