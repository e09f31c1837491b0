from __future__ import annotations

import pytest

from guanxi.customers.identity.model import LinkKind
from guanxi.customers.members.errors import JoinRefused, NotReadable
from guanxi.customers.members.model import InFull, TimelineEntry
from guanxi.customers.privacy.service import Privacy
from guanxi.kernel.errors import Conflict, NotFound
from guanxi.kernel.phone import read_phone
from tests.customers.members.conftest import OTHER_PHONE, PHONE, Shop, identify, paid, seen


def test_a_profile_tells_who_somebody_is_and_why(shop: Shop) -> None:
    shop.take(
        identify("u-1", PHONE, name="王小明", city="杭州", address="西湖区"),
        identify("u-1", None, "2026-06-03T10:00:00+08:00", city="上海"),
        paid("u-1", 500),
        paid("u-1", 300, "2026-06-05T10:00:00+08:00"),
    )
    one = shop.one(PHONE)
    assert (one.display, one.known, one.orders, one.spent) == ("王小明", True, 2, 800)
    assert [(view.type, view.masked) for view in one.identities] == [
        ("user_id", "u-1"),
        ("phone", "138****3377"),
    ]
    by_name = {view.name: view for view in one.attributes}
    assert by_name["city"].shown.value == "上海"
    assert by_name["name"].personal
    assert by_name["address"].shown.value == "西湖区"
    [join] = one.joins
    assert join.reason is LinkKind.OBSERVED
    assert join.event_id == f"i-u-1-{PHONE}-2026-06-01T10:00:00+08:00"
    assert {join.one.type, join.other.type} == {"user_id", "phone"}
    assert join.text.zh
    assert join.text.en
    totals = {total.type: total for total in one.totals}
    assert (totals["order.paid"].count, totals["identify"].count) == (2, 2)
    [amount] = [item for item in totals["order.paid"].measures if item.name == "amount"]
    assert (amount.total, amount.low, amount.high, amount.unit) == (800, 300, 500, "fen")
    assert one.last_seen == totals["order.paid"].last_at
    assert one.identities[0].first_seen == one.first_seen


def test_without_leave_only_the_name_is_told(shop: Shop) -> None:
    shop.take(identify("u-1", PHONE, name="王小明", address="西湖区", city="杭州"))
    one = shop.get(shop.find(PHONE)[0].member_id, personal=False)
    told = {view.name: view.shown.value for view in one.attributes}
    assert (told["name"], told["city"], told["address"]) == ("王小明", "杭州", None)


def test_consent_is_the_latest_word_on_any_identity(shop: Shop) -> None:
    def consent(user: str | None, what: str, at: str, *phones: str) -> dict[str, object]:
        return {
            "type": "track",
            "event": f"consent.{what}",
            "userId": user,
            "timestamp": at,
            "messageId": f"c-{what}-{at}",
            "properties": {"purpose": "marketing", "channel": "sms", "evidence": what},
            "context": {"identities": seen(*(("phone", phone) for phone in phones))},
        }

    shop.take(
        consent("u-1", "given", "2026-06-01T10:00:00+08:00"),
        consent(None, "withdrawn", "2026-06-02T10:00:00+08:00", PHONE),
        identify("u-1", PHONE),
    )
    [view] = shop.one(PHONE).consents
    assert (view.purpose, view.channel, view.given, view.evidence) == (
        "marketing",
        "sms",
        False,
        "withdrawn",
    )


def test_the_value_of_an_identity_is_revealed_to_its_member_alone(shop: Shop) -> None:
    hashed = read_phone(OTHER_PHONE).digest
    shop.take(identify("u-1", "+86 138-1620-3377"), identify("u-2", hashed))
    first, second = shop.one("u-1"), shop.one("u-2")
    phone = next(view for view in first.identities if view.type == "phone")
    other = next(view for view in second.identities if view.type == "phone")
    assert (phone.readable, other.readable, other.masked) == (True, False, "")
    one = shop.customers.installation
    with one.database.reading() as tx:
        assert shop.members.reveal(tx, one.merchant, first.member_id, phone.identity_id) == InFull(
            "phone", PHONE
        )
        with pytest.raises(NotFound):
            shop.members.reveal(tx, one.merchant, second.member_id, phone.identity_id)
        with pytest.raises(NotReadable):
            shop.members.reveal(tx, one.merchant, second.member_id, other.identity_id)


@pytest.mark.parametrize("member_id", ["mbr_0000000000000", "mbr_x", "", "idn_zzzzzzzzzzzzz"])
def test_nobody_is_not_found(shop: Shop, member_id: str) -> None:
    with pytest.raises(NotFound):
        shop.get(member_id)


def test_a_phone_of_somebody_else_is_refused_and_said(shop: Shop) -> None:
    def member(number: str, at: str) -> dict[str, object]:
        return paid(None, int(number), at, identities=seen(("member_no", number), ("phone", PHONE)))

    shop.take(member("1001", "2026-06-01T10:00:00+08:00"), member("1002", "2026-06-03T10:00:00+08:00"))
    first, second = shop.one("1001"), shop.one("1002")
    assert first.member_id != second.member_id
    [refusal] = second.refusals
    assert refusal.other_member_id == first.member_id
    assert refusal.text.zh
    assert refusal.one.type == "member_no"
    assert refusal.other.type == "phone"
    assert first.refusals[0].other_member_id == second.member_id
    assert (first.orders, second.orders) == (1, 1)


