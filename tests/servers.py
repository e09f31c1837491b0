"""Moving a database from one PostgreSQL server to another, as an operator does."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import psycopg

from tools import postgres

if TYPE_CHECKING:
    from pathlib import Path


def address(url: str) -> str:
    """A database's address as PostgreSQL's own programs take it, from SQLAlchemy's URL."""
    return url.replace("+psycopg", "", 1)


def age(url: str, transactions: int) -> None:
    """Let a server's transaction ids go by."""
    with psycopg.connect(address(url), autocommit=True) as connection:
        connection.execute(
            f"DO $$ BEGIN FOR i IN 1..{transactions} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
        )


def dump(url: str, file: Path) -> None:
    """Write a database down."""
    _run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={address(url)}")


def restore(file: Path, url: str) -> None:
    """Read a database that was written down into an empty one."""
    _run("pg_restore", "--exit-on-error", f"--dbname={address(url)}", str(file))


def _run(program: str, *arguments: str) -> None:
    folder = postgres.binaries()
    assert folder is not None
    subprocess.run([folder / program, *arguments], check=True, env={**os.environ, "LC_ALL": "C"})
