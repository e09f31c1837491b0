"""Merchants never meet: what happens to one changes no row of another, in any table.

That the merchant comes first in every key is enumerated in ``tests/access/test_tables.py``.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect

import guanxi
from guanxi.kernel.errors import Conflict, InvalidInput
from guanxi.storage import schema
from guanxi.storage.merchants import Merchant, add_merchant
from guanxi.storage.migrate import current, newest
from tests.customers.conftest import SHOP, Customers, customers
from tests.customers.state import rows
from tests.installation import NOW
from tests.settling import catch_up

if TYPE_CHECKING:
    from sqlalchemy import Table

    from tests.installation import Installation

__all__ = ["customers"]


def all_tables() -> list[Table]:
    for module in pkgutil.walk_packages(guanxi.__path__, "guanxi."):
        if (
            re.fullmatch(r"guanxi\.(storage|runtime|definitions|access|customers)(\..*)?", module.name)
            and ".migrations" not in module.name
        ):
            importlib.import_module(module.name)
    return [*schema.main.sorted_tables, *schema.tail.sorted_tables]


def test_what_is_migrated_is_what_is_declared(installation: Installation) -> None:
    """Every declared table with its columns and key in order, and none besides."""
    one = installation.database
    assert current(one) == newest()
    all_tables()
    for store, metadata in ((one.main, schema.main), (one.tail, schema.tail)):
        there = inspect(store.engine)
        for table in metadata.sorted_tables:
            declared = [(column.name, bool(column.nullable)) for column in table.columns]
            assert [
                (column["name"], column["nullable"]) for column in there.get_columns(table.name)
            ] == declared, table.name
            assert (
                there.get_pk_constraint(table.name)["constrained_columns"] == table.primary_key.columns.keys()
            ), table.name
        names = {table.name for table in (*schema.main.sorted_tables, *schema.tail.sorted_tables)}
        assert {name for name in there.get_table_names() if not name.startswith("storage_version_")} <= names


def _message(key: str, at: str) -> dict[str, Any]:
    return {
        "type": "identify",
        "messageId": key,
        "userId": "u-1",
        "timestamp": at,
        "traits": {"phone": "13911110000", "name": "王小明", "city": "杭州"},
        "context": {"consent": [{"purpose": "marketing", "channel": "sms", "granted": True}]},
    }


def test_what_one_merchant_does_leaves_the_others_rows_as_they_are(customers: Customers) -> None:
    """Two merchants with the same customers: whatever happens to one, no row of the other changes in any table."""
    one = customers.installation
    with one.database.transaction() as tx:
        add_merchant(tx, Merchant("other", "邻家", "America/New_York", "CNY", "", NOW))
    for merchant in ("shop", "other"):
        customers.intake.accept(merchant, SHOP, [_message("a", "2026-06-14T10:00:00Z"), {"type": "track"}])
        catch_up(one.database, one.log, customers.projection, merchant)
    tables = [table for table in all_tables() if "merchant_id" in table.c]
    before = {table.name: _rows_of(customers, table, "other") for table in tables}
    assert sum(bool(found) for found in before.values()) > 10
    customers.send(_message("b", "2026-06-13T10:00:00Z"), _message("a", "2026-06-14T10:00:00Z"))
    customers.project()
    assert customers.hand_over() == 2
    customers.send(_message("c", "2026-05-01T10:00:00Z"))
    customers.project()
    assert {table.name: _rows_of(customers, table, "other") for table in tables} == before
    fragments = [
        {row[0] for row in _rows_of(customers, schema.main.tables["customer_identity"], merchant, "fragment")}
        for merchant in ("shop", "other")
    ]
    assert len(fragments[0]) == len(fragments[1]) == 2
    assert not fragments[0] & fragments[1]
    assert not (one.home.path / "lake" / "other").exists()


def _rows_of(customers: Customers, table: Table, merchant: str, columns: str = "*") -> list[Any]:
    one = customers.installation
    store = one.database.tail if table.metadata is schema.tail else one.database.main
    with store.reading() as tx:
        return rows(tx, f"SELECT {columns} FROM {table.name} WHERE merchant_id = '{merchant}'")


@pytest.mark.parametrize("slug", ["../etc", "a/b", "", "A", ".", "店"])
def test_a_merchant_that_would_leave_its_folder_is_none(installation: Installation, slug: str) -> None:
    with pytest.raises(InvalidInput), installation.database.transaction() as tx:
        add_merchant(tx, Merchant(slug, "x", "Asia/Shanghai", "CNY", "", NOW))


def test_a_merchant_is_added_once_and_in_a_real_zone(installation: Installation) -> None:
    with pytest.raises(Conflict), installation.database.transaction() as tx:
        add_merchant(tx, installation.merchant)
    for zone in ("Mars/Olympus", "", "../../etc/passwd"):
        with pytest.raises(InvalidInput), installation.database.transaction() as tx:
            add_merchant(tx, Merchant("new", "x", zone, "CNY", "", NOW))
