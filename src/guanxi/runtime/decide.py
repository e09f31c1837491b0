"""Pure decisions: how long to wait before another try, and how to find the one item that spoils a set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of ``first``, 2 × ``first``, 4 × ``first``, … µs, at most ``most``; after ``attempts`` tries none."""

    first: int
    most: int
    attempts: int

    def delay(self, failed: int, spread: int = 1000) -> int:
        """Return the µs to wait after the ``failed``-th failure (from 1).

        ``spread`` is a number from 0 to 1000 drawn by the caller: the wait is the lower half plus that many
        thousandths of the upper half, so that what failed together does not come back together.
        """
        # A shift by more than 62 would only make a number too large for the database before `min` cuts it.
        whole = min(self.most, self.first << min(failed - 1, 62))
        half = whole // 2
        return whole - half + half * spread // 1000

    def exhausted(self, failed: int) -> bool:
        """Say whether ``failed`` failures are enough to stop trying."""
        return failed >= self.attempts


@dataclass(slots=True)
class Isolated(Generic[Item]):
    """What came of a set: ``done`` took effect, ``poisoned`` failed alone, ``untried`` was left for another time."""

    done: list[Item] = field(default_factory=list)
    poisoned: list[tuple[Item, Exception]] = field(default_factory=list)
    untried: list[Item] = field(default_factory=list)


def isolate(items: Sequence[Item], attempt: Callable[[Sequence[Item]], object], limit: int) -> Isolated[Item]:
    """Attempt a set; where that raises, halve it until the items that fail stand alone.

    ``attempt`` must leave nothing behind when it raises. Every item is in exactly one of the three lists. After
    ``limit`` poisoned items the rest is left untried, so that a set which fails as a whole (a program's mistake, a
    service that is down) costs a bounded number of attempts and still makes progress.

    One poisoned item in a set of n costs about 2 log2(n) attempts. A right half whose left half went through must hold
    the poison: it is halved again without being attempted whole.
    """
    result: Isolated[Item] = Isolated()

    def search(part: Sequence[Item], *, suspect: bool) -> bool:
        if len(result.poisoned) >= limit:
            result.untried.extend(part)
            return False
        if not suspect or len(part) == 1:
            try:
                attempt(part)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this item's reason
                if len(part) == 1:
                    result.poisoned.append((part[0], error))
                    return False
            else:
                result.done.extend(part)
                return True
        middle = len(part) // 2
        left = search(part[:middle], suspect=False)
        search(part[middle:], suspect=left)
        return False

    if items:
        search(items, suspect=False)
    return result
