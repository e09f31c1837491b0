from __future__ import annotations

from typing import Any

import pytest

from guanxi.customers.events.model import FieldType
from guanxi.kernel.clock import date_to_day
from guanxi.kernel.paging import InvalidCursor
from tests.customers.members.conftest import OTHER_PHONE, PHONE, Shop, identify, paid


def _walk(shop: Shop, member_id: str, limit: int, **how: Any) -> list[Any]:
    one = shop.customers.installation
    met, cursor = [], None
    while True:
        with one.database.reading() as tx:
            page = shop.members.timeline(tx, one.merchant, member_id, before=cursor, limit=limit, **how)
        assert len(page.items) <= limit
        met += page.items
        cursor = page.next_cursor
        if cursor is None:
            return met


def test_a_timeline_runs_through_tail_and_lake_without_gap_or_double(shop: Shop) -> None:
    old = [paid("u-1", 100 + n, f"2026-0{1 + n % 5}-0{1 + n % 7}T1{n % 10}:00:00+08:00") for n in range(23)]
    shop.take(identify("u-1", PHONE), *old, paid("u-2", 1))
    member_id = shop.find(PHONE)[0].member_id
    before = _walk(shop, member_id, 4)
    assert len(before) == 24
    assert [entry.time for entry in before] == sorted((entry.time for entry in before), reverse=True)
    shop.customers.hand_over()
    assert _walk(shop, member_id, 4) == before
    # What comes late lies in the tail, between what the lake has.
    shop.take(*(paid("u-1", 900 + n, f"2026-03-1{n}T09:00:00+08:00") for n in range(5)))
    both = _walk(shop, member_id, 3)
    assert len(both) == 29
    assert {entry.event_id for entry in both} >= {entry.event_id for entry in before}
    assert [entry.time for entry in both] == sorted((entry.time for entry in both), reverse=True)
    assert _walk(shop, member_id, 500) == both


def test_events_that_are_not_projected_yet_are_told(shop: Shop) -> None:
    shop.take(identify("u-1", PHONE))
    member_id = shop.find(PHONE)[0].member_id
    shop.customers.send(paid("u-1", 100))
    assert [entry.type for entry in _walk(shop, member_id, 10)] == ["order.paid", "identify"]


def test_an_entry_tells_what_is_declared_and_seals_what_is_personal(shop: Shop) -> None:
    order = paid("u-1", 100)
    order["properties"] |= {"gift": "伞", "address": "西湖区 1 号"}
    shop.take(identify("u-1", PHONE, city="杭州"), order)
    member_id = shop.find(PHONE)[0].member_id
    for _ in range(2):
        entry = _walk(shop, member_id, 10)[0]
        fields = {field.name: field for field in entry.fields}
        assert (fields["amount"].value, fields["amount"].unit) == (100, "fen")
        assert fields["amount"].type is FieldType.MONEY
        assert fields["amount"].label.zh == "实付金额"
        assert (entry.other, entry.has_personal, entry.personal) == ({"gift": "伞"}, True, None)
        assert (entry.account, entry.channel, entry.label.zh) == ("shop-web", "web", "支付订单")
        opened = _walk(shop, member_id, 10, personal=True)
        assert opened[0].personal == {"properties": {"address": "西湖区 1 号"}}
        assert opened[1].other == {"city": "杭州"}
        shop.customers.hand_over()


def test_a_decision_is_part_of_the_story(shop: Shop) -> None:
    shop.take(identify("u-1", PHONE), identify("u-2", OTHER_PHONE))
    first, second = shop.one("u-1"), shop.one("u-2")
    a = first.identities[0].identity_id
    shop.decide("separate", a, second.identities[0].identity_id)
    shop.settle()
    assert _walk(shop, first.member_id, 10)[0].type == "identity.separated"
    shop.customers.hand_over()
    assert _walk(shop, first.member_id, 10)[0].type == "identity.separated"


