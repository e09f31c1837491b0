"""The members behind a figure of the overview."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from guanxi.customers.members import decide, store
from guanxi.customers.members.activity import Sightings
from guanxi.customers.members.model import Behind, MemberLine, Sort
from guanxi.customers.members.service import listing
from guanxi.kernel.paging import Page, read_cursor, write_cursor

if TYPE_CHECKING:
    from guanxi.customers.members.service.figures import Activity
    from guanxi.customers.members.service.parts import Parts
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant


def page(
    parts: Parts,
    activity: Activity,
    tx: Transaction,
    merchant: Merchant,
    behind: Behind,
    days: tuple[int, int],
    sort: Sort,
    cursor: str | None,
    limit: int,
) -> tuple[Page[MemberLine], int]:
    """See ``Members.list_behind``."""
    after = None if cursor is None else read_cursor(cursor, int, int)
    merchant_id = merchant.merchant_id
    met = activity.of(tx, merchant_id, *days) if behind is Behind.ACTIVE else _buyers(tx, merchant_id, days)
    active = met.members(store.holdings(tx, merchant_id, met.fragments))
    wanted = store.known(tx, merchant_id, active.members[np.unique(active.places)].tolist())
    newest = sort is Sort.NEWEST
    found = store.members(tx, merchant_id, wanted).values()
    rows = sorted(found, key=lambda row: (row.first_seen, row.member), reverse=newest)
    if after is not None:
        rows = [row for row in rows if ((row.first_seen, row.member) < after) == newest]
        rows = [row for row in rows if (row.first_seen, row.member) != after]
    items = rows[:limit]
    following = write_cursor(items[-1].first_seen, items[-1].member) if len(rows) > limit else None
    return Page(listing.lines(parts, tx, merchant, items), following), len(wanted)


def _buyers(tx: Transaction, merchant_id: str, days: tuple[int, int]) -> Sightings:
    orders = [one.series for one in store.series(tx, merchant_id, decide.ORDER) if not one.measure]
    met = store.active(tx, merchant_id, range(*days), orders)
    return Sightings([(day, np.array(who, np.int64)) for day, who in sorted(met)])
