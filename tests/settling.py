"""Waiting until a reader has seen everything, which on PostgreSQL depends on whoever else writes on the server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from guanxi.customers.projection.jobs import READER
from guanxi.storage.events.model import START
from guanxi.storage.events.vitals import waiting

if TYPE_CHECKING:
    from guanxi.customers.projection.jobs import Projection
    from guanxi.storage.database import Database
    from guanxi.storage.events.log import EventLog


def catch_up(
    database: Database, log: EventLog, projection: Projection, merchant_id: str, limit: int = 5_000
) -> None:
    """Let the projection take in everything that has been accepted."""
    while True:
        while projection.run(merchant_id, limit):
            pass
        if not waiting(database, log, merchant_id, READER).rows:
            return
        time.sleep(0.02)


def until_seen(log: EventLog, merchant_id: str, count: int) -> None:
    """Wait until readers see ``count`` events."""
    while len(log.read(merchant_id, START, count)) < count:
        time.sleep(0.02)