def test_the_log_is_read_backwards_by_type_and_day(shop: Shop) -> None:
    orders = [paid("u-1", n, f"2026-06-0{n}T10:00:00+08:00") for n in range(1, 8)]
    shop.take(*orders[:4])
    shop.customers.hand_over()
    shop.take(identify("u-1", PHONE), *orders[4:])
    one = shop.customers.installation

    def newest(**how: Any) -> list[Any]:
        met, cursor = [], None
        while True:
            with one.database.reading() as tx:
                page = shop.members.events(tx, one.merchant, cursor=cursor, limit=3, **how)
            met += page.items
            cursor = page.next_cursor
            if cursor is None:
                return met

    everything = newest()
    assert [entry.type for entry in everything] == ["order.paid"] * 3 + ["identify"] + ["order.paid"] * 4
    assert [entry.fields[1].value for entry in newest(type="order.paid")] == [7, 6, 5, 4, 3, 2, 1]
    import datetime

    day = date_to_day(datetime.date(2026, 6, 2))
    assert [entry.fields[1].value for entry in newest(day=day)] == [2]
    assert {entry.member_id for entry in everything} == {shop.find(PHONE)[0].member_id}
    with one.database.reading() as tx, pytest.raises(InvalidCursor):
        shop.members.events(tx, one.merchant, cursor="bm8")


def test_figures_are_those_of_the_days(shop: Shop) -> None:
    shop.take(
        identify("u-1", PHONE, "2026-06-01T10:00:00+08:00"),
        paid("u-1", 500, "2026-06-14T23:59:59+08:00"),
        paid("u-1", 300, "2026-06-15T00:00:00+08:00"),
        paid("u-2", 200, "2026-06-15T08:00:00+08:00"),
        paid("u-3", 50, "2026-06-05T08:00:00+08:00"),
        {"type": "page", "anonymousId": "d-1", "name": "首页", "messageId": "v"},
    )
    one = shop.customers.installation
    today = one.merchant.days.day(one.clock.now())
    with one.database.reading() as tx:
        found = shop.members.overview(tx, one.merchant, today, 7)
        numbers = shop.members.summary(tx, one.merchant)
    assert (found.members, found.visitors, found.orders, found.gmv) == (3, 1, 4, 1050)
    assert (found.window.orders, found.window.gmv, found.window.active) == (3, 1000, 2)
    assert (found.window.new_members, found.window.from_day, found.window.until_day) == (
        1,
        today - 6,
        today + 1,
    )
    assert (found.before.orders, found.before.gmv, found.before.active) == (1, 50, 1)
    assert [one.day for one in found.days] == list(range(today - 6, today + 1))
    last = found.days[-1]
    assert (last.orders, last.gmv, last.active, last.new_members) == (2, 500, 2, 1)
    assert (numbers.members, numbers.orders, numbers.gmv, numbers.events) == (3, 4, 1050, 6)
    assert numbers.dead_letters == 0


def test_whoever_is_one_person_is_active_once(shop: Shop) -> None:
    shop.take(
        paid("u-1", 1, "2026-06-15T01:00:00+08:00"),
        paid(None, 2, "2026-06-15T02:00:00+08:00", identities=[{"type": "phone", "value": PHONE}]),
    )
    one = shop.customers.installation
    today = one.merchant.days.day(one.clock.now())

    def active() -> list[int]:
        with one.database.reading() as tx:
            found = shop.members.overview(tx, one.merchant, today, 1)
            return [found.window.active, found.days[-1].active]

    assert active() == [2, 2]
    shop.take(identify("u-1", PHONE, "2026-06-15T03:00:00+08:00"))
    assert active() == [1, 1]


def test_the_summary_counts_tail_and_lake_once(shop: Shop) -> None:
    one = shop.customers.installation
    shop.take(*(paid("u-1", n) for n in range(1, 6)))
    shop.customers.hand_over()
    shop.take(paid("u-1", 9))
    shop.customers.send({"type": "track", "userId": "u-1"})
    with one.database.reading() as tx:
        numbers = shop.members.summary(tx, one.merchant)
    assert (numbers.events, numbers.orders, numbers.gmv, numbers.dead_letters) == (6, 6, 24, 1)
    assert one.log.accounts("shop") == {"shop-web": 6}


def test_days_that_are_over_are_read_again_when_something_comes_late(shop: Shop) -> None:
    one = shop.customers.installation
    today = one.merchant.days.day(one.clock.now())

    def active() -> list[int]:
        with one.database.reading() as tx:
            return [day.active for day in shop.members.overview(tx, one.merchant, today, 3).days]

    shop.take(paid("u-1", 1, "2026-06-13T01:00:00+08:00"))
    assert active() == [1, 0, 0]
    shop.take(paid("u-2", 2, "2026-06-13T02:00:00+08:00"), paid("u-1", 3, "2026-06-15T02:00:00+08:00"))
    assert active() == [2, 0, 1]
    shop.take(identify("u-1", PHONE, "2026-06-14T02:00:00+08:00"))
    assert active() == [2, 1, 1]
