"""The analytic engine: DuckDB in this process, over files and tables that are handed to it. It keeps nothing."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from math import inf
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

import duckdb

from guanxi.kernel.errors import Unavailable
from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guanxi.storage.home import Home

MEMORY = "1400MB"
"""What one question may take before it goes on on disk; a rebuild of everything shall fit into 2 GB with the rest."""

_patience: ContextVar[float | None] = ContextVar("patience", default=None)

_stopping: ContextVar[Event | None] = ContextVar("stopping", default=None)

_AGAIN = 0.05
"""Seconds after which a question that came between two queries is interrupted again, and stopped work is noticed."""


class TookTooLong(Unavailable):
    """A question was given up on; ``seconds`` is how long it was worked on."""

    code = "took_too_long"
    text = Text(
        "{seconds} 秒内没有算完，已停止；请缩短规则或时间窗口，或稍后再试。",
        "This was not answered within {seconds} seconds and was stopped; shorten the rule or its windows, or try later.",
    )


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Give up on questions that take longer: each engine opened in the block raises ``TookTooLong``."""
    before = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(before)


@contextmanager
def stopping(stopped: Event) -> Iterator[None]:
    """Interrupt questions once an event is set: each engine opened in the block raises what the engine itself says then."""
    before = _stopping.set(stopped)
    try:
        yield
    finally:
        _stopping.reset(before)


@contextmanager
def engine(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection with temporary tables of its own; what does not fit into memory goes to the home's ``tmp``.

    All connections of a process share one engine and its memory: starting one takes longer than most questions. Raises
    ``TookTooLong`` once somebody who waits has lost ``patience``.
    """
    with _started(str(home.path / "tmp"), os.getpid()).cursor() as connection, _bounded(connection):
        yield connection


@contextmanager
def _bounded(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupt what a connection does once patience is lost, or the work that it is for is to stop."""
    seconds, stopped = _patience.get(), _stopping.get()
    if seconds is None and stopped is None:
        yield
        return
    done = Event()
    until = monotonic() + seconds if seconds is not None else inf

    def watch() -> None:
        while not done.wait(_AGAIN):
            if monotonic() >= until or (stopped is not None and stopped.is_set()):
                connection.interrupt()

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except duckdb.InterruptException:
        if seconds is None:
            raise
        raise TookTooLong(seconds=round(seconds)) from None
    finally:
        done.set()
        watcher.join()


@lru_cache(maxsize=4)
def _started(scratch: str, _process: int) -> duckdb.DuckDBPyConnection:
    """Return an engine; one of the process's own, since its threads do not survive a fork."""
    Path(scratch).mkdir(exist_ok=True)
    return duckdb.connect(
        config={
            "memory_limit": MEMORY,
            "temp_directory": scratch,
            "preserve_insertion_order": "false",
            "enable_external_file_cache": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def scan(*paths: Path) -> str:
    """Return SQL that reads Parquet files as one table."""
    return f"read_parquet([{', '.join(literal(str(path)) for path in paths)}])"


def copy(con: duckdb.DuckDBPyConnection, sql: str, path: Path) -> int:
    """Write rows to a Parquet file durably; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = "FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL 1"
    found = con.execute(f"COPY ({sql}) TO {literal(str(path))} ({options})").fetchone()
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return int(found[0]) if found else 0


def put(con: duckdb.DuckDBPyConnection, sql: str, path: Path) -> None:
    """Write rows to a Parquet file durably, in the place of the one before; it is there whole or not at all."""
    new = path.with_suffix(".new")
    copy(con, sql, new)
    new.replace(path)


def view(con: duckdb.DuckDBPyConnection, name: str, path: Path, where: str = "") -> None:
    """Make a Parquet file readable under a name, or those of its rows for which ``where`` is true."""
    restricted = f" WHERE {where}" if where else ""
    con.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS SELECT * FROM {scan(path)}{restricted}")  # noqa: S608 - our own names


def columns(con: duckdb.DuckDBPyConnection, name: str) -> set[str]:
    """Return the columns of a table."""
    return {str(row[0]) for row in con.execute(f"DESCRIBE {quoted(name)}").fetchall()}


def is_empty(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Say whether a table has no rows."""
    return con.execute(f"SELECT 1 FROM {quoted(name)} LIMIT 1").fetchone() is None  # noqa: S608


def count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return how many rows a query has."""
    found = con.execute(f"SELECT count(*) FROM ({query})").fetchone()  # noqa: S608
    return int(found[0]) if found else 0


def together(steps: Sequence[tuple[str, str]], last: str, mark: str = '"') -> str:
    """Return one query: ``last``, which may name the steps before it, each a query under its name.

    ``mark`` is what the engine puts around names.
    """
    parts = ", ".join(f"{mark}{name}{mark} AS ({query})" for name, query in steps)
    return f"{f'WITH {parts} ' if parts else ''}SELECT * FROM ({last}) AS answer"  # noqa: S608
