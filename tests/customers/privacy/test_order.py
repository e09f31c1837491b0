"""What happens between reading and writing: whoever was reading when somebody asked to be forgotten reads again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from guanxi.customers.privacy.model import Erasure, State
from guanxi.customers.projection import decide
from guanxi.storage import database
from guanxi.storage.events import tail
from guanxi.storage.events.log import EventLog
from tests.customers.privacy.shop import ANNA, DAY, MINUTE, SHOP_SOURCE, openid, order, phone
from tests.customers.privacy.test_erasure import remnants, three_people

if TYPE_CHECKING:
    from tests.customers.privacy.shop import Shop

on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
"""SQLite has one writer at a time; PostgreSQL has no files of ours."""


def test_the_projection_has_read_but_not_written(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    three_people(shop)
    shop.send(order("event-o6", openid("anna-wx"), phone(ANNA), fen=3200, ago=MINUTE))
    read = EventLog.read
    asked: list[Erasure] = []

    def reading(log: EventLog, *args: Any) -> Any:
        found = read(log, *args)
        if found and not asked:
            asked.append(shop.ask(phone(ANNA)))
        return found

    monkeypatch.setattr(EventLog, "read", reading)
    shop.customers.project()
    assert asked
    assert shop.rows(f"SELECT 1 FROM customer_identity WHERE fragment = {shop.fragment(phone(ANNA))}") == []
    assert shop.job.run("shop") == 1
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state
    assert remnants(shop, ANNA.encode(), b"event-o6") == []


@on_postgresql
def test_an_event_is_being_written_while_she_asks(shop: Shop) -> None:
    three_people(shop)
    one = shop.customers.installation
    prepared = shop.customers.intake.prepare(
        "shop", SHOP_SOURCE, [order("event-o7", phone(ANNA), fen=3200, ago=MINUTE)]
    )
    with one.database.tail.transaction() as tx:
        tail.accept(tx, prepared.events)
        shop.ask(phone(ANNA))
        assert shop.job.run("shop") == 0
        assert [erasure.state for erasure in shop.job.waiting("shop")] == [State.ASKED]
    shop.customers.project()
    assert shop.job.run("shop") == 1
    assert remnants(shop, ANNA.encode(), b"event-o7") == []
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state


def test_the_lake_is_in_other_hands(shop: Shop) -> None:
    three_people(shop)
    shop.ask(phone(ANNA))
    with shop.customers.installation.locks.hold("lake/shop", wait=True):
        assert shop.job.run("shop") == 0
    assert shop.job.run("shop") == 1


@on_sqlite
def test_somebody_reads_an_old_snapshot(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        database, "_PRAGMAS", tuple(each.replace("30000", "200") for each in database._PRAGMAS)
    )
    three_people(shop)
    shop.customers.installation.database.dispose()
    shop.ask(phone(ANNA))
    with shop.customers.installation.database.reading() as tx:
        tx.conn.exec_driver_sql("SELECT count(*) FROM customer_bucket").scalar()
        assert shop.job.run("shop") == 0
        assert [erasure.state for erasure in shop.job.waiting("shop")] == [State.WIPED]
    assert shop.job.run("shop") == 1
    assert remnants(shop, ANNA.encode()) == []


def test_a_guest_is_forgotten_while_an_event_of_theirs_is_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known from her event alone, somebody else is forgotten with it, unless they are just being met again."""
    anna, guest = openid("anna-wx"), openid("other-wx")
    shop.send(order("event-1", anna, guest, ago=DAY))
    shop.customers.project()
    shop.ask(anna)
    shop.send(order("event-3", guest, fen=700, ago=MINUTE))
    ran: list[int] = []
    fold = decide.fold

    def folding(*args: Any) -> Any:
        if not ran:
            ran.append(0)
            ran.append(shop.job.run("shop"))
        return fold(*args)

    monkeypatch.setattr(decide, "fold", folding)
    shop.customers.project()
    assert ran == [0, 1]
    assert [event["id"] for event in shop.export(guest)["events"]] == ["event-3"]
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state
