"""What is answered about audiences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from guanxi.kernel.text import Text
from guanxi.rules import Type


class Counted(NamedTuple):
    """How many members a rule is true of, among how many; ``margin`` is the half width of the 95 % interval of a sample.

    ``sample`` is how many members were asked; 0 if all were.
    """

    members: int
    of: int
    sample: int = 0
    margin: int = 0


class AudienceLine(NamedTuple):
    """An audience in one line. ``size`` is that of the last board, ``None`` if there is none yet; instants are µs."""

    key: str
    label: Text
    note: Text
    static: bool
    rule: str
    version: int
    size: int | None
    entered: int
    left: int
    at: int


class Overlap(NamedTuple):
    """How many are in one, in the other, and in both."""

    one: int
    other: int
    both: int


class BadRow(NamedTuple):
    """A row of a list that names nobody: its line from 1, and why."""

    line: int
    reason: Text


class Put(NamedTuple):
    """What became of a list: rows that named somebody, identities new to the audience, and rows that named nobody.

    ``known`` of those identities are of members. ``examples`` are the first bad rows.
    """

    rows: int
    added: int
    known: int
    bad: int
    examples: tuple[BadRow, ...]


class KnownValue(NamedTuple):
    """What is known of a member under a name. ``values`` are labels of all it can be; ``value`` is ``None`` if unknown.

    ``derived`` follows from a definition of that name; a ``membership`` is of the audience ``name``. What only a batch can
    know is of the last board's ``day``; of the rest that is ``None``.
    """

    name: str
    label: Text
    type: Type
    value: Any
    values: Mapping[str, Text]
    derived: bool
    membership: bool
    day: int | None = None
