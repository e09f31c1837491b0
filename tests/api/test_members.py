"""Members over HTTP, on both databases."""

from __future__ import annotations

import pytest

from guanxi.access import Permission
from tests.api.composed import Composed, furnish


@pytest.fixture
def own(composed: Composed) -> dict[str, str]:
    """Ids of what the merchant ``shop`` has."""
    return furnish(composed, "shop")


def test_a_member_is_found_and_read_masked(composed: Composed, own: dict[str, str]) -> None:
    found = composed.own.get("/v1/members", params={"query": "+86 13816203377"}).json()
    [line] = found["items"]
    assert line["id"] == own["member_id"]
    assert line["phone"] == "138****3377"
    member = composed.own.get(f"/v1/members/{own['member_id']}").json()
    assert "13816203377" not in str(member)
    assert {one["name"]: one["shown"]["value"] for one in member["attributes"]}["name"] == "王77"
    alias = own["identity_id"].replace("idn_", "mbr_")
    assert composed.own.get(f"/v1/members/{alias}").json() == member
    timeline = composed.own.get(f"/v1/members/{own['member_id']}/timeline").json()
    assert [one["type"] for one in timeline["items"]] == ["identify"]
    assert timeline["items"][0]["personal"] is None


def test_a_full_phone_needs_its_scope_and_leaves_a_trace(composed: Composed, own: dict[str, str]) -> None:
    path = f"/v1/members/{own['member_id']}/identities/{own['identity_id']}/reveal"
    reason = {"reason": "客户来电"}
    reader = composed.client(composed.key(Permission.MEMBERS_READ))
    assert reader.post(path, json=reason).status_code == 403
    assert composed.own.post(path, json=reason).json()["value"] == "13816203377"
    [entry] = composed.own.get("/v1/audit?action=member.phone_seen").json()["items"]
    assert (entry["target"], entry["reason"]) == (own["member_id"], "客户来电")
    [user] = [
        one["id"]
        for one in composed.own.get(f"/v1/members/{own['member_id']}").json()["identities"]
        if one["type"] == "user_id"
    ]
    shown = composed.own.post(f"/v1/members/{own['member_id']}/identities/{user}/reveal", json=reason)
    assert shown.json()["value"] == "u-shop-3377"
    [entry] = composed.own.get("/v1/audit?action=member.identity_seen").json()["items"]
    assert (entry["target"], entry["detail"]) == (own["member_id"], {"identity": user})
    assert len(composed.own.get("/v1/audit?action=member.phone_seen").json()["items"]) == 1
    opened = f"/v1/members/{own['member_id']}/timeline?personal=open"
    assert reader.get(opened).status_code == 403
    [event] = composed.own.get(opened).json()["items"]
    assert event["personal"]["traits"] == {"phone": "13816203377", "name": "王77"}
    assert len(composed.own.get("/v1/audit?action=member.personal_seen").json()["items"]) == 1


def test_people_are_separated_joined_and_restored(composed: Composed, own: dict[str, str]) -> None:
    member = composed.own.get(f"/v1/members/{own['member_id']}").json()
    [join] = member["joins"]
    pair = {"one": join["one"]["id"], "other": join["other"]["id"], "reason": "两个人"}
    apart = composed.own.post("/v1/identities/separate", json=pair).json()
    assert apart["one"]["id"] != apart["other"]["id"]
    restored = composed.own.post("/v1/identities/withdraw", json=pair).json()
    assert restored["one"]["id"] == restored["other"]["id"] == own["member_id"]
    assert composed.own.get(f"/v1/members/{own['member_id']}").json() == member
    assert composed.own.post("/v1/identities/withdraw", json=pair).status_code == 409
    actions = [one["action"] for one in composed.own.get("/v1/audit").json()["items"]]
    assert {"identity.withdrawn", "identity.separated"} <= set(actions)
    others = [
        one["id"] for one in composed.own.get("/v1/members").json()["items"] if one["id"] != own["member_id"]
    ]
    theirs = composed.own.get(f"/v1/members/{others[0]}").json()["identities"][0]["id"]
    refused = composed.own.post("/v1/identities/join", json={"one": pair["one"], "other": theirs})
    mine = {one["id"]: one["type"] for one in member["identities"]}
    if mine[pair["one"]] == "user_id":
        assert (refused.status_code, refused.json()["code"]) == (409, "join_refused")


