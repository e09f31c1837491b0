"""The audit trail calls what was done in the console by its name, on both databases."""

from __future__ import annotations

from pathlib import Path

from guanxi.access import AuditEntry
from guanxi.access.service import trail
from guanxi.storage.events import dead_letters
from tests.console.client import Client
from tests.e2e.console.shop import LIN_PHONE, PASSWORD, Shop, open_shop


def entries(shop: Shop) -> dict[str, AuditEntry]:
    """Return the latest entry of each action."""
    with shop.installation.database.reading() as tx:
        return {one.action.value: one for one in trail.entries(tx, "shop", limit=100).items}


def test_every_look_and_every_decision_has_its_own_name(tmp_path: Path, database_setting: str) -> None:
    with open_shop(tmp_path / "console", database_setting) as shop:
        client = Client(shop.app)
        client.post("/console/sign-in", {"name": "owner", "password": PASSWORD, "next": ""})
        _look(shop, client)
        _decide(shop, client)
        _drop(shop, client)


def _look(shop: Shop, client: Client) -> None:
    made = shop.installation
    with made.database.reading() as tx:
        line = shop.members.list_members(tx, made.merchant, query=LIN_PHONE).items[0]
        profile = shop.members.get_member(tx, made.merchant, line.member_id)
    here = f"/console/members/{line.member_id}"
    assert client.post(f"{here}/attributes", {}).status_code == 200
    assert entries(shop)["member.attributes_seen"].target == line.member_id
    assert "member.phone_seen" not in entries(shop)
    for one in profile.identities:
        if one.type in {"phone", "openid"}:
            shown = client.post(f"{here}/reveal/{one.identity_id}", {"reason": "核对"})
            assert shown.status_code == 200
            entry = entries(shop)["member.phone_seen" if one.type == "phone" else "member.identity_seen"]
            assert (entry.target, entry.reason) == (line.member_id, "核对")
            assert entry.detail == {"identity": one.identity_id}
    assert {"member.phone_seen", "member.identity_seen"} <= entries(shop).keys()


def _decide(shop: Shop, client: Client) -> None:
    made = shop.installation
    with made.database.reading() as tx:
        line = shop.members.list_members(tx, made.merchant, query=LIN_PHONE).items[0]
        [join, *_] = shop.members.get_member(tx, made.merchant, line.member_id).joins
    pair = {"one": join.one.identity_id, "other": join.other.identity_id}
    here = f"/console/members/{line.member_id}/decide"
    for what, action in (("separate", "identity.separated"), ("withdraw", "identity.withdrawn")):
        assert client.post(f"{here}/{what}", pair).status_code == 303
        assert entries(shop)[action].detail == {"decision": what, **pair}
        made.clock.move(1_000_000)
    assert "identity.joined" not in entries(shop)


def _drop(shop: Shop, client: Client) -> None:
    with shop.installation.database.tail.reading() as tx:
        letter = dead_letters.page(tx, "shop", "open", None, 1)[0].letter_id.hex()
    here = f"/console/settings/health/dead-letters/{letter}"
    assert client.get(here).status_code == 200
    assert entries(shop)["member.personal_seen"].target == letter
    assert client.post(f"{here}/drop", {}).status_code == 303
    assert entries(shop)["event.dropped"].target == letter
    assert "event.mended" not in entries(shop)
