"""The analytic engine: DuckDB in this process, over files and tables that are handed to it. It keeps nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guanxi.storage.home import Home

MEMORY = "1400MB"
"""What one question may take before it goes on on disk; a rebuild of everything shall fit into 2 GB with the rest."""


@contextmanager
def engine(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine of its own; what does not fit into its memory goes to the home's ``tmp``."""
    scratch = home.path / "tmp"
    scratch.mkdir(exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "temp_directory": str(scratch),
        "preserve_insertion_order": "false",
        "enable_external_file_cache": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(config=config) as connection:
        yield connection


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
