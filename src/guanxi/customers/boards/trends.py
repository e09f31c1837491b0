"""How large audiences were from day to day."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from guanxi.customers.boards import store

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant


class Daily(NamedTuple):
    """How large an audience was at the end of a day, and how many had come and gone on it."""

    audience: str
    day: int
    size: int
    entered: int
    left: int


def trend(tx: Transaction, merchant: Merchant, until: int, days: int, audience: str = "") -> list[Daily]:
    """Return how large an audience (empty: every one) was on those of the ``days`` until ``until`` that had a board.

    By audience and day; ``until`` is included.
    """
    starts = [merchant.days.start(day) for day in range(until - days + 1, until + 2)]
    found: dict[tuple[str, int], Daily] = {}
    for one in store.since(tx, merchant.merchant_id, starts[0], audience):
        day = until - days + bisect_right(starts, one.at)
        before = found.get((one.audience, day), Daily(one.audience, day, 0, 0, 0))
        entered, left = before.entered + one.entered, before.left + one.left
        found[one.audience, day] = Daily(one.audience, day, one.size, entered, left)
    return [found[place] for place in sorted(found)]