def test_the_figures_agree(composed: Composed, own: dict[str, str]) -> None:
    figures = composed.own.get("/v1/overview?days=7").json()
    assert (figures["members"], figures["orders"], len(figures["days"])) == (2, 0, 7)
    assert figures["window"]["active"] == 2
    assert figures["days"][-1]["day"] == "2026-06-15"
    accounts = composed.own.get("/v1/accounts").json()["items"]
    assert [(one["id"], one["events"], one["platform"]) for one in accounts] == [("acc-shop", 2, "douyin")]


def test_the_log_is_listed_by_type_and_day(composed: Composed, own: dict[str, str]) -> None:
    listed = composed.own.get("/v1/events?type=identify&day=2026-06-15").json()["items"]
    assert len(listed) == 2
    assert {one["member_id"] for one in listed} >= {own["member_id"]}
    assert composed.own.get("/v1/events?day=2026-06-14").json()["items"] == []
    assert composed.own.get("/v1/events?day=2026-02-30").status_code == 400


def test_an_event_type_is_declared_and_its_contradictions_are_told(composed: Composed) -> None:
    declared = {
        "name": "lesson.finished",
        "label": {"zh": "上完课", "en": "Finished a lesson"},
        "fields": {"minutes": {"type": "int", "required": True}, "course": {"type": "text"}},
        "measures": {"minutes": {}},
        "dimensions": {"course": {"key": "course"}},
    }
    made = composed.own.ask("PUT", "/v1/event-types", json=declared)
    assert made.status_code == 200
    assert made.json()["measures"] == [{"name": "minutes", "field": "minutes", "unit": ""}]
    assert composed.own.ask("PUT", "/v1/event-types", json=declared).json() == made.json()
    composed.installation.clock.move(6_000_000)
    names = [one["name"] for one in composed.own.get("/v1/event-types").json()["items"]]
    assert {"lesson.finished", "order.paid"} <= set(names)
    wrong = {**declared, "version": 2, "measures": {"course": {}}}
    refused = composed.own.ask("PUT", "/v1/event-types", json=wrong)
    assert (refused.status_code, refused.json()["code"]) == (409, "contradictory_declaration")
    assert composed.own.ask("PUT", "/v1/event-types", json={"name": "order.paid"}).status_code == 409


def test_a_dead_letter_is_seen_mended_or_dropped(composed: Composed, own: dict[str, str]) -> None:
    path = f"/v1/dead-letters/{own['letter_id']}"
    assert composed.own.get(path).json()["raw"].startswith("{")
    mender = composed.client(composed.key(Permission.EVENTS_MEND, Permission.HEALTH_READ))
    assert mender.get(path).json()["raw"] is None
    still = mender.post(f"{path}/replay", json={})
    assert (still.status_code, still.json()["code"]) == (409, "still_refused")
    message = {"type": "track", "event": "order.paid", "userId": "u-9", "messageId": "mended"}
    message["properties"] = {"order_id": "1", "amount": 5}  # type: ignore[assignment]
    assert mender.post(f"{path}/replay", json={"message": message}).json()["state"] == "mended"
    assert mender.post(f"{path}/drop").json()["code"] == "letter_settled"
    [event] = composed.own.get("/v1/events?type=order.paid").json()["items"]
    assert event["id"] == "mended"
    [rest] = composed.own.get("/v1/dead-letters").json()["items"]
    assert mender.post(f"/v1/dead-letters/{rest['id']}/drop").json()["state"] == "dropped"
    assert composed.own.get("/v1/dead-letters").json()["items"] == []
    assert len(composed.own.get("/v1/dead-letters?state=dropped").json()["items"]) == 1


def test_an_account_is_declared_and_renamed(composed: Composed, own: dict[str, str]) -> None:
    body = {"key": "live-room", "name": "直播间", "platform": "douyin", "kind": "host"}
    assert composed.own.post("/v1/accounts", json=body).json()["events"] == 0
    body["name"] = "一号直播间"
    composed.own.post("/v1/accounts", json=body)
    names = [one["name"] for one in composed.own.get("/v1/accounts").json()["items"]]
    assert "一号直播间" in names
    assert "直播间" not in names
    assert composed.own.post("/v1/accounts", json={**body, "key": "Live Room"}).status_code == 422
