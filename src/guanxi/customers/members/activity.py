"""Who was active on which days, as arrays: a quarter of a year of a shop is too much for sets of numbers. Pure.

An array of ``places`` names members, or identities, by where they stand in a sorted list of all there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Held = tuple[int, int, int, int]
"""A fragment, from which day until before which day it is held, and by whom."""


class Active(NamedTuple):
    """Members and the days on which they were active, each pair once: ``members[places[i]]`` on ``days[i]``."""

    members: Numbers
    days: Numbers
    places: Numbers

    def only(self, wanted: Collection[int]) -> Active:
        """Return the same without members that are not ``wanted``."""
        stays = np.isin(self.members, np.fromiter(wanted, np.int64, len(wanted)))[self.places]
        return Active(self.members, self.days[stays], self.places[stays])

    def by_day(self, start: int, end: int) -> list[int]:
        """Return how many members were active on each day from ``start`` until before ``end``."""
        within = self.days[(self.days >= start) & (self.days < end)]
        counts: list[int] = np.bincount(within - start, minlength=end - start).tolist()
        return counts

    def between(self, start: int, end: int) -> int:
        """Return how many members were active on any of the days; who was on several counts once."""
        met = np.zeros(len(self.members), dtype=bool)
        met[self.places[(self.days >= start) & (self.days < end)]] = True
        return int(met.sum())


class Sightings:
    """Identities and the days on which they were met, each pair once."""

    def __init__(self, met: Sequence[tuple[int, Numbers]]) -> None:
        """Take the fragments met on each day."""
        sizes = [len(fragments) for _, fragments in met]
        self._days = np.repeat(np.array([day for day, _ in met], np.int64), sizes)
        everybody = np.concatenate([fragments for _, fragments in met]) if met else np.empty(0, np.int64)
        self._fragments, self._places = np.unique(everybody, return_inverse=True)

    @property
    def fragments(self) -> list[int]:
        """Every identity that was met, once."""
        fragments: list[int] = self._fragments.tolist()
        return fragments

    def members(self, holdings: Sequence[Held]) -> Active:
        """Return who the identities were; ``holdings`` are those that are not simply a member of their own.

        On a day on which nobody held it, such an identity was nobody.
        """
        if not holdings:
            return Active(self._fragments, self._days, self._places)
        held = np.array(holdings, np.int64)
        moved = np.isin(self._fragments, held[:, 0])
        members = np.unique(np.concatenate([self._fragments[~moved], held[:, 3]]))
        stays = ~moved[self._places]
        own = np.searchsorted(members, self._fragments[self._places[stays]])
        days, places = self._handed(held, np.flatnonzero(~stays), members)
        return _once(members, np.concatenate([self._days[stays], days]), np.concatenate([own, places]))

    def _handed(self, held: Numbers, sightings: Numbers, members: Numbers) -> tuple[Numbers, Numbers]:
        """Return the days and the holders of sightings of identities that change hands."""
        sightings = sightings[np.argsort(self._places[sightings], kind="stable")]
        theirs = self._fragments[self._places[sightings]]
        first, last = (np.searchsorted(theirs, held[:, 0], side) for side in ("left", "right"))
        count = last - first
        # Each holding beside each sighting of its identity: rows of the one, places in the other.
        row = np.repeat(np.arange(len(held)), count)
        at = np.arange(len(row)) + np.repeat(first - np.cumsum(count) + count, count)
        days = self._days[sightings[at]]
        fits = (held[row, 1] <= days) & (days < held[row, 2])
        return days[fits], np.searchsorted(members, held[row[fits], 3])


def _once(members: Numbers, days: Numbers, places: Numbers) -> Active:
    """Return each pair once: two identities of one member may have been met on one day."""
    width = len(members)
    pairs = np.unique(days * width + places)
    return Active(members, pairs // width, pairs % width)
