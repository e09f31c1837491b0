"""Taking turns: every lane that has something due gets one set before any lane gets a second."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guanxi.runtime.model import DueLane, Lane


class Rotation:
    """Works off due lanes one set at a time.

    A round looks once which lanes have something due and then gives each of them one set. A merchant or kind with a
    million due items therefore delays any other by at most one set per round, however long its own queue is.
    """

    def __init__(self, look: Callable[[int], Sequence[DueLane]], work: Callable[[Lane, int], int]) -> None:
        """``look(now)`` gives the lanes that have something due; ``work(lane, now)`` does a set, says how much."""
        self._look = look
        self._work = work
        self._waiting: deque[Lane] = deque()
        self._lag = 0

    def turn(self, now: int) -> int:
        """Do one set of the next lane that has one; 0 when a new round found nothing to do."""
        if not self._waiting:
            due = self._look(now)
            self._lag = max((now - lane.earliest for lane in due), default=0)
            self._waiting.extend(lane.lane for lane in due)
        while self._waiting:
            done = self._work(self._waiting.popleft(), now)
            if done:
                return done
        return 0

    def round(self, now: int) -> int:
        """Give every lane that has something due one set; return how much was done."""
        done = self.turn(now)
        while self._waiting:
            done += self.turn(now)
        return done

    def lag(self) -> int:
        """Return how long (µs) the oldest due item had waited when the present round began."""
        return max(0, self._lag)
