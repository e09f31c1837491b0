"""The analytic engine: DuckDB in this process, over files and tables that are handed to it. It keeps nothing."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guanxi.storage.home import Home

MEMORY = "1400MB"
"""What one question may take before it goes on on disk; a rebuild of everything shall fit into 2 GB with the rest."""


@contextmanager
def engine(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection with temporary tables of its own; what does not fit into memory goes to the home's ``tmp``.

    All connections of a process share one engine and its memory: starting one takes longer than most questions.
    """
    with _started(str(home.path / "tmp"), os.getpid()).cursor() as connection:
        yield connection


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
