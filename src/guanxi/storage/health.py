"""What a check-up asks the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from guanxi.storage.database import Store, Transaction


def integrity(store: Store) -> str:
    """Return what SQLite's quick check says of a file: ``ok``, or the first thing that is wrong."""
    with store.reading() as tx:
        return str(tx.conn.execute(text("PRAGMA quick_check(1)")).scalar())


def oldest_writer(tx: Transaction) -> int:
    """Return for how many seconds PostgreSQL's oldest writing transaction has been open; readers wait for it."""
    return int(
        tx.conn.execute(
            text(
                "SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::int FROM pg_stat_activity"
                " WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
            )
        ).scalar_one()
    )
