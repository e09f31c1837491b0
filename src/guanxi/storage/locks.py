"""Locks that die with their holder, for work that only one process may do at a time.

On SQLite an ``flock`` on a file in the home, on PostgreSQL a session-level advisory lock: both are released by the
operating system or the server when the holder is killed, so nothing has to be cleaned up or timed out.
"""

from __future__ import annotations

import fcntl
import hashlib
import threading
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from guanxi.storage.database import Database


class Locks(Protocol):
    """Named locks shared by every process of an installation."""

    def hold(self, name: str, *, wait: bool) -> AbstractContextManager[bool]:
        """Enter with ``True`` while holding ``name``; with ``False`` if somebody else does and we do not wait."""
        ...


class FileLocks:
    """Locks on files of one machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    @contextmanager
    def hold(self, name: str, *, wait: bool) -> Iterator[bool]:
        """See ``Locks.hold``. ``flock`` is per open file, so threads of one process are kept apart by a mutex."""
        with self._guard:
            mutex = self._threads.setdefault(name, threading.Lock())
        if not mutex.acquire(blocking=wait):
            yield False
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256(name.encode()).hexdigest()[:24]
            with (self._folder / f"{digest}.lock").open("ab") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield False
                    return
                yield True
        finally:
            mutex.release()


class AdvisoryLocks:
    """Locks of a PostgreSQL server; one connection is kept busy while a lock is held."""

    def __init__(self, database: Database) -> None:
        self._engine = database.main.engine

    @contextmanager
    def hold(self, name: str, *, wait: bool) -> Iterator[bool]:
        """See ``Locks.hold``."""
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            call = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
            got = conn.execute(text(f"SELECT {call}(:key)"), {"key": key}).scalar_one()
            held = wait or bool(got)
            try:
                yield held
            finally:
                if held:
                    conn.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


def locks_of(database: Database, folder: Path) -> FileLocks | AdvisoryLocks:
    """Return the locks that fit the database."""
    return FileLocks(folder) if database.dialect == "sqlite" else AdvisoryLocks(database)
