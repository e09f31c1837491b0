"""What a person is handed: everything known of them, readable, and nothing of anybody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from guanxi.kernel.errors import NotFound
from guanxi.storage.events.lake import Lake, Snapshot
from tests.customers.privacy.shop import ANNA, BO, DAY, device, openid, order, phone, profile
from tests.customers.privacy.test_erasure import three_people

if TYPE_CHECKING:
    from tests.customers.privacy.shop import Shop


def test_everything_known_of_her(shop: Shop) -> None:
    three_people(shop)
    shop.customers.hand_over()
    shop.send(order("event-o5", phone(ANNA), fen=1600, ago=DAY))
    document = shop.export(("user_id", "app", "anna-77"))
    assert document["format"] == "guanxi.person/1"
    assert {(one["type"], one["scope"], one["value"]) for one in document["identities"]} == {
        ("openid", "wx", "anna-wx"),
        ("phone", "", ANNA),
        ("user_id", "app", "anna-77"),
    }
    attributes = {one["name"]: one["value"] for one in document["attributes"]}
    assert attributes == {"phone": ANNA, "name": "安娜娜", "birthday": "1990-01-02", "city": "杭州"}
    assert [(one["purpose"], one["given"], one["evidence"]) for one in document["consents"]] == [
        ("marketing", True, "勾选")
    ]
    ids = [event["id"] for event in document["events"]]
    assert sorted(ids) == sorted(["event-p1", "event-p2", "event-o1", "event-o4", "event-c1", "event-o5"])
    events = {event["id"]: event for event in document["events"]}
    bought = events["event-o1"]
    assert bought["content"]["properties"]["receiver"] == "某人"  # it was sealed
    assert bought["content"]["properties"]["amount"] == 100
    assert bought["identities"] == [{"type": "openid", "scope": "wx", "value": "anna-wx"}]
    assert events["event-p1"]["content"]["traits"]["birthday"] == "1990-01-02"
    spent = [
        (one["count"], one["total"])
        for one in document["totals"]
        if one["measure"] == "amount" and not one["dimension"]
    ]
    assert spent == [(2, 900)]  # the third order has not been projected yet


def test_nothing_of_anybody_elses(shop: Shop) -> None:
    three_people(shop)
    shop.send(
        profile("bo-knows-anna", openid("bo-wx"), phone(ANNA), ago=DAY, name="薄先生", friend="安"),
    )
    shop.customers.project()
    shop.customers.hand_over()
    document = str(shop.export(openid("anna-wx")))
    assert "bo-knows-anna" not in document
    assert BO not in document
    assert "till" not in document
    assert "till" in str(shop.export(device("till")))


def test_a_number_that_only_came_hashed_has_no_value(shop: Shop) -> None:
    import hashlib

    digest = hashlib.sha256(BO.encode()).hexdigest()
    shop.send(order("hashed", phone(digest), ago=DAY))
    shop.customers.project()
    (identity,) = shop.export(phone(BO))["identities"]
    assert identity["value"] is None


def test_nobody_is_nobody(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.export(phone(ANNA))


def test_a_file_that_has_just_been_rewritten_is_looked_for_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_people(shop)
    shop.customers.hand_over()
    snapshot, stale = Lake.snapshot, [Snapshot(["/nowhere/part-0.parquet"], 0)]
    monkeypatch.setattr(Lake, "snapshot", lambda lake: stale.pop() if stale else snapshot(lake))
    assert len(shop.export(phone(ANNA))["events"]) == 5
