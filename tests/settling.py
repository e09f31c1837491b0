"""Waiting until a reader has seen everything, which on PostgreSQL depends on whoever else writes on the server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from guanxi.customers.projection.jobs import READER
from guanxi.storage.events import tail
from guanxi.storage.events.model import START, LoggedEvent, Position
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


def read_to_end(
    log: EventLog, merchant_id: str, after: Position = START, limit: int = 1_000
) -> list[LoggedEvent]:
    """Read everything that has been accepted, page by page as a reader does."""
    seen: list[LoggedEvent] = []
    while True:
        page = log.read(merchant_id, after, limit)
        assert len(page) <= limit
        seen += page
        after = page[-1].position if page else after
        with log._database.tail.reading() as tx:
            if not page and not tail.accounts(tx, merchant_id, after):
                return seen
        if not page:
            time.sleep(0.02)
