"""The package's tables as messages, in order of time.

Times in the package are wall-clock times without a zone and are read as Asia/Shanghai, moved by whole weeks so that
weekdays stay. Amounts are read as yuan and become fen exactly: they have two decimals, and go through DECIMAL.
Redemptions and campaigns have a date only; they are placed at the beginning of that day and say ``precision: day``.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from guanxi.connectors.completejourney.people import SHOP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import duckdb

    from guanxi.connectors.intake import Message

ACCOUNT = SHOP
CHANNEL = "store"
SCOPE = SHOP

_ROWS = 20_000
# Asia/Shanghai has been at +08:00 without summer time since 1991, and the package begins in 2016.
ZONE = timezone(timedelta(hours=8))
_STAMP = "'%Y-%m-%dT%H:%M:%S+08:00'"
# Sorted as plain numbers; text is made per basket and per product afterwards, which takes half the time.
_LINES = """
    SELECT transaction_timestamp, basket_id, household_id, store_id, product_id, quantity,
           (sales_value::DECIMAL(18, 2) * 100)::BIGINT,
           (retail_disc::DECIMAL(18, 2) * 100)::BIGINT,
           (coupon_disc::DECIMAL(18, 2) * 100)::BIGINT,
           (coupon_match_disc::DECIMAL(18, 2) * 100)::BIGINT
    FROM (SELECT * REPLACE (epoch_us(transaction_timestamp) AS transaction_timestamp) FROM transactions)
    ORDER BY transaction_timestamp, basket_id, product_id
"""

_CAMPAIGNS = f"""
    SELECT strftime(d.start_date + to_weeks($weeks), {_STAMP}), c.household_id::VARCHAR, c.campaign_id::VARCHAR,
           d.campaign_type, strftime(d.start_date + to_weeks($weeks), '%Y-%m-%d'),
           strftime(d.end_date + to_weeks($weeks), '%Y-%m-%d')
    FROM campaigns c JOIN campaign_descriptions d USING (campaign_id)
    ORDER BY d.start_date, c.campaign_id, c.household_id
"""  # noqa: S608

_REDEMPTIONS = f"""
    SELECT strftime(r.redemption_date + to_weeks($weeks), {_STAMP}), r.household_id::VARCHAR, r.coupon_upc::VARCHAR,
           r.campaign_id::VARCHAR, d.campaign_type, strftime(r.redemption_date, '%Y-%m-%d'), c.eligible
    FROM coupon_redemptions r
    JOIN campaign_descriptions d USING (campaign_id)
    JOIN (SELECT coupon_upc, campaign_id, count(DISTINCT product_id) AS eligible
          FROM coupons GROUP BY ALL) c USING (coupon_upc, campaign_id)
    ORDER BY r.redemption_date, r.household_id, r.coupon_upc, r.campaign_id
"""  # noqa: S608


def all_messages(
    tables: duckdb.DuckDBPyConnection, weeks: int, people: Iterable[Message]
) -> Iterator[Message]:
    """Yield every message of the demo merchant, moved by ``weeks`` whole weeks, oldest first.

    ``people`` are those that introduce the households, moved and in order. At equal times a household's introduction comes first and its order last. Ids depend on the package's keys alone.
    """
    at = itemgetter("timestamp")
    yield from merge(
        people,
        _campaigns(tables, weeks),
        _redemptions(tables, weeks),
        _orders(tables, weeks),
        key=at,
    )


def _rows(tables: duckdb.DuckDBPyConnection, query: str, **params: int) -> Iterator[tuple[Any, ...]]:
    cursor = tables.cursor().execute(query, params)
    while rows := cursor.fetchmany(_ROWS):
        yield from rows


def _context(household: str) -> dict[str, Any]:
    return {
        "channel": CHANNEL,
        "account": ACCOUNT,
        "identities": [{"type": "member_no", "scope": SCOPE, "value": household}],
    }


def _track(event: str, key: str, at: str, household: str, properties: dict[str, Any]) -> Message:
    return {
        "type": "track",
        "event": event,
        "messageId": f"completejourney:{key}",
        "timestamp": at,
        "context": _context(household),
        "properties": properties,
    }


def _orders(tables: duckdb.DuckDBPyConnection, weeks: int) -> Iterator[Message]:
    products = {
        row[0]: (str(row[0]), row[1], row[2])
        for row in _rows(tables, "SELECT product_id, department, product_category FROM products")
    }
    moved = datetime(1970, 1, 1, tzinfo=ZONE) + timedelta(weeks=weeks)
    for (at, basket, household, store), rows in groupby(_rows(tables, _LINES), key=itemgetter(0, 1, 2, 3)):
        lines = []
        amount = retail = coupon = match = 0
        for row in rows:
            product, department, category = products.get(row[4]) or (str(row[4]), None, None)
            line = {"product_id": product, "category": department, "subcategory": category}
            line["quantity"] = row[5]
            line["amount"] = row[6]
            amount += row[6]
            # Half the lines have no discount and few have all three: zeros are left out, which keeps the lake small.
            if row[7]:
                line["retail_discount"] = row[7]
                retail += row[7]
            if row[8]:
                line["coupon_discount"] = row[8]
                coupon += row[8]
            if row[9]:
                line["coupon_match_discount"] = row[9]
                match += row[9]
            lines.append(line)
        yield _track(
            "order.paid",
            f"order:{basket}",
            (moved + timedelta(microseconds=at)).isoformat(),
            str(household),
            {
                "order_id": str(basket),
                "store_id": str(store),
                "currency": "CNY",
                "amount": amount,
                "discount": retail + coupon + match,
                "retail_discount": retail,
                "coupon_discount": coupon,
                "coupon_match_discount": match,
                "line_count": len(lines),
                "lines": lines,
            },
        )


def _campaigns(tables: duckdb.DuckDBPyConnection, weeks: int) -> Iterator[Message]:
    for at, household, campaign, kind, start, end in _rows(tables, _CAMPAIGNS, weeks=weeks):
        yield _track(
            "campaign.received",
            f"campaign:{campaign}:{household}",
            at,
            household,
            {
                "campaign_id": campaign,
                "campaign_type": kind,
                "start_date": start,
                "end_date": end,
                "precision": "day",
            },
        )


def _redemptions(tables: duckdb.DuckDBPyConnection, weeks: int) -> Iterator[Message]:
    for at, household, coupon, campaign, kind, day, eligible in _rows(tables, _REDEMPTIONS, weeks=weeks):
        yield _track(
            "coupon.redeemed",
            f"redemption:{household}:{coupon}:{campaign}:{day}",
            at,
            household,
            {
                "coupon_id": coupon,
                "campaign_id": campaign,
                "campaign_type": kind,
                "eligible_products": eligible,
                "precision": "day",
            },
        )
