"""What people do in the console, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from guanxi.console import formats
from guanxi.kernel.clock import SECOND
from tests.e2e.console.conftest import sign_in
from tests.e2e.console.shop import LIN_PHONE, NAMES, Shop, phone_of

pytestmark = pytest.mark.browser

Enter = Callable[..., Page]


def go(page: Page, path: str) -> None:
    """Open a page and wait until htmx has taken it over."""
    page.goto(path)
    page.wait_for_selector("[data-htmx-powered]", state="attached")


def lin_of(shop: Shop) -> str:
    """Return the path of 林晓彤's page."""
    made = shop.installation
    with made.database.reading() as tx:
        found = shop.members.list_members(tx, made.merchant, query="M1001").items[0]
    return f"/console/members/{found.member_id}"


def test_signing_in_wrong_and_right(enter: Enter) -> None:
    page = enter("")
    page.goto("/console/members?q=1")
    page.wait_for_url("**/sign-in?next=*")
    page.fill("#f-name", "owner")
    page.fill("#f-password", "not the password")
    page.click("button[type=submit]")
    expect(page.locator("[role=alert]")).to_contain_text("账号或密码不正确")
    expect(page.locator("#f-name")).to_have_value("owner")
    page.fill("#f-password", "correct horse battery")
    page.click("button[type=submit]")
    page.wait_for_url("**/console/members?q=1")
    page.locator("summary[aria-label=李店长]").click()
    page.get_by_role("button", name="退出登录").click()
    page.wait_for_url("**/sign-in")
    page.goto("/console")
    page.wait_for_url("**/sign-in")


def test_an_expired_session_leads_to_sign_in_and_back(shop: Shop, enter: Enter) -> None:
    page = enter("")
    sign_in(page, "service")
    go(page, "/console/members")
    page.context.clear_cookies(name="gx_session")
    page.locator("tr[data-row] .gx-open").first.click()
    page.wait_for_url("**/console/sign-in?next=%2Fconsole%2Fmembers")


def test_home_says_what_the_service_says(shop: Shop, enter: Enter) -> None:
    made = shop.installation
    with made.database.reading() as tx:
        today = made.merchant.days.day(made.clock.now())
        found = shop.members.overview(tx, made.merchant, today, 30)
        summary = shop.members.summary(tx, made.merchant)
    page = enter()
    go(page, "/console")
    figures = page.locator(".gx-figure")
    expect(figures).to_have_count(4)
    values = [text.strip() for text in page.locator(".gx-figure-value strong").all_inner_texts()]
    assert values == [
        formats.money_compact(found.window.gmv, "zh"),
        formats.number(found.window.orders),
        formats.number(found.window.active),
        formats.number(summary.members),
    ]
    expect(page.locator(".gx-heading p")).to_contain_text(f"累计 {summary.orders} 单")
    expect(page.locator("#latest .gx-event")).not_to_have_count(0)
    figures.first.locator(".gx-figure-top a").click()
    expect(page.locator("#panel")).to_contain_text("sum(order.paid.amount) by day")


@pytest.mark.parametrize("text", [NAMES[4], "M1005", phone_of(5), f"+86 {phone_of(5)[:3]}-{phone_of(5)[3:]}"])
def test_search_understands_name_number_and_phone(enter: Enter, text: str) -> None:
    page = enter()
    go(page, "/console/members")
    page.locator("main [data-search]").fill(text)
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(page.locator("tr[data-row]")).to_contain_text(NAMES[4])
    assert phone_of(5) not in page.locator("main").inner_text()


def test_a_row_opens_beside_the_list_and_leads_to_the_page(enter: Enter) -> None:
    page = enter()
    go(page, "/console/members")
    page.locator("tr[data-row]").first.click()
    expect(page.locator("#panel [data-panel-title]")).to_be_focused()
    expect(page.locator("#panel .gx-event").first).to_be_visible()
    page.locator("#panel .btn-primary").click()
    page.wait_for_url("**/console/members/mbr_*")
    expect(page.locator("#timeline .gx-event").first).to_be_visible()
    page.locator(".gx-tabs a", has_text="身份").click()
    expect(page.locator("#tab")).to_contain_text("用来认出此人的全部标识")


