"""Whose data a row is comes first in every key of every table, on both databases."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from guanxi.storage import schema
from tests.installation import Installation

NOT_A_MERCHANTS = {
    "access_person": "one account opens several merchants; what it may do there is in access_membership",
    "access_session": "belongs to a person, and is looked up by its token before anybody is known",
    "access_attempt": "counts attempts to sign in, which come before anybody is known",
}
"""Tables whose primary key begins with something else, and why."""

FINDS_THE_MERCHANT = {
    "uq_access_key_secret_hash": "a request brings a key and nothing else; the key says whose it is",
    "ix_access_membership_person_id": "finds the merchants that a person works for",
}
"""Indexes of merchants' tables that begin with something else, and why."""


@pytest.mark.parametrize("store", ["main", "tail"])
def test_merchant_id_comes_first_in_every_key(installation: Installation, store: str) -> None:
    with getattr(installation.database, store).reading() as tx:
        found = inspect(tx.conn)
        tables = [name for name in found.get_table_names() if not name.startswith("storage_version_")]
        assert tables
        for table in tables:
            if table in NOT_A_MERCHANTS:
                continue
            assert found.get_pk_constraint(table)["constrained_columns"][0] == "merchant_id", table
            keys = {str(key["name"]): key["column_names"] for key in found.get_unique_constraints(table)}
            keys |= {str(index["name"]): index["column_names"] for index in found.get_indexes(table)}
            for name, columns in keys.items():
                assert name in FINDS_THE_MERCHANT or columns[0] == "merchant_id", f"{table}: {name}"


def test_every_exception_is_still_needed(installation: Installation) -> None:
    with installation.database.reading() as tx:
        found = inspect(tx.conn)
        names = set(found.get_table_names())
        indexes = {str(index["name"]) for table in names for index in found.get_indexes(table)}
    assert names >= NOT_A_MERCHANTS.keys()
    assert indexes >= FINDS_THE_MERCHANT.keys()


def test_the_migration_makes_the_tables_that_the_code_names(installation: Installation) -> None:
    with installation.database.reading() as tx:
        context = MigrationContext.configure(tx.conn, opts={"include_object": _ours, "compare_type": True})
        assert compare_metadata(context, schema.main) == []


def _ours(_object: object, name: str | None, kind: str, *_: object) -> bool:
    return kind != "table" or (name or "").startswith("access_")
