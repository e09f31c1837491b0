"""A merchant in numbers, from the daily buckets."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from guanxi.customers.members import decide, store
from guanxi.customers.members.activity import Sightings
from guanxi.customers.members.model import DayFigures, Overview, Summary
from guanxi.customers.privacy import service as privacy
from guanxi.kernel.clock import DAY, MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guanxi.customers.members.activity import Active, Numbers
    from guanxi.customers.members.service.parts import Parts
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant

_EVERYBODY = 0
_SLOT = 15 * MINUTE
"""Local days begin on a whole quarter of an hour in every zone of our time."""


def overview(activity: Activity, tx: Transaction, merchant: Merchant, today: int, days: int) -> Overview:
    """See ``Members.overview``."""
    merchant_id = merchant.merchant_id
    end, middle, start = today + 1, today + 1 - days, today + 1 - 2 * days
    orders, gmv = _sales(tx, merchant_id)
    active = _active(activity, tx, merchant_id, start, end)
    new = _new(tx, merchant, start, end)
    series = [
        DayFigures(day, orders[day], gmv[day], count, new[day])
        for day, count in enumerate(active.by_day(start, end), start)
    ]
    count = store.count_members(tx, merchant_id)
    return Overview(
        members=count.get(True, 0),
        visitors=count.get(False, 0),
        orders=orders.total(),
        gmv=gmv.total(),
        window=decide.period(series, middle, end, active.between(middle, end)),
        before=decide.period(series, start, middle, active.between(start, middle)),
        days=tuple(series[days:]),
    )


def last_day(tx: Transaction, merchant: Merchant) -> int | None:
    """See ``Members.last_day``."""
    merchant_id = merchant.merchant_id
    counting = decide.doing(store.series(tx, merchant_id))
    for day in reversed(store.days(tx, merchant_id, _FIRST)):
        if store.daily(tx, merchant_id, [day], [_EVERYBODY], counting):
            return day
    return None


def summary(parts: Parts, tx: Transaction, merchant: Merchant) -> Summary:
    """See ``Members.summary``."""
    orders, gmv = _sales(tx, merchant.merchant_id)
    return Summary(
        members=store.count_members(tx, merchant.merchant_id).get(True, 0),
        orders=orders.total(),
        gmv=gmv.total(),
        events=parts.log.count(merchant.merchant_id),
        dead_letters=parts.log.dead_letters(merchant.merchant_id).get("open", 0),
    )


def _sales(tx: Transaction, merchant_id: str) -> tuple[Counter[int], Counter[int]]:
    """Return orders and fen paid by day, of all days."""
    numbers = {one.series: one.measure for one in store.series(tx, merchant_id, decide.ORDER)}
    wanted = sorted(number for number, measure in numbers.items() if measure in {"", decide.AMOUNT})
    days = store.days(tx, merchant_id, _FIRST)
    orders, gmv = Counter[int](), Counter[int]()
    for day, _, number, n, total in store.daily(tx, merchant_id, days, [_EVERYBODY], wanted):
        if numbers[number]:
            gmv[day] += total
        else:
            orders[day] += n
    return orders, gmv


_FIRST = -(2**31)


class Activity:
    """Who did anything on which day, remembered for as long as the day's number of events stays the same.

    Most days are over, so that the home page reads but the last one. Once somebody is forgotten all is read anew. What
    is remembered is bounded: a merchant with more than ``MOST`` sightings in the days asked for has them read each
    time.
    """

    MOST = 2_000_000

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[tuple[int, int], Numbers]] = {}

    def of(self, tx: Transaction, merchant_id: str, start: int, end: int) -> Sightings:
        """Return who did anything from day ``start`` until before ``end``."""
        counting = decide.doing(store.series(tx, merchant_id))
        counts = Counter[int]()
        for day, _, _, n, _ in store.daily(tx, merchant_id, range(start, end), [_EVERYBODY], counting):
            counts[day] += n
        generation = privacy.generation(tx, merchant_id)
        states = {day: (count, generation) for day, count in sorted(counts.items())}
        found: dict[int, Numbers] = {}
        unread = []
        for day, state in states.items():
            known = self._known.get((merchant_id, day))
            if known is not None and known[0] == state:
                found[day] = known[1]
            else:
                unread.append(day)
        read = {
            day: np.array(fragments, np.int64)
            for day, fragments in store.active(tx, merchant_id, unread, counting)
        }
        self._keep(merchant_id, read, states)
        return Sightings(sorted((found | read).items()))

    def _keep(
        self, merchant_id: str, read: Mapping[int, Numbers], states: Mapping[int, tuple[int, int]]
    ) -> None:
        size = sum(map(len, read.values()))
        if size > self.MOST:
            return
        if size + sum(len(fragments) for _, fragments in list(self._known.values())) > self.MOST:
            self._known.clear()
        self._known.update({(merchant_id, day): (states[day], who) for day, who in read.items()})


def _active(activity: Activity, tx: Transaction, merchant_id: str, start: int, end: int) -> Active:
    """Return the known members who did anything, and when."""
    met = activity.of(tx, merchant_id, start, end)
    found = met.members(store.holdings(tx, merchant_id, met.fragments))
    return found.only(store.known(tx, merchant_id, found.members.tolist()))


def _new(tx: Transaction, merchant: Merchant, start: int, end: int) -> Counter[int]:
    """Return how many members were met for the first time, by day."""
    days = merchant.days
    # Bounds a day too wide cost nothing, and no question of where a day begins.
    first, last = (start - 1) * DAY, (end + 1) * DAY
    found = Counter[int]()
    for slot, count in store.new_members(tx, merchant.merchant_id, first, last, _SLOT):
        found[days.day(slot * _SLOT)] += count
    return found