def test_a_join_is_undone_and_the_undoing_too(shop: Shop, enter: Enter) -> None:
    page = enter()
    go(page, f"{lin_of(shop)}?tab=identities")
    expect(page.locator(".gx-identities > li")).to_have_count(5)
    spent = page.locator(".gx-figure-value strong").first.inner_text()
    page.locator(".gx-joins > li", has_text="u-7700").get_by_text("撤销这次合并").click()
    after = page.locator("#panel .gx-preview > div:last-child .gx-person")
    expect(after).to_have_count(2)
    page.locator("#panel #f-reason").fill("顾客来电说明")
    page.locator("#panel button[type=submit]").click()
    page.wait_for_url("**done=separated**")
    expect(page.locator(".gx-notice")).to_contain_text("已拆开")
    assert page.locator(".gx-figure-value strong").first.inner_text() != spent
    shop.project()
    shop.installation.clock.move(SECOND)  # of two decisions at one instant the cautious one holds
    page.reload()
    expect(page.get_by_text("人工判定")).to_be_visible()
    page.get_by_role("button", name="撤销").click()
    page.wait_for_url("**done=withdrawn**")
    go(page, f"{lin_of(shop)}?tab=identities")
    expect(page.locator(".gx-identities > li")).to_have_count(5)
    assert page.locator(".gx-figure-value strong").first.inner_text() == spent


def test_a_phone_is_shown_for_a_reason_and_the_trail_says_so(shop: Shop, enter: Enter) -> None:
    page = enter("service")
    go(page, f"{lin_of(shop)}?tab=identities")
    page.locator(".gx-identities li", has_text="手机号").get_by_text("查看").click()
    page.locator("#panel button[type=submit]").wait_for()
    page.locator("#panel #f-reason").fill(" 回访售后工单 88 ")
    page.locator("#panel button[type=submit]").click()
    expect(page.locator("#panel .gx-secret")).to_have_text(LIN_PHONE)
    owner = enter()
    owner.goto("/console/settings/audit?action=member.phone_seen")
    expect(owner.locator("tr[data-row]").first).to_contain_text("回访售后工单 88")


def test_a_look_at_personal_attributes_is_called_what_it_is(shop: Shop, enter: Enter) -> None:
    page = enter("service")
    go(page, lin_of(shop))
    page.get_by_role("button", name="显示个人信息").click()
    page.locator("#confirm button[value=yes]").click()
    expect(page.locator(".gx-masked")).to_have_count(0)
    owner = enter()
    owner.goto("/console/settings/audit?action=member.attributes_seen")
    expect(owner.locator("tr[data-row]").first).to_contain_text("查看会员的个人属性")


def test_a_role_without_personal_data_sees_none(shop: Shop, enter: Enter) -> None:
    page = enter("analyst")
    go(page, f"{lin_of(shop)}?tab=identities")
    expect(page.get_by_text("139****4007").first).to_be_visible()
    expect(page.get_by_text("查看", exact=True)).to_have_count(0)
    expect(page.get_by_text("撤销这次合并")).to_have_count(0)
    expect(page.get_by_role("button", name="导出")).to_have_count(0)
    expect(page.get_by_role("link", name="合并会员")).to_have_count(0)
    places = page.locator("#nav .gx-place").all_inner_texts()
    assert not {"密钥", "人员与角色"} & {text.strip() for text in places}
    answer = page.goto("/console/settings/keys")
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("main")).to_contain_text("需要 管理密钥")


