"""Loading the demo merchant into an intake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from guanxi.connectors.batches import batched
from guanxi.connectors.completejourney.messages import ACCOUNT, CHANNEL, SCOPE, all_messages
from guanxi.connectors.completejourney.people import people
from guanxi.connectors.completejourney.source import open_tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    import duckdb

    from guanxi.connectors.intake import Intake

__all__ = ["ACCOUNT", "CHANNEL", "SCOPE", "Loaded", "Progress", "load"]

BATCH = 1_000

_LAST_DAY = """
    SELECT max(moment)::DATE FROM (
        SELECT max(transaction_timestamp) AS moment FROM transactions
        UNION ALL SELECT max(redemption_date) FROM coupon_redemptions
        UNION ALL SELECT max(start_date) FROM campaigns JOIN campaign_descriptions USING (campaign_id)
    )
"""
_COUNT = """
    SELECT (SELECT count(DISTINCT basket_id) FROM transactions)
         + (SELECT count(*) FROM campaigns) + (SELECT count(*) FROM coupon_redemptions)
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load is: messages handed over, of how many."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did. ``anchor`` is to be stored and passed to every later load of the same home."""

    anchor: int
    accepted: int
    duplicates: int
    dead_lettered: int


def load(
    intake: Intake,
    *,
    today: date,
    anchor: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Loaded:
    """Hand the whole demo merchant to ``intake``, oldest message first; a second load changes nothing.

    ``today`` is the merchant's local date (Asia/Shanghai). ``anchor`` is the number of whole weeks by which the
    package's times are moved. Without one it is the largest that leaves the last event no later than yesterday; with
    the stored one, a load on a later day sends the very same messages. Raises ``DemoDataMissing``.
    """
    tables = open_tables()
    try:
        weeks = weeks_until(tables, today) if anchor is None else anchor
        introductions = people(tables, weeks)
        total = _scalar(tables, _COUNT) + len(introductions)
        done = accepted = duplicates = dead_lettered = 0
        for batch in batched(all_messages(tables, weeks, introductions), BATCH):
            receipt = intake.accept(batch)
            accepted += receipt.accepted
            duplicates += receipt.duplicates
            dead_lettered += receipt.dead_lettered
            done += len(batch)
            on_progress(Progress(done, total))
    finally:
        tables.close()
    return Loaded(weeks, accepted, duplicates, dead_lettered)


def weeks_until(tables: duckdb.DuckDBPyConnection, today: date) -> int:
    """Return the largest number of whole weeks that leaves the last event of any kind no later than yesterday."""
    last: date = _scalar(tables, _LAST_DAY)
    return (today - timedelta(days=1) - last).days // 7


def _scalar(tables: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = tables.execute(query).fetchone()
    if row is None:
        raise AssertionError(query)
    return row[0]
