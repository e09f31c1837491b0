"""Two members made one by hand: by which identities, and when they cannot be."""

from __future__ import annotations

import pytest

from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY, Holding, LinkKind, Shared
from guanxi.customers.members.decide import Known, spokesman
from guanxi.customers.members.errors import JoinRefused
from guanxi.customers.members.model import JoinedMembers
from guanxi.kernel.errors import Conflict, NotFound
from tests.customers.members.conftest import OTHER_PHONE, PHONE, Shop, identify, paid, seen


def join(shop: Shop, one: str, other: str) -> JoinedMembers:
    made = shop.customers.installation
    with made.database.transaction() as tx:
        return shop.members.join_members(tx, made.merchant, one, other, by="staff", now=made.clock.now())


def known(number: int, type_: str, first_seen: int = 0) -> Known:
    return Known(number, type_, "", "", first_seen, readable=True)


def test_a_member_is_joined_by_what_tells_most_and_is_theirs_alone() -> None:
    always = [Holding(number, FIRST_DAY, LAST_DAY) for number in range(1, 6)]
    identities = {
        1: known(1, "phone"),
        2: known(2, "device"),
        3: known(3, "unionid", 9),
        4: known(4, "unionid", 8),
        5: known(5, "member_no"),
    }
    assert spokesman(always, identities, {}) == 5
    assert spokesman(always[:4], identities, {}) == 4
    assert spokesman(always[:2], identities, {}) == 2
    till = {2: Shared(2, "device", 9, 1, "member_no", "")}
    assert spokesman(always[:2], identities, till) == 1
    former = [Holding(5, FIRST_DAY, 20000), *always[:1]]
    assert spokesman(former, identities, {}) == 1
    assert spokesman([], identities, {}) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (identify("u-1", PHONE), paid(None, 70, identities=seen(("member_no", "1002")))),
        (identify("u-1"), paid(None, 70, identities=seen(("phone", OTHER_PHONE)))),
        (
            paid(None, 30, identities=seen(("phone", PHONE))),
            paid(None, 70, identities=seen(("phone", OTHER_PHONE))),
        ),
        (paid(None, 30, identities=seen(("device", "d-1"))), identify("u-2", OTHER_PHONE)),
    ],
)
def test_two_members_become_one_with_all_they_had(
    shop: Shop, one: dict[str, object], other: dict[str, object]
) -> None:
    shop.take(one, other)
    first, second = shop.find("", visitors=True)
    made = join(shop, first.member_id, second.member_id)
    [line] = shop.find("", visitors=True)
    assert line.member_id == made.member_id
    assert (line.orders, line.spent) == (first.orders + second.orders, first.spent + second.spent)
    assert set(line.kinds) == {*first.kinds, *second.kinds}
    for alias in (first.member_id, second.member_id):
        profile = shop.get(alias)
        assert profile.member_id == made.member_id
        assert LinkKind.MANUAL in {one.reason for one in profile.joins}
    with pytest.raises(Conflict, match="同一位会员"):
        join(shop, first.member_id, second.member_id)
    shop.customers.installation.clock.move(1_000_000)
    shop.decide("withdraw", made.one, made.other)
    assert shop.find("", visitors=True) == [first, second]


def test_two_who_cannot_be_one_person_are_left_as_they_are(shop: Shop) -> None:
    shop.take(identify("u-1", PHONE), identify("u-2", OTHER_PHONE))
    first, second = shop.find("")
    with pytest.raises(JoinRefused, match="不同"):
        join(shop, first.member_id, second.member_id)
    assert shop.find("") == [first, second]
    assert shop.get(first.member_id).verdicts == ()


def test_joining_tears_nothing_off_either(shop: Shop) -> None:
    """By their best identities they could be one, but each has an account of one shop besides."""
    shop.take(
        paid("u-1", 10, identities=seen(("member_no", "1001"))),
        paid("u-2", 20, identities=[{"type": "unionid", "scope": "wechat", "value": "o-2"}]),
    )
    first, second = shop.find("")
    assert {first.kinds, second.kinds} == {("member_no", "user_id"), ("unionid", "user_id")}
    with pytest.raises(JoinRefused, match="不同"):
        join(shop, first.member_id, second.member_id)
    assert shop.find("") == [first, second]


def test_nobody_is_joined_with_nobody(shop: Shop) -> None:
    shop.take(identify("u-1", PHONE))
    [line] = shop.find("")
    for other in ("mbr_0000000000000", "x"):
        with pytest.raises(NotFound):
            join(shop, line.member_id, other)