def test_a_reassigned_phone_takes_nothing_of_its_past_along(shop: Shop) -> None:
    def verified(number: str, at: str) -> dict[str, object]:
        return {
            "type": "track",
            "event": "identity.verified",
            "timestamp": at,
            "messageId": f"v-{number}",
            "properties": {"method": "sms"},
            "context": {"identities": seen(("member_no", number), ("phone", PHONE))},
        }

    def alone(amount: int, at: str) -> dict[str, object]:
        return paid(None, amount, at, identities=seen(("phone", PHONE)))

    shop.take(
        verified("1001", "2026-05-01T10:00:00+08:00"),
        alone(100, "2026-05-02T10:00:00+08:00"),
        verified("1002", "2026-06-01T10:00:00+08:00"),
        alone(70, "2026-06-02T10:00:00+08:00"),
    )
    first, second = shop.one("1001"), shop.one("1002")
    assert (first.orders, first.spent, second.orders, second.spent) == (1, 100, 1, 70)
    held = {view.type: (view.from_day, view.until_day) for view in first.identities}
    assert held["phone"][1] == {view.type: view.from_day for view in second.identities}["phone"]
    assert [(line.orders, line.spent) for line in shop.find("1001")] == [(1, 100)]
    assert [line.member_id for line in shop.find(PHONE)] == [second.member_id]
    one = shop.customers.installation
    for _ in range(2):
        with one.database.reading() as tx:
            for profile, amount in ((first, 100), (second, 70)):
                page = shop.members.timeline(tx, one.merchant, profile.member_id)
                orders = [entry for entry in page.items if entry.type == "order.paid"]
                assert [entry.fields[1].value for entry in orders] == [amount]
        shop.customers.hand_over()


def test_decisions_are_kept_replayed_and_taken_back(shop: Shop) -> None:
    shop.take(identify("u-1", PHONE, name="王小明"), paid("u-1", 500))
    before = shop.one(PHONE)
    [join] = before.joins
    a, b = join.one.identity_id, join.other.identity_id
    holders = shop.decide("separate", a, b)
    assert len(set(holders)) == 2
    parts = [shop.get(one) for one in holders]
    assert {part.verdicts[0].decision for part in parts} == {"separated"}
    assert parts[0].verdicts[0].by == "staff"
    shop.settle()
    assert [shop.get(one) for one in holders] == parts
    assert set(shop.decide("withdraw", a, b)) == {before.member_id}
    shop.settle()
    assert shop.one(PHONE) == before
    with pytest.raises(Conflict):
        shop.decide("withdraw", a, b)
    types = [entry.type for entry in _log(shop)]
    assert types.count("identity.separated") == types.count("identity.withdrawn") == 1


def _log(shop: Shop) -> list[TimelineEntry]:
    one = shop.customers.installation
    with one.database.reading() as tx:
        return list(shop.members.events(tx, one.merchant).items)


def test_two_are_joined_by_hand_unless_they_cannot_be_one(shop: Shop) -> None:
    shop.take(identify("u-1", PHONE), paid(None, 70, identities=seen(("member_no", "1002"))), identify("u-2"))
    first, second, third = shop.one("u-1"), shop.one("1002"), shop.one("u-2")
    a, b, c = (view.identities[0].identity_id for view in (first, second, third))
    assert len(set(shop.decide("join", a, b))) == 1
    joined = shop.one("1002")
    assert joined.member_id == shop.one(PHONE).member_id
    assert {one.reason for one in joined.joins} == {LinkKind.MANUAL, LinkKind.OBSERVED}
    assert [one.by for one in joined.joins if one.reason is LinkKind.MANUAL] == ["staff"]
    with pytest.raises(JoinRefused):
        shop.decide("join", a, c)
    assert shop.one("u-2").verdicts == ()
    with pytest.raises(Conflict):
        shop.decide("join", a, a)
    with pytest.raises(NotFound):
        shop.decide("join", a, "idn_0000000000000")


def test_an_erased_member_says_so_until_nobody_knows_them(shop: Shop) -> None:
    shop.take(identify("u-1", PHONE, name="王小明"), paid("u-1", 500))
    before = shop.one(PHONE)
    one, customers = shop.customers.installation, shop.customers
    privacy = Privacy(one.database, one.log, customers.intake, one.vault, customers.keys)
    with one.database.transaction() as tx:
        privacy.request(tx, one.merchant, before.member_id, by="staff", now=one.clock.now())
    for identity in before.identities:
        gone = shop.get(identity.identity_id.replace("idn_", "mbr_"))
        assert (gone.erased_at, gone.erasing, gone.identities) == (one.clock.now(), True, ())
        assert "王小明" not in str(gone)
    assert shop.find(PHONE) == []
    with one.database.reading() as tx:
        assert shop.members.summary(tx, one.merchant).gmv == 500
