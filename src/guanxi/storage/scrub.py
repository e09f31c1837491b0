"""Leaves no trace of deleted rows in SQLite's files.

A deleted row stays legible in free pages, in the gaps that rebalancing leaves inside live pages (``secure_delete`` does
not reach these) and in the write-ahead log. ``VACUUM`` writes every live row into fresh pages; truncating the log after
it removes what the log still held. On PostgreSQL this is autovacuum's task, and the operator's for archived WAL.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guanxi.storage.database import Database


def scrub(database: Database) -> bool:
    """Rewrite both files of a SQLite installation and empty their logs; does nothing on PostgreSQL.

    Says whether it is done: while somebody reads an old snapshot, or writes for long, it cannot be; call again later. Writers
    wait meanwhile, seconds per gigabyte.
    """
    if database.dialect == "postgresql":
        return True
    done = True
    for store in (database.main, database.tail):
        pooled = store.engine.raw_connection()
        try:
            connection: Any = pooled.driver_connection
            # The copy would otherwise be built in memory.
            connection.execute("PRAGMA temp_store=FILE")
            try:
                connection.execute("VACUUM")
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                done = done and not busy
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                    raise
                done = False
            finally:
                connection.execute("PRAGMA temp_store=MEMORY")
        finally:
            pooled.close()
    return done
