"""Joining two members in the console, on both databases."""

from __future__ import annotations

from pathlib import Path

from guanxi.access import Action
from guanxi.access.service import trail
from guanxi.customers.members.model import MemberLine
from tests.console.client import Client
from tests.e2e.console.shop import (
    LIN_PHONE,
    NAMES,
    PASSWORD,
    WECHAT,
    Shop,
    identify,
    known_as,
    open_shop,
    order,
)

TWICE = ("unionid", "wechat", "oUnion-twice")


def find(shop: Shop, query: str) -> list[MemberLine]:
    made = shop.installation
    with made.database.reading() as tx:
        return list(shop.members.list_members(tx, made.merchant, query=query).items)


def sign_in(shop: Shop, login: str) -> Client:
    client = Client(shop.app, raises=False)
    client.post("/console/sign-in", {"name": login, "password": PASSWORD, "next": ""})
    return client


def test_two_members_are_joined_and_the_trail_says_so(tmp_path: Path, database_setting: str) -> None:
    with open_shop(tmp_path / "console", database_setting) as shop:
        made, name = shop.installation, NAMES[9]
        at = made.clock.now() - 2_000_000
        said = identify("twice", at, {"name": name, "city": "宁波", "birthday": "1990-02-03"}, TWICE)
        shop.intake.accept("shop", WECHAT, [said, order("X-9", 4_200, at, **known_as(TWICE))])
        shop.project()
        one, other = sorted(find(shop, name), key=lambda line: line.first_seen)
        owner = sign_in(shop, "owner")
        here = f"/console/members/{one.member_id}/join"
        _is_shown_first(shop, owner, here, other)
        assert sign_in(shop, "analyst").post(f"{here}/{other.member_id}", {}).status_code == 403
        assert len(find(shop, name)) == 2
        joined = owner.post(f"{here}/{other.member_id}", {"reason": "客服核实"})
        assert joined.status_code == 303
        [line] = find(shop, name)
        assert (line.orders, line.spent) == (one.orders + 1, one.spent + 4_200)
        assert line.member_id in joined.headers["location"]
        with made.database.reading() as tx:
            [entry] = trail.entries(tx, "shop", action=Action.MEMBERS_JOINED).items
        assert (entry.target, entry.reason) == (line.member_id, "客服核实")
        assert entry.detail["members"] == [one.member_id, other.member_id]
        again = owner.post(f"{here}/{other.member_id}", {})
        assert again.status_code == 409
        assert "同一位会员" in again.text


def _is_shown_first(shop: Shop, owner: Client, here: str, other: MemberLine) -> None:
    guessed = owner.get(here)
    assert guessed.status_code == 200
    assert f"{here}/{other.member_id}" in guessed.text
    assert "同名" in guessed.text
    preview = owner.get(f"{here}/{other.member_id}")
    assert preview.status_code == 200
    assert "宁波" in preview.text
    assert "1990" not in preview.text  # what is personal stays sealed
    assert len(find(shop, other.display)) == 2  # nothing was kept of the preview
    assert f"{here}/{other.member_id}" in owner.get(f"{here}?q={other.member_id}").text
    lin = find(shop, LIN_PHONE)[0]
    refused = owner.get(f"{here}/{lin.member_id}")
    assert refused.status_code == 200
    assert "这两位不能合并" in refused.text
    assert owner.post(f"{here}/{lin.member_id}", {}).status_code == 409
    assert owner.get(f"{here}/mbr_0000000000000").status_code == 404
