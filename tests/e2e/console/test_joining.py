"""Joining two members by hand, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from guanxi.console import formats
from guanxi.kernel.clock import SECOND
from tests.e2e.console.shop import NAMES, WECHAT, Shop, identify, known_as, number_of, order
from tests.e2e.console.test_ways import Enter, go, lin_of

pytestmark = pytest.mark.browser


def test_two_entries_of_one_person_are_joined_by_hand_and_apart_again(shop: Shop, enter: Enter) -> None:
    name, made = NAMES[9], shop.installation
    union = ("unionid", "wechat", "oUnion-twice")
    with made.database.reading() as tx:
        first = shop.members.list_members(tx, made.merchant, query=name).items[0]
    bought = order("X-9", 4_200, made.clock.now() - SECOND, **known_as(union))
    called = identify("twice", made.clock.now() - 2 * SECOND, {"name": name, "city": "宁波"}, union)
    shop.intake.accept("shop", WECHAT, [called, bought])
    shop.project()
    page = enter()
    go(page, f"/console/members/{first.member_id}")
    page.get_by_role("link", name="合并会员").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel [data-panel-title]")).to_be_focused()
    expect(page.locator("#panel")).to_contain_text("同名")
    page.keyboard.press("/")
    page.keyboard.type(number_of(10))
    expect(page.locator("#panel")).to_contain_text("这就是您正在查看的会员")
    page.locator("#panel [data-search]").fill(name)
    expect(page.locator("#panel tr[data-row]")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#panel .gx-person")).to_have_count(3)
    expect(page.locator("#panel .gx-person").last).to_contain_text(formats.money(first.spent + 4_200, "CNY"))
    expect(page.locator("#panel b", has_text="宁波")).to_be_visible()
    page.locator("#panel #f-reason").fill("客服核实为同一人")
    page.get_by_role("button", name="合并", exact=True).click()
    page.wait_for_url("**done=joined**")
    expect(page.locator("#tab")).to_contain_text("oUnion-twice")
    expect(page.locator(".gx-figure-value strong").first).to_have_text(
        formats.money(first.spent + 4_200, "CNY")
    )
    owner = enter()
    owner.goto("/console/settings/audit?action=identity.joined")
    expect(owner.locator("tr[data-row]").first).to_contain_text("客服核实为同一人")
    made.clock.move(SECOND)
    page.get_by_role("button", name="撤销").click()
    page.wait_for_url("**done=withdrawn**")
    page.goto(f"/console/members/{first.member_id}?tab=identities")
    expect(page.locator("#tab")).not_to_contain_text("oUnion-twice")
    shop.project()


def test_two_who_cannot_be_one_are_told_why_on_a_phone_too(shop: Shop, enter: Enter) -> None:
    page = enter(width=390)
    go(page, lin_of(shop))
    page.get_by_role("link", name="合并会员").click()
    page.locator("#panel [data-search]").fill(number_of(2))
    page.locator("#panel tr[data-row] .gx-open").click()
    expect(page.locator("#panel .gx-notice")).to_contain_text("这两位不能合并")
    expect(page.locator("#panel .gx-notice")).to_contain_text("会员号不同")
    expect(page.get_by_role("button", name="合并", exact=True)).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name="另选一位").click()
    expect(page.locator("#panel [data-search]")).to_be_visible()
