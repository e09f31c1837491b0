"""The migration makes the tables that the code names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from guanxi.runtime import schema
from guanxi.storage.schema import main

if TYPE_CHECKING:
    from tests.installation import Installation


def test_the_migration_makes_the_tables_that_the_code_names(installation: Installation) -> None:
    assert schema.runtime_work.name == "runtime_work"
    with installation.database.reading() as tx:
        context = MigrationContext.configure(tx.conn, opts={"include_object": _ours, "compare_type": True})
        assert compare_metadata(context, main) == []


def _ours(found: object, name: str | None, kind: str, *_: object) -> bool:
    if kind == "index":
        return getattr(getattr(found, "table", None), "name", "") == "runtime_work"
    return kind != "table" or name == "runtime_work"
