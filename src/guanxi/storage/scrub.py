"""Leaves no trace of deleted rows in SQLite's files, and gives their space back.

A deleted row stays legible in free pages, in the gaps that rebalancing leaves inside live pages (``secure_delete`` does
not reach these) and in the write-ahead log. ``VACUUM`` writes every live row into fresh pages; truncating the log after
it removes what the log still held. On PostgreSQL this is autovacuum's task, and the operator's for archived WAL.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guanxi.storage.database import Database, Store

SPARE = 64 << 20
"""Free bytes that are not worth the trouble."""

MOST_USED = 64 << 20
"""Bytes in use above which a file is not rewritten for the sake of its size: it takes some 10 ms for each MiB."""


def scrub(database: Database) -> bool:
    """Rewrite both files of a SQLite installation and empty their logs; does nothing on PostgreSQL.

    Says whether it is done: while somebody reads an old snapshot, or writes for long, it cannot be; call again later. Writers
    wait meanwhile, seconds per gigabyte.
    """
    if database.dialect == "postgresql":
        return True
    state, tail = _rewrite(database.main), _rewrite(database.tail)
    return state and tail


def shrink(database: Database) -> int:
    """Give the disk back what a burst of events has left in the tail's file; returns the bytes, mostly 0.

    Free pages are used again, so this is for the day after: when hardly anything of a large file is in use, and so
    little that writers wait for less than a second. PostgreSQL sees to its files itself.
    """
    if database.dialect == "postgresql":
        return 0
    with database.tail.reading() as tx:
        size, pages, free = (
            int(tx.conn.exec_driver_sql(f"PRAGMA {name}").scalar_one())
            for name in ("page_size", "page_count", "freelist_count")
        )
    used = (pages - free) * size
    if free * size < max(SPARE, 3 * used) or used > MOST_USED:
        return 0
    return free * size if _rewrite(database.tail) else 0


def _rewrite(store: Store) -> bool:
    pooled = store.engine.raw_connection()
    try:
        connection: Any = pooled.driver_connection
        # The copy would otherwise be built in memory.
        connection.execute("PRAGMA temp_store=FILE")
        try:
            connection.execute("VACUUM")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise
            return False
        finally:
            connection.execute("PRAGMA temp_store=MEMORY")
    finally:
        pooled.close()
    return not busy
