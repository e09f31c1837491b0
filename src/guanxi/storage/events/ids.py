"""Which event ids are taken, on SQLite: in memory, out of what is durable anyway.

A table of ids costs a page written per event, because ids are random. Here the tail's own rows say which ids are taken
lately, and each hand-over leaves one sorted blob per day of those that it moves (``event_seen_run``). A process reads
this into memory, and at the start of each of its writes reads what has come since, by whomever it was written: SQLite
has one writer at a time, so nothing can come in between. Nothing is ever added from the process's own memory; what a
crash or a rollback undoes was never known.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

RECENT = 50_000
"""Ids kept in a set before they are packed: a set takes some 100 bytes for each, an array 16."""

_STEP = 100_000
"""Events whose ids are asked for at once: a text of SQLite's has its limit, and a tail that nobody reads has none."""


class _Run:
    """Packed ids, sorted by their first half."""

    __slots__ = ("first", "second")

    def __init__(self, halves: NDArray[np.uint64]) -> None:
        order = np.argsort(halves[:, 0], kind="stable")  # merges what is sorted already
        self.first, self.second = halves[order, 0], halves[order, 1]

    def __len__(self) -> int:
        return len(self.first)

    def holds(self, wanted: NDArray[np.uint64]) -> list[int]:
        """Return the places in ``wanted`` of those ids that are here."""
        at = np.searchsorted(self.first, wanted[:, 0])
        near = np.flatnonzero(self.first[np.minimum(at, len(self) - 1)] == wanted[:, 0])
        return [int(place) for place in near if self._has(int(at[place]), wanted[place])]

    def _has(self, at: int, id_halves: NDArray[np.uint64]) -> bool:
        while at < len(self) and self.first[at] == id_halves[0]:
            if self.second[at] == id_halves[1]:
                return True
            at += 1
        return False


class _Day:
    """The ids of one day. ``newest`` is the number of the last event in it; ``complete`` once its blobs were read."""

    __slots__ = ("complete", "newest", "recent", "runs")

    def __init__(self) -> None:
        self.recent: set[bytes] = set()
        self.runs: list[_Run] = []
        self.newest = 0
        self.complete = False

    def pack(self, ids: bytes) -> None:
        """Take in ids that lie one after another; runs are merged so that there are few."""
        self.runs.append(_Run(_halves(ids)))
        while len(self.runs) > 1 and len(self.runs[-2]) <= 2 * len(self.runs[-1]):
            one, other = self.runs.pop(), self.runs.pop()
            self.runs.append(
                _Run(
                    np.column_stack(
                        (np.concatenate((other.first, one.first)), np.concatenate((other.second, one.second)))
                    )
                )
            )

    def taken(self, ids: Sequence[bytes]) -> set[bytes]:
        found = self.recent.intersection(ids)
        if self.runs:
            wanted = _halves(b"".join(ids))
            for run in self.runs:
                found.update(ids[place] for place in run.holds(wanted))
        return found


class TakenIds:
    """The ids of one merchant that are taken."""

    def __init__(self, merchant_id: str) -> None:
        self._merchant_id = merchant_id
        self._number = 0
        self._days: dict[int, _Day] = {}

    def among(
        self, cursor: Any, wanted: Mapping[int, Sequence[bytes]], horizon: int
    ) -> set[tuple[int, bytes]]:
        """Return those of the ids, given by day, that are in the tail or in a day from ``horizon`` on.

        Call it in a transaction that may write, once and before it writes. For earlier days the lake answers.
        """
        self._catch_up(cursor, horizon)
        return {(day, one) for day, ids in wanted.items() for one in self._day(cursor, day).taken(ids)}

    def _catch_up(self, cursor: Any, horizon: int) -> None:
        moved, head = cursor.execute(
            "SELECT coalesce((SELECT upto_number FROM event_handover WHERE merchant_id = ?1), 0),"
            " coalesce((SELECT number FROM event_head WHERE merchant_id = ?1), 0)",
            (self._merchant_id,),
        ).fetchone()
        if not moved <= self._number <= head:
            # What we have not read has left the tail already: begin again, with what the hand-overs have left.
            self._days.clear()
            self._number = moved
        # A row a day, not an event: for each row the driver must get the interpreter back from busier threads.
        for start in range(self._number, head, _STEP):
            rows = cursor.execute(
                "SELECT dedup_day, max(number), group_concat(hex(id_hash), '') FROM event_tail"
                " WHERE merchant_id = ? AND epoch = 0 AND number > ? AND number <= ? GROUP BY dedup_day",
                (self._merchant_id, start, min(start + _STEP, head)),
            )
            for day, number, ids in rows:
                held = self._days.get(day)
                if held is None:
                    held = self._days[day] = _Day()
                packed = bytes.fromhex(ids)
                held.recent.update(packed[at : at + 16] for at in range(0, len(packed), 16))
                held.newest = number
        self._number = head
        for day, held in list(self._days.items()):
            if len(held.recent) > RECENT:
                held.pack(b"".join(held.recent))
                held.recent.clear()
            if day < horizon and held.newest <= moved:
                del self._days[day]

    def _day(self, cursor: Any, day: int) -> _Day:
        held = self._days.setdefault(day, _Day())
        if not held.complete:
            blobs = cursor.execute(
                "SELECT ids FROM event_seen_run WHERE merchant_id = ? AND dedup_day = ? ORDER BY n",
                (self._merchant_id, day),
            )
            if ids := b"".join(row[0] for row in blobs):
                held.pack(ids)
            held.complete = True
        return held


def leave_behind(cursor: Any, merchant_id: str, n: int, upto: int, horizon: int) -> None:
    """Write down, in hand-over ``n``'s last transaction, the ids that it takes out of the tail; forget those before ``horizon``."""
    rows = cursor.execute(
        "SELECT dedup_day, id_hash FROM event_tail"
        " WHERE merchant_id = ? AND epoch = 0 AND number <= ? AND dedup_day >= ?",
        (merchant_id, upto, horizon),
    )
    cursor.executemany(
        "INSERT INTO event_seen_run (merchant_id, dedup_day, n, ids) VALUES (?, ?, ?, ?)",
        [
            (merchant_id, day, n, b"".join(map(itemgetter(1), ids)))
            for day, ids in groupby(sorted(rows), itemgetter(0))
        ],
    )
    cursor.execute(
        "DELETE FROM event_seen_run WHERE merchant_id = ? AND dedup_day < ?", (merchant_id, horizon)
    )


def _halves(ids: bytes) -> NDArray[np.uint64]:
    return np.frombuffer(ids, dtype=">u8").astype(np.uint64).reshape(-1, 2)
