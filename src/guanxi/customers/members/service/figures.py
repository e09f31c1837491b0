"""A merchant in numbers, from the daily buckets."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from guanxi.customers.members import decide, store
from guanxi.customers.members.model import DayFigures, Overview, Summary
from guanxi.kernel.clock import DAY, MINUTE

if TYPE_CHECKING:
    from guanxi.customers.members.service.parts import Parts
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant

_EVERYBODY = 0
_SLOT = 15 * MINUTE
"""Local days begin on a whole quarter of an hour in every zone of our time."""


def overview(tx: Transaction, merchant: Merchant, today: int, days: int) -> Overview:
    """See ``Members.overview``."""
    merchant_id = merchant.merchant_id
    end, middle, start = today + 1, today + 1 - days, today + 1 - 2 * days
    orders, gmv = _sales(tx, merchant_id)
    active = _active(tx, merchant_id, start, end)
    new = _new(tx, merchant, start, end)
    series = [
        DayFigures(day, orders[day], gmv[day], len(active.get(day, ())), new[day])
        for day in range(start, end)
    ]
    count = store.count_members(tx, merchant_id)
    return Overview(
        members=count.get(True, 0),
        visitors=count.get(False, 0),
        orders=orders.total(),
        gmv=gmv.total(),
        window=decide.period(series, middle, end, active),
        before=decide.period(series, start, middle, active),
        days=tuple(series[days:]),
    )


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


def _active(tx: Transaction, merchant_id: str, start: int, end: int) -> dict[int, set[int]]:
    """Return the known members who did anything, by day."""
    pairs = store.active(tx, merchant_id, start, end)
    fragments = {fragment for _, fragment in pairs}
    found = decide.active_members(pairs, store.holdings(tx, merchant_id, fragments))
    everybody = set[int]().union(*found.values())
    known = {row.member for row in store.members(tx, merchant_id, everybody).values() if row.known}
    return {day: members & known for day, members in found.items()}


def _new(tx: Transaction, merchant: Merchant, start: int, end: int) -> Counter[int]:
    """Return how many members were met for the first time, by day."""
    days = merchant.days
    # Bounds a day too wide cost nothing, and no question of where a day begins.
    first, last = (start - 1) * DAY, (end + 1) * DAY
    found = Counter[int]()
    for slot, count in store.new_members(tx, merchant.merchant_id, first, last, _SLOT):
        found[days.day(slot * _SLOT)] += count
    return found
