"""The transactional store: SQLite or PostgreSQL behind one unit of work.

Only the edge (API, CLI, worker) opens a transaction; services receive it open. ``commit`` appears nowhere else in the
product. On SQLite the event tail is a file of its own, so that a burst of events never waits for a state change; on
PostgreSQL both are the same database.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.pool import QueuePool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guanxi.storage.home import Home

UNAVAILABLE: tuple[type[Exception], ...] = (
    exc.OperationalError,
    exc.InterfaceError,
    sqlite3.OperationalError,
    psycopg.OperationalError,
    OSError,
)
"""What is raised when the database or the disk cannot be used just now, whatever was asked of it."""


FAILED: tuple[type[Exception], ...] = (*UNAVAILABLE, exc.DatabaseError, sqlite3.DatabaseError)
"""What a check-up catches: also what is raised when a file is damaged."""


def is_damaged(error: Exception) -> bool:
    """Say whether SQLite found a file that is none of its own or is broken inside; it has no class for these."""
    return type(getattr(error, "orig", None) or error) is sqlite3.DatabaseError


def why_unavailable(error: Exception) -> str:
    """Return the first line of what the driver said."""
    said = str(getattr(error, "orig", None) or error).splitlines()
    return said[0] if said else type(error).__name__


_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=30000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-131072",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA mmap_size=2147418112",  # pages are read where they lie, without a call and a copy for each
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction. ``conn`` is its connection; ``dialect`` is ``"sqlite"`` or ``"postgresql"``."""

    conn: Connection
    dialect: str

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did, and only that, if it raises."""
        with self.conn.begin_nested():
            yield


class Store:
    """One database: an engine, and the only place that begins and commits."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.dialect = self.engine.dialect.name

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction that may write; commits at the end of the block, rolls back if it raises."""
        with self.engine.connect().execution_options(guanxi_write=True) as conn, conn.begin():
            yield Transaction(conn, self.dialect)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a transaction that only reads, on one snapshot."""
        with self.engine.connect() as conn:
            if self.dialect == "postgresql":
                conn = conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)  # noqa: PLW2901
            with conn.begin() as running:
                yield Transaction(conn, self.dialect)
                running.rollback()

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


class Database:
    """The stores of one installation: ``main`` for state, ``tail`` for arriving events."""

    def __init__(self, main_url: str, tail_url: str) -> None:
        self.main = Store(main_url)
        self.tail = self.main if tail_url == main_url else Store(tail_url)
        self.dialect = self.main.dialect

    @classmethod
    def of(cls, home: Home) -> Database:
        """Open the database that a home's settings name."""
        return cls(home.main_url, home.tail_url)

    def transaction(self) -> Any:
        """Open a transaction on the state store that may write; see ``Store.transaction``."""
        return self.main.transaction()

    def reading(self) -> Any:
        """Open a read-only transaction on the state store; see ``Store.reading``."""
        return self.main.reading()

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.main.dispose()
        self.tail.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=8, max_overflow=24, pool_pre_ping=True, hide_parameters=True)
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_use_lifo=True,  # a connection's cache is worth something while the same one reads and writes
        pool_size=8,
        max_overflow=24,
        connect_args={"check_same_thread": False},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own transaction handling would begin late and commit before DDL; we say BEGIN ourselves.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(conn: Connection) -> None:
    # A writer takes its lock at once: upgrading from read to write inside a transaction can fail with SQLITE_BUSY.
    write = conn.get_execution_options().get("guanxi_write", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
