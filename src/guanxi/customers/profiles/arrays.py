"""Arithmetic on what everybody has: arrays instead of loops, since a loop over two million takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from guanxi.storage.merchants import Merchant

Numbers = NDArray[np.int64]


def days_of(merchant: Merchant, instants: Numbers) -> NDArray[np.int32]:
    """Return the local days of instants (µs)."""
    if not len(instants):
        return np.empty(0, np.int32)
    days = merchant.days
    first, last = days.day(int(instants.min())), days.day(int(instants.max()))
    starts = np.array([days.start(day) for day in range(first, last + 2)], np.int64)
    found: NDArray[np.int32] = (first + np.searchsorted(starts, instants, side="right") - 1).astype(np.int32)
    return found


def places(wanted: Numbers, among: Numbers) -> Numbers:
    """Return where each of ``wanted`` stands in the sorted array ``among``; -1 for what is not there."""
    if not len(among):
        return np.full(len(wanted), -1, np.int64)
    found = np.minimum(np.searchsorted(among, wanted), len(among) - 1)
    return np.where(among[found] == wanted, found, -1)


def owners(fragments: Numbers, held: Numbers, now: Numbers, members: Numbers) -> Numbers:
    """Return who holds each fragment today.

    ``held`` are all fragments that are not simply their own member, sorted; ``now`` (sorted) those of them that somebody
    holds today, and ``members`` who. 0 for a fragment that nobody holds any more.
    """
    at = places(fragments, now)
    holder = np.where(at >= 0, members[at], 0) if len(members) else np.zeros(len(fragments), np.int64)
    own = places(fragments, held) < 0
    return np.where(own, fragments, holder)


def listed(values: list[frozenset[str]], codes: Numbers) -> pa.Array:
    """Return a column of lists: for each code the set at that place in ``values``, sorted."""
    distinct = pa.array([sorted(one) for one in values], pa.list_(pa.string()))
    return distinct.take(pa.array(codes))
