"""An installation to test services on: home, migrated database, a clock that stands still, one merchant."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guanxi.kernel.clock import FixedClock, parse_rfc3339
from guanxi.storage.database import Database
from guanxi.storage.events.log import EventLog
from guanxi.storage.home import Home
from guanxi.storage.locks import AdvisoryLocks, FileLocks, locks_of
from guanxi.storage.merchants import Merchant, add_merchant
from guanxi.storage.migrate import migrate
from guanxi.storage.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = parse_rfc3339("2026-06-15T12:00:00+08:00")


@dataclass(frozen=True)
class Installation:
    """What ``guanxi init`` leaves behind, opened."""

    home: Home
    database: Database
    clock: FixedClock
    log: EventLog
    locks: FileLocks | AdvisoryLocks
    vault: Vault
    merchant: Merchant

    @classmethod
    @contextmanager
    def fresh(cls, path: Path, database: str) -> Iterator[Installation]:
        """Make one in ``path``; its connections are closed at the end of the block."""
        home = Home.create(path, database=database)
        opened = Database.of(home)
        try:
            migrate(opened)
            clock = FixedClock(NOW)
            shop = Merchant("shop", "小店", "Asia/Shanghai", "CNY", "", NOW)
            with opened.transaction() as tx:
                add_merchant(tx, shop)
            log = EventLog(home, opened, clock)
            yield cls(home, opened, clock, log, locks_of(opened, home.locks), Vault(home.master_key), shop)
        finally:
            opened.dispose()
