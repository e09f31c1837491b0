"""A consistent copy of an installation, taken while it runs.

The order matters. Hand-over, compaction and erasure are held off for the whole copy, so the lake stands still. The
state is copied before the tail: a reader's offset in the copy is then never ahead of the events in the copy. What was
written beside the state and moved to the tail meanwhile is in both copies, and counts once when it is moved again.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from guanxi.kernel.errors import InvalidInput, Unavailable
from guanxi.storage.home import KEY_FILE, SETTINGS
from guanxi.storage.merchants import list_merchants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guanxi.storage.database import Database
    from guanxi.storage.home import Home
    from guanxi.storage.locks import AdvisoryLocks, FileLocks


class Copied(NamedTuple):
    """What a backup holds; ``database`` names its database file or files."""

    files: int
    bytes: int
    database: str


_SETTINGS_OF_SERVER = f"{SETTINGS}.backup"
"""Their name in a copy whose database is elsewhere: no command may take the copy for the live installation."""


def copy_installation(
    home: Home,
    database: Database,
    locks: FileLocks | AdvisoryLocks,
    target: Path,
    *,
    with_key: bool = False,
) -> Copied:
    """Copy settings, database and lake into ``target``, which must be new or empty; after a failure it is as before.

    Raises ``InvalidInput`` for a target that is neither, ``Unavailable`` when PostgreSQL's ``pg_dump`` is missing or
    fails. Without the master key nobody can read a member in the copy; ``with_key`` puts it in as well.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidInput(
            reason_zh=f"{target} 不是空目录，请换一个。",
            reason_en=f"{target} is not an empty folder; choose another.",
        )
    with _filled(target):
        return _copy(home, database, locks, target, with_key=with_key)


@contextmanager
def _filled(target: Path) -> Iterator[None]:
    """Make an empty folder, and leave nothing in it if the block fails."""
    made = not target.exists()
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        yield
    except BaseException:
        for path in target.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        if made:
            target.rmdir()
        raise


def _copy(
    home: Home, database: Database, locks: FileLocks | AdvisoryLocks, target: Path, *, with_key: bool
) -> Copied:
    with database.reading() as tx:
        merchants = [merchant.merchant_id for merchant in list_merchants(tx)]
    with ExitStack() as held:
        for merchant_id in merchants:
            held.enter_context(locks.hold(f"lake/{merchant_id}", wait=True))
        shutil.copy2(home.path / SETTINGS, target / (SETTINGS if home.is_sqlite else _SETTINGS_OF_SERVER))
        if with_key:
            shutil.copy2(home.path / KEY_FILE, target / KEY_FILE)
        name = _copy_sqlite(home, target) if home.is_sqlite else _dump_postgresql(home, target)
        lake = home.path / "lake"
        if lake.exists():
            shutil.copytree(lake, target / "lake")
    sizes = [path.stat().st_size for path in target.rglob("*") if path.is_file()]
    return Copied(len(sizes), sum(sizes), name)


def _copy_sqlite(home: Home, target: Path) -> str:
    for name in ("guanxi.db", "tail.db"):
        with (
            closing(sqlite3.connect(home.path / name)) as source,
            closing(sqlite3.connect(target / name)) as copy,
        ):
            source.backup(copy)
    return "guanxi.db, tail.db"


def _dump_postgresql(home: Home, target: Path) -> str:
    program = shutil.which("pg_dump")
    if program is None:
        raise Unavailable(
            reason_zh="找不到 pg_dump，请安装 PostgreSQL 客户端。",
            reason_en="pg_dump was not found; install PostgreSQL's client.",
        )
    file = target / "guanxi.dump"
    url = home.main_url.replace("+psycopg", "", 1)
    done = subprocess.run(  # noqa: S603 - the program is looked up, the address is the operator's own
        [program, "--format=custom", f"--file={file}", f"--dbname={url}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["?"]
        raise Unavailable(reason_zh=f"pg_dump 失败：{reason[0]}", reason_en=f"pg_dump failed: {reason[0]}")
    return file.name
