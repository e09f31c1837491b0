"""Erasures: whose history is to be forgotten, up to where, and how far the work has come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from guanxi.customers.identity.model import Holding

NOBODY = -(2**63)
"""Holds the place of a forgotten guest in somebody else's event, so that the others' places do not change."""

ERASED = "erased:"
"""Begins the ids of events whose person was forgotten; the hash of the first id follows, in hexadecimal."""


class State(StrEnum):
    """How far an erasure has come. From ``ASKED`` on the database holds nothing more about the person."""

    ASKED = "asked"
    """The log still tells of them; readers of events see it as if it did not."""
    MENDED = "mended"
    """What others' records owed to the person's events no longer depends on them."""
    WIPED = "wiped"
    """Tail, lake and dead letters are rewritten; nothing says any more whom the erasure was about."""
    DONE = "done"
    """No file holds a remnant."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """One person to be forgotten.

    ``holdings`` are the identities they held, and on which days; ``kinds`` the types and scopes of these. Events count
    as theirs up to position ``upto``; what comes later is a stranger's. Their anonymous history goes on under
    ``tombstone``. All of this is empty once the state is ``WIPED``. Instants are microseconds UTC.
    """

    erasure_id: str
    state: State
    holdings: tuple[Holding, ...]
    kinds: tuple[tuple[str, str], ...]
    tombstone: int
    upto: tuple[int, int]
    asked_at: int
    asked_by: str
    done_at: int
