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

    ``day`` is the next step to look at or, once moves are ``found``, the last one of those that are being told, in the
    order of days and members: ``told`` and ``upto`` are the last one's. The last step is the board with the number
    ``board``, 0 until then: what later boards changed is told by them.
    """

    number: int
    rule: str
    since: int
    day: int
    found: bool = False
    told: int = 0
    upto: int = NOBODY
    board: int = 0
    ended: bool = False

    @property
    def before(self) -> int:
        """The day of the step before the next one."""
        return self.day - STEP


class Moved(NamedTuple):
    """A member who at the end of a day was elsewhere than at the step before (empty: nowhere), ``step`` days earlier.

    0: they were there when looking back begins, since when nobody knows.
    """

    day: int
    member: int
    before: str
    after: str
    step: int
