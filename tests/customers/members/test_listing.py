from __future__ import annotations

import pytest

from guanxi.customers.members.model import Sort
from guanxi.kernel.clock import date_to_day
from guanxi.kernel.ids import identity_id
from guanxi.kernel.paging import InvalidCursor
from tests.customers.members.conftest import OTHER_PHONE, PHONE, Shop, identify, paid, seen


@pytest.mark.parametrize(
    "query",
    [
        PHONE,
        "+86 138 1620 3377",
        "0086-13816203377",
        "１３８１６２０３３７７",
        "3377",
        "u-1",
        "U-1",
        "M0042",
        "王小明",
        "小明",
        "Lily",
        "chen li",
    ],
)
def test_a_member_is_found_by(shop: Shop, query: str) -> None:
    shop.take(
        identify("u-1", PHONE, name="王小明", nickname="Lily Chen"),
        identify("u-2", OTHER_PHONE, name="张大伟"),
        paid("u-1", 100, identities=seen(("member_no", "M0042"))),
    )
    [line] = shop.find(query)
    assert (line.display, line.named, line.phone) == ("王小明", True, "138****3377")
    assert (line.member_no, line.kinds) == ("M0042", ("member_no", "user_id", "phone"))


def test_nobody_is_found_by_half_of_two_names(shop: Shop) -> None:
    shop.take(identify("u-1", PHONE, name="王小明"), identify("u-2", OTHER_PHONE, name="张大伟"))
    assert shop.find("王小伟") == []
    assert shop.find("9999") == []
    assert shop.find("mbr_0000000000000") == []
    assert len(shop.find("   ")) == 2


def test_every_identity_names_its_present_member(shop: Shop) -> None:
    shop.take(identify("u-1", PHONE, name="王小明"))
    profile = shop.one(PHONE)
    for identity in profile.identities:
        alias = identity.identity_id.replace("idn_", "mbr_")
        assert shop.get(alias).member_id == profile.member_id
        assert [line.member_id for line in shop.find(alias)] == [profile.member_id]
        assert [line.member_id for line in shop.find(identity.identity_id)] == [profile.member_id]


def test_a_name_is_the_latest_of_the_best_attribute(shop: Shop) -> None:
    shop.take(
        identify("u-1", PHONE, "2026-06-01T10:00:00+08:00", name="旧名", nickname="昵称"),
        identify("u-1", None, "2026-06-02T10:00:00+08:00", nickname="新昵称"),
        identify("u-1", None, "2026-06-01T12:00:00+08:00", name="新名"),
    )
    assert shop.find(PHONE)[0].display == "新名"
    unnamed = identify("u-2", OTHER_PHONE)
    shop.take(unnamed)
    [line] = shop.find(OTHER_PHONE)
    assert (line.display, line.named) == ("u-2", False)


def test_orders_money_and_days_are_those_of_all_identities(shop: Shop) -> None:
    shop.take(
        paid("u-1", 500, "2026-06-02T23:30:00+08:00"),
        paid(None, 300, "2026-06-04T00:30:00+08:00", identities=seen(("phone", PHONE))),
        identify("u-1", PHONE),
        paid("u-2", 999),
    )
    [line] = shop.find(PHONE)
    assert (line.orders, line.spent) == (2, 800)
    import datetime

    assert line.last_active_day == date_to_day(datetime.date(2026, 6, 4))


def test_pages_follow_each_other_in_both_orders(shop: Shop) -> None:
    shop.take(
        *(identify(f"u-{n}", None, f"2026-06-0{n}T10:00:00+08:00", name=f"王小{n}") for n in range(1, 8))
    )
    one = shop.customers.installation
    for sort, query in (
        (Sort.NEWEST, None),
        (Sort.OLDEST, None),
        (Sort.NEWEST, "王小"),
        (Sort.OLDEST, "王小"),
    ):
        met: list[str] = []
        cursor = None
        while True:
            with one.database.reading() as tx:
                page = shop.members.list_members(
                    tx, one.merchant, query=query, sort=sort, cursor=cursor, limit=3
                )
            met += [line.display for line in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        expected = [f"王小{n}" for n in range(1, 8)]
        assert met == (expected if sort is Sort.OLDEST else expected[::-1]), (sort, query)
    with one.database.reading() as tx, pytest.raises(InvalidCursor):
        shop.members.list_members(tx, one.merchant, cursor="bm8")


def test_visitors_are_listed_only_when_asked(shop: Shop) -> None:
    shop.take(
        {"type": "page", "anonymousId": "device-1", "name": "首页", "messageId": "v"}, identify("u-1", PHONE)
    )
    assert len(shop.find("")) == 1
    lines = shop.find("", visitors=True)
    assert sorted(line.known for line in lines) == [False, True]
    visitor = next(line for line in lines if not line.known)
    assert [line.member_id for line in shop.find(visitor.member_id)] == [visitor.member_id]


def test_a_search_of_odd_letters_finds_nobody(shop: Shop) -> None:
    shop.take(identify("u-1", PHONE))
    for query in ("\x00", "%", "'; --", "*" * 5000, "🐉", identity_id(5), "mbr_zzzzzzzzzzzzz"):
        assert [line for line in shop.find(query) if query.strip("\x00")] == []
