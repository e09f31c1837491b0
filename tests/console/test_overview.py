"""The overview and what it leads to, asked without a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from guanxi.kernel.clock import DAY
from guanxi.storage.merchants import storage_merchant
from tests.console.client import Client
from tests.console.test_pages import sign_in
from tests.e2e.console.shop import Shop, open_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("overview") / "home") as made:
        yield made


@pytest.fixture(scope="module")
def owner(shop: Shop) -> Client:
    return sign_in(shop, "owner")


def test_periods_of_a_demonstration_end_where_its_data_end(shop: Shop) -> None:
    table = storage_merchant

    def note(text: str) -> None:
        with shop.installation.database.transaction() as tx:
            tx.conn.execute(update(table).where(table.c.merchant_id == "shop").values(note=text))

    merchant = shop.installation.merchant
    with shop.installation.database.reading() as tx:
        last = shop.members.last_day(tx, merchant)
    assert last is not None
    clock = shop.installation.clock
    clock.move(40 * DAY)
    owner = sign_in(shop, "owner")
    try:
        assert "演示数据截至" not in owner.get("/console?days=7").text
        note("演示数据")
        page = owner.get("/console?days=7").text
    finally:
        note("")
        clock.move(-40 * DAY)
    assert "演示数据截至" in page
    assert "-100.0%" not in page
