"""An effect that a test can count: one row per timer, in a table of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.runtime.timers.model import Timer
    from guanxi.storage.database import Database, Transaction


class Killed(BaseException):
    """What stands for ``kill -9`` inside a process: nothing catches it."""


def create(database: Database) -> None:
    """Make the table; a row's number counts up, so that a doubled effect is a second row and not an error."""
    number = "INTEGER PRIMARY KEY" if database.dialect == "sqlite" else "BIGSERIAL PRIMARY KEY"
    with database.transaction() as tx:
        tx.conn.exec_driver_sql(
            f"CREATE TABLE test_effect (n {number}, merchant_id TEXT, kind TEXT, key TEXT, due_at BIGINT)"
        )


def record(tx: Transaction, timers: Sequence[Timer], now: int) -> None:
    """A handler: one row per timer."""
    tx.conn.execute(
        text(
            "INSERT INTO test_effect (merchant_id, kind, key, due_at) VALUES (:merchant_id, :kind, :key, :due_at)"
        ),
        [timer._asdict() for timer in timers],
    )


def keys(database: Database) -> list[str]:
    """The keys that took effect, in the order in which they did."""
    with database.reading() as tx:
        return [row[0] for row in tx.conn.exec_driver_sql("SELECT key FROM test_effect ORDER BY n")]
