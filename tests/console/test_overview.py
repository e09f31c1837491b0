"""The overview and what it leads to, asked without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import update

from guanxi.console import formats
from guanxi.console.home import page
from guanxi.customers.members.model import Behind
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


def test_periods_of_a_demonstration_end_where_its_data_end(tmp_path: Path) -> None:
    table = storage_merchant
    with open_shop(tmp_path / "home") as shop:
        shop.installation.clock.move(40 * DAY)
        owner = sign_in(shop, "owner")
        assert "演示数据截至" not in owner.get("/console?days=7").text
        with shop.installation.database.transaction() as tx:
            tx.conn.execute(update(table).where(table.c.merchant_id == "shop").values(note="演示数据"))
        shown = owner.get("/console?days=7").text
        assert "演示数据截至" in shown
        assert "-100.0%" not in shown


@pytest.mark.parametrize("key", ["gmv", "orders", "active"])
def test_a_figure_leads_to_the_members_behind_it(owner: Client, key: str) -> None:
    counts = {}
    for days in (7, 90):
        panel = unescape(owner.get(f"/console/figures/{key}?days={days}").text)
        found = re.search(r'href="(/console/members\?[^"]+)"', panel)
        assert found
        shown = owner.get(found[1]).text
        assert "gx-chips" in shown
        total = re.search(r"共 (\d+)", shown)
        counts[days] = int(total[1]) if total else 0
    assert counts[7] < counts[90]


def test_the_members_behind_a_figure_are_as_many_as_it_says(shop: Shop) -> None:
    merchant = shop.installation.merchant
    today = merchant.days.day(shop.installation.clock.now())
    with shop.installation.database.reading() as tx:
        figure = shop.members.overview(tx, merchant, today, 30).window
        met, cursor = [], None
        while True:
            found, total = shop.members.list_behind(
                tx, merchant, Behind.ACTIVE, (today - 29, today + 1), cursor=cursor, limit=5
            )
            met += [one.member_id for one in found.items]
            cursor = found.next_cursor
            if cursor is None:
                break
        buyers, _ = shop.members.list_behind(tx, merchant, Behind.ORDERS, (today - 29, today + 1))
    assert len(met) == len(set(met)) == total == figure.active
    assert all(one.orders for one in buyers.items)


@pytest.mark.parametrize(
    "asked", ["behind=x&from=2026-01-01&until=2026-01-02", "behind=active&from=0&until=1"]
)
def test_a_filter_that_makes_no_sense_lists_everybody(owner: Client, asked: str) -> None:
    answer = owner.get(f"/console/members?{asked}")
    assert answer.status_code == 200
    assert "gx-chips" not in answer.text


def test_the_latest_names_members_and_no_raw_ids(owner: Client) -> None:
    latest = owner.get("/console/latest").text
    assert "gx-event-who" in latest
    words = re.sub(r"<[^>]*>", " ", latest)
    assert not re.search(r"\b(?:idn|psn|mbr)_", words)


def test_a_mean_is_rounded_and_no_change_has_no_arrow() -> None:
    assert formats.mean(18_045, 200) == 90
    assert formats.mean(9_022_5, 10) == 9_023
    assert formats.mean(-5, 2) == -3
    change = page._change(100_001, 100_000, "before")
    assert change is not None
    assert (change["text"], change["good"]) == ("0.0%", None)
