"""Brings both sets of tables to the newest version: numbered migrations, run under one lock."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from guanxi.storage import schema
from guanxi.storage.statistics import describe_keys

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, MetaData

    from guanxi.storage.database import Database, Store

_FOLDER = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Run every migration that has not run yet; several processes may call this at once."""
    _upgrade(database.main, "main", schema.main)
    _upgrade(database.tail, "tail", schema.tail)


def newest() -> dict[str, str]:
    """Return the newest version of each set of tables that this release knows; files are named by their number."""
    return {
        name: max(path.name[:4] for path in (_FOLDER / name).glob("[0-9]*.py")) for name in ("main", "tail")
    }


def current(database: Database) -> dict[str, str]:
    """Return the version at which each set of tables stands; empty for one never migrated."""
    found: dict[str, str] = {}
    for name, store in (("main", database.main), ("tail", database.tail)):
        with store.reading() as tx:
            table = f"storage_version_{name}"
            if tx.conn.dialect.has_table(tx.conn, table):
                version = tx.conn.exec_driver_sql(f"SELECT version_num FROM {table}").scalar()  # noqa: S608
                found[name] = str(version or "")
            else:
                found[name] = ""
    return found


def _config(name: str) -> Config:
    # Alembic takes a third of a second to import, and is needed once in the life of a version.
    from alembic.config import Config  # noqa: PLC0415

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("version_locations", str(_FOLDER / name))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(store: Store, name: str, metadata: MetaData) -> None:
    with store.transaction() as tx:
        if tx.dialect == "postgresql":
            # On SQLite the transaction itself excludes others; here DDL would race.
            tx.conn.exec_driver_sql("SELECT pg_advisory_xact_lock(7248001)")
        run(tx.conn, name, metadata)
        if tx.dialect == "sqlite":
            describe_keys(tx.conn)


def run(connection: Connection, name: str, metadata: MetaData) -> None:
    """Run one set's migrations on an open connection."""
    from alembic import command  # noqa: PLC0415

    config = _config(name)
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    config.attributes["version_table"] = f"storage_version_{name}"
    command.upgrade(config, "head")