def test_a_dead_letter_is_mended_without_seeing_whose_it_is(shop: Shop, enter: Enter) -> None:
    page = enter("developer")
    go(page, "/console/settings/health/dead-letters")
    page.locator("tr[data-row]", has_text="properties.amount").click()
    page.locator("#panel .btn-primary").click()
    area = page.locator("#f-text")
    text = area.input_value()
    assert LIN_PHONE not in text
    assert "M1003" not in text
    area.fill(text.replace('"九十九元"', "9900,,"))
    page.get_by_role("button", name="修复并接入").click()
    expect(page.locator(".gx-error")).to_contain_text(re.compile(r"第 \d+ 行"))
    area.fill(text.replace('"九十九元"', '"还是不对"'))
    page.get_by_role("button", name="修复并接入").click()
    expect(page.locator(".gx-error")).to_contain_text("amount")
    area.fill(text.replace('"九十九元"', "9900"))
    page.get_by_role("button", name="修复并接入").click()
    expect(page.locator(".gx-notice.is-ok")).to_contain_text("已修复并接入")
    shop.project()
    made = shop.installation
    with made.database.reading() as tx:
        found = shop.members.list_members(tx, made.merchant, query="M1003").items[0]
        events = shop.members.timeline(tx, made.merchant, found.member_id, personal=True).items
    mended = next(event for event in events if event.event_id == "order-W-9")
    assert LIN_PHONE in json.dumps(mended.personal)


def test_what_is_ticked_is_tried_again_or_dropped(enter: Enter) -> None:
    page = enter()
    go(page, "/console/settings/health/dead-letters")
    rows = page.locator("tr[data-row]")
    before = rows.count()
    rows.filter(has_text="phone (masked)").locator("[data-select]").check()
    expect(page.locator("#bulk")).to_contain_text("已选 1 项")
    page.locator("#bulk").get_by_text("重试").click()
    expect(page.locator(".gx-toast")).to_contain_text("仍有 1 条无法接入")
    expect(rows).to_have_count(before)
    rows.filter(has_text="phone (masked)").locator("[data-select]").check()
    page.locator("#bulk").get_by_text("丢弃").click()
    page.locator("#confirm button[value=yes]").click()
    expect(rows).to_have_count(before - 1)


def test_parked_work_is_tried_again(enter: Enter) -> None:
    page = enter()
    go(page, "/console/settings/health/stuck")
    page.locator("tr[data-row] [data-select]").check()
    page.locator("#bulk").get_by_text("重试").click()
    expect(page.locator(".gx-toast")).to_contain_text("1 项将立即重试")
    expect(page.locator(".gx-empty")).to_be_visible()


def test_a_key_is_shown_once_and_revoked(enter: Enter) -> None:
    page = enter()
    page.goto("/console/settings/keys/new")
    page.fill("#f-name", "小程序")
    page.fill("#f-channel", "Not A Slug")
    page.get_by_role("button", name="创建密钥").click()
    expect(page.locator("#f-channel-error")).to_be_visible()
    page.fill("#f-channel", "mini-program")
    page.get_by_role("button", name="创建密钥").click()
    expect(page.locator(".gx-secret")).to_contain_text("gx_wk_")
    page.get_by_role("link", name="已保存，继续").click()
    assert "gx_wk_" not in page.locator(".gx-secret").all_inner_texts()
    page.locator("tr[data-row]", has_text="小程序").click()
    page.locator("#panel").get_by_text("吊销", exact=True).click()
    page.locator("#confirm button[value=yes]").click()
    page.wait_for_url("**done=revoked")
    expect(page.locator("tr[data-row]", has_text="小程序")).to_contain_text("已吊销")


def test_somebody_is_added_and_signs_in(enter: Enter) -> None:
    page = enter()
    page.goto("/console/settings/people/new")
    page.fill("#f-name", "钱财务")
    page.fill("#f-login", "finance")
    page.fill("#f-password", "short")
    page.locator("[name=roles][value=finance]").check()
    page.locator("main button[type=submit]").click()
    expect(page.locator("#f-password-error")).to_contain_text("10")
    page.fill("#f-password", "a long enough one")
    page.locator("main button[type=submit]").click()
    expect(page.locator("tr[data-row]", has_text="钱财务")).to_contain_text("财务")
    other = enter("")
    sign_in(other, "finance", "a long enough one")
    other.wait_for_url("**/console")
    expect(other.locator("#nav")).not_to_contain_text("会员")


