"""Building an audience in a real browser: by picking alone, by writing, and what each side makes of the other."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import FilePayload, Page, expect

from guanxi.customers.audiences.service import Audiences
from tests.e2e.console.shop import Shop
from tests.e2e.console.test_ways import go

pytestmark = pytest.mark.browser

Enter = Callable[..., Page]
SPENT = "sum(order.paid.amount, 90d) >= ¥500"


def size_of(shop: Shop, rule: str) -> int:
    audiences, merchant = shop.context.service(Audiences), shop.installation.merchant
    return audiences.count(merchant, audiences.rule(merchant, rule)).members


@pytest.mark.parametrize("width", [1440, 390])
def test_who_never_saw_the_language_builds_an_audience_by_picking(
    shop: Shop, enter: Enter, width: int
) -> None:
    page = enter(width=width)
    go(page, "/console/audiences")
    page.locator(".gx-actions").get_by_role("link", name="新建人群").click()
    page.get_by_label("条件对象").focus()
    page.get_by_label("条件对象").select_option(label="支付订单")
    expect(page.get_by_label("统计什么")).to_be_visible()
    expect(page.get_by_label("条件对象")).to_be_focused()
    page.get_by_label("统计什么").select_option(label="实付金额合计")
    expect(page.locator(".gx-lack")).to_have_text("填好后计入。")
    page.get_by_label("值", exact=True).press_sequentially("500", delay=20)
    expect(page.locator("#f-rule")).to_have_value(SPENT)
    expect(page.locator(".gx-sentence")).to_have_text("近 90 天支付订单的实付金额合计不少于 ¥500.00")
    expect(page.locator(".gx-counted b")).to_have_text(str(size_of(shop, SPENT)))
    expect(page.locator(".gx-some li")).to_have_count(10)
    expect(page.locator(".gx-lack")).to_have_count(0)
    expect(page.get_by_label("值", exact=True)).to_be_focused()
    expect(page.get_by_label("值", exact=True)).to_have_value("500")
    page.get_by_label("中文名称").fill(f"点选 {width}")
    page.get_by_label("英文名称").fill(f"Picked {width}")
    page.get_by_role("button", name="保存…").click()
    expect(page.locator(".gx-notice")).to_contain_text(f"将新建人群 picked_{width}")
    page.get_by_role("button", name="确认保存").click()
    page.wait_for_url(f"**/console/audiences/picked_{width}?done=saved")
    expect(page.locator("h1")).to_have_text(f"点选 {width}")
    expect(page.locator("#members .gx-ask")).to_have_count(size_of(shop, SPENT))


def test_a_mistake_is_mended_by_a_click_and_shows_as_conditions(enter: Enter) -> None:
    page = enter()
    go(page, "/console/audiences/new")
    page.locator("#f-rule").press_sequentially("spent_90 >= ¥100 and stage = 'loyal'", delay=5)
    expect(page.locator(".gx-faults mark")).to_have_text("spent_90")
    page.get_by_role("button", name="改为 spent_90d").click()
    expect(page.locator("#f-rule")).to_have_value("spent_90d >= ¥100 and stage = 'loyal'")
    expect(page.locator(".gx-condition")).to_have_count(2)
    expect(page.locator("[name='value@0']")).to_have_value("100")
    expect(page.locator("[name='value@1']")).to_have_value("loyal")
    page.locator("[name='value@1']").select_option("asleep")
    expect(page.locator("#f-rule")).to_have_value("spent_90d >= ¥100 and stage = 'asleep'")


def test_conditions_are_added_grouped_and_taken_off(enter: Enter) -> None:
    page = enter()
    go(page, "/console/audiences/new")
    page.get_by_role("button", name="消费满…").click()
    page.locator("[name='value@0']").fill("300")
    expect(page.locator("#f-rule")).to_have_value("sum(order.paid.amount, 90d) >= ¥300")
    page.get_by_role("button", name="条件组").click()
    page.locator("[name='subject@1.0']").select_option("attribute:stage")
    page.locator("[name='op@1.0']").select_option("in")
    for label in ("复购", "活跃"):
        page.locator(".gx-pick").get_by_text(label).click()
    rule = "sum(order.paid.amount, 90d) >= ¥300 and stage in ('loyal', 'active')"
    expect(page.locator("#f-rule")).to_have_value(rule)
    page.locator(".gx-of.is-inner").get_by_role("button", name="条件", exact=True).click()
    page.locator("[name='subject@1.1']").select_option("audience:gifted")
    expect(page.locator("#f-rule")).to_have_value(re.compile(r"\(stage in .* or in_audience\('gifted'\)\)$"))
    page.get_by_role("button", name="移除这个条件").first.click()
    expect(page.locator("#f-rule")).to_have_value("stage in ('loyal', 'active') or in_audience('gifted')")
    # The rows moved up, and each shows what it says.
    expect(page.locator("[name='subject@0.0']")).to_have_value("attribute:stage")
    expect(page.locator("[name='subject@0.1']")).to_have_value("audience:gifted")
    page.locator("[name='join@0']").select_option("and")
    expect(page.locator("#f-rule")).to_have_value("stage in ('loyal', 'active') and in_audience('gifted')")


def test_a_box_keeps_the_size_it_was_pulled_to_and_nobody_complains(enter: Enter) -> None:
    page = enter()
    go(page, "/console/audiences/new")
    rule = page.locator("#f-rule")
    rule.evaluate("box => { box.style.height = '321px'; }")
    page.get_by_label("条件对象").select_option(label="支付订单")
    page.get_by_label("值", exact=True).fill("5")
    expect(rule).to_have_value("count(order.paid, 90d) >= 5")
    assert rule.evaluate("box => box.style.height") == "321px"


def test_what_is_ticked_is_in_sight(enter: Enter) -> None:
    page = enter(width=390)
    go(page, "/console/audiences/new?rule=count(order.paid where channel = 'web', 30d) >= 1")
    box = page.locator(".gx-pick")
    # More choices than fit, the ticked one last.
    box.evaluate(
        "box => { const one = box.querySelector('label:not(:has(:checked))') || box.firstElementChild;"
        " for (let n = 0; n < 60; n++) box.querySelector('legend').after(Object.assign(one.cloneNode(true), {})); "
        " box.querySelectorAll('label:not(:last-child) input').forEach(one => { one.checked = false; }); box.scrollTop = 0; }"
    )
    page.get_by_label("值", exact=True).fill("2")
    expect(page.locator("#f-rule")).to_have_value(re.compile(">= 2$"))
    inside = "box => { const a = box.getBoundingClientRect(), b = box.querySelector('label:last-child').getBoundingClientRect(); return b.top >= a.top && b.bottom <= a.bottom + 1; }"
    assert box.evaluate(inside)


def test_why_opens_beside_the_members(enter: Enter) -> None:
    page = enter()
    go(page, "/console/audiences/loyal_in_shanghai")
    page.locator("#members .gx-ask").first.click()
    panel = page.locator("#panel")
    expect(panel.locator(".gx-verdict-line")).to_contain_text("在人群中")
    expect(panel.locator(".gx-why")).to_contain_text("生命周期阶段为 复购")
    expect(panel.locator(".gx-why code").last).to_have_text("上海")


def test_overlap_follows_what_is_chosen(shop: Shop, enter: Enter) -> None:
    page = enter()
    go(page, "/console/audiences/overlap?one=big_spenders&other=best")
    page.get_by_label("另一个人群").select_option("gifted")
    page.wait_for_url("**other=gifted")
    both = size_of(shop, "in_audience('big_spenders') and in_audience('gifted')")
    expect(page.locator(".gx-parts b").nth(1)).to_have_text(str(both))


def test_a_list_takes_a_file(enter: Enter) -> None:
    page = enter()
    page.goto("/console/audiences/put/gifted")
    page.get_by_label("每行是什么").select_option("member_no")
    file = FilePayload(name="list.csv", mimeType="text/csv", buffer=b"M1009\n\n M1010 \n")
    page.set_input_files("#f-file", file)
    page.get_by_role("button", name="导入", exact=True).click()
    expect(page.locator(".gx-facts")).to_contain_text("新加入名单")


def test_an_export_downloads(enter: Enter) -> None:
    page = enter()
    go(page, "/console/audiences/big_spenders")
    page.get_by_role("link", name="导出").click()
    page.locator("#panel").get_by_text("近 90 天消费").click()
    with page.expect_download() as started:
        page.locator("#panel").get_by_role("button", name="下载").click()
    text = started.value.path().read_text(encoding="utf-8-sig")
    assert text.splitlines()[0] == "member_id,spent_90d"