def test_one_who_works_for_two_shops_changes_between_them(enter: Enter) -> None:
    page = enter("")
    sign_in(page, "owner")
    go(page, "/console")
    page.locator(".gx-merchant summary").click()
    page.get_by_role("button", name="山野茶铺").click()
    expect(page.locator(".gx-note")).to_contain_text("演示数据")
    expect(page.locator(".gx-empty")).to_contain_text("还没有数据")
    page.goto("/console/members")
    expect(page.locator(".gx-empty")).to_contain_text("还没有会员")


def test_the_language_changes_by_one_click(enter: Enter) -> None:
    page = enter()
    go(page, "/console/members")
    page.locator("summary[aria-label=语言]").click()
    page.locator(".gx-item", has_text="English").click()
    expect(page.locator("h1")).to_have_text("Members")
    page.goto("/console/settings/health")
    expect(page.locator("h1")).to_have_text("Data health")
    expect(page.locator("main")).to_contain_text("The lake cannot be written")


def test_the_keyboard_leads_everywhere(enter: Enter) -> None:
    page = enter()
    go(page, "/console")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_contain_text("数据健康")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    # The two keys belong together for a second only, which a busy machine may let pass between them.
    for _ in range(10):
        page.keyboard.press("g")
        page.keyboard.press("m")
        page.wait_for_timeout(1_500)
        if page.url.endswith("/console/members"):
            break
    page.wait_for_url("**/console/members")
    page.wait_for_selector("[data-htmx-powered]", state="attached")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#panel [data-panel-title]")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type(NAMES[6])
    expect(page.locator("tr[data-row]")).to_have_count(1)


def test_a_phone_has_everything_within_reach(enter: Enter) -> None:
    page = enter(width=390)
    go(page, "/console")
    page.locator("[data-nav-open]").click()
    page.locator("#nav a", has_text="会员").click()
    page.wait_for_url("**/console/members")
    page.wait_for_selector("[data-htmx-powered]", state="attached")
    page.locator("tr[data-row]").first.click()
    expect(page.locator("#panel")).to_be_visible()
    box = page.locator("#panel").bounding_box()
    assert box is not None
    assert box["width"] == 390
    page.locator("#panel .btn-primary").click()
    page.wait_for_url("**/console/members/mbr_*")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_person_is_erased_once_their_name_is_typed(shop: Shop, enter: Enter) -> None:
    page = enter()
    go(page, f"/console/members?q={NAMES[23]}")
    page.locator("tr[data-row] .gx-open").click()
    page.locator("#panel .btn-primary").click()
    page.wait_for_url("**/console/members/mbr_*")
    page.wait_for_selector("[data-htmx-powered]", state="attached")
    page.get_by_role("link", name="删除个人信息").click()
    page.locator("#panel #f-typed").fill("不对")
    page.locator("#panel button.btn-danger").click()
    expect(page.locator("#f-typed-error")).to_be_visible()
    page.fill("#f-typed", NAMES[23])
    page.locator("button.btn-danger").click()
    page.wait_for_url("**/console/members?done=erasing")
    page.goto(f"/console/members?q={NAMES[23]}")
    expect(page.locator("tr[data-row]")).to_have_count(0)


def test_everything_known_of_a_member_can_be_taken_along(shop: Shop, enter: Enter) -> None:
    page = enter()
    go(page, lin_of(shop))
    with page.expect_download() as taken:
        page.get_by_role("button", name="导出").click()
    document = json.loads(taken.value.path().read_text(encoding="utf-8"))
    assert LIN_PHONE in {one.get("value") for one in document["identities"]}
