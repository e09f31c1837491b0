"""Writing, applying and taking back definitions in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Enter = Callable[..., Page]
HERE = "/console/definitions"
FRIENDLY = "kind: trait\nkey: tea_60d\nlabel: {zh: 近 60 天订单, en: Bought in 60 days}\nvalue: count(order.paid, 60d)\n"


def go(page: Page, path: str) -> None:
    """Open a page and wait until htmx has taken it over."""
    page.goto(path)
    page.wait_for_selector("[data-htmx-powered]", state="attached")


def test_a_definition_is_written_mended_seen_and_applied(enter: Enter) -> None:
    page = enter()
    go(page, f"{HERE}/new")
    page.fill("#f-text", FRIENDLY.replace("order.paid", "order.payd"))
    problem = page.locator(".gx-problems button")
    expect(problem).to_have_text("第 4 行第 14 列")
    expect(page.locator(".gx-gutter .is-bad")).to_have_text("4")
    expect(page.get_by_role("button", name="确认生效")).to_be_hidden()
    problem.click()
    at = FRIENDLY.index("order.paid")
    assert page.evaluate("document.activeElement.selectionStart") == at
    page.fill("#f-text", FRIENDLY)
    expect(page.locator("#plan")).to_contain_text("将新增 1 个标签")
    expect(page.locator("#effect table")).to_contain_text("近 60 天订单")
    page.fill("#f-why", "看两个月")
    page.get_by_role("button", name="确认生效").click()
    page.wait_for_url(f"**{HERE}/trait/tea_60d?done=applied")
    expect(page.locator(".gx-notice.is-ok")).to_contain_text("已生效")
    go(page, f"{HERE}/trait/tea_60d/edit")
    expect(page.locator("#plan")).to_contain_text("内容与现状相同")
    page.fill("#f-text", FRIENDLY.replace("60d)", "61d)"))
    expect(page.locator(".gx-diff .is-add")).to_contain_text("61d)")
    page.fill("#f-why", "多一天")
    page.get_by_role("button", name="确认生效").click()
    page.wait_for_url("**?done=applied")
    page.get_by_role("link", name="退回此版").click()
    expect(page.locator("#effect table")).to_contain_text("近 60 天订单")
    page.fill("#f-why", "还是六十天")
    page.get_by_role("button", name="确认退回").click()
    page.wait_for_url("**?done=back")
    page.select_option("select[name=from]", "1")
    expect(page.locator("#diff")).to_contain_text("两份原文相同")


def test_several_files_are_put_into_the_text(enter: Enter, tmp_path: Path) -> None:
    first, second = tmp_path / "traits.yaml", tmp_path / "audiences.yaml"
    first.write_text("---\nkind: trait\nkey: from_file\nvalue: count(order.paid, 5d)\n", encoding="utf-8")
    second.write_text("kind: audience\nkey: of_file\nrule: from_file >= 1\n", encoding="utf-8")
    page = enter()
    go(page, f"{HERE}/new")
    page.set_input_files("[data-upload]", [first, second])
    expect(page.locator("#plan")).to_contain_text("将新增 1 个标签，新增 1 个人群")
    expect(page.locator("#f-text")).to_have_value(
        "# traits.yaml\nkind: trait\nkey: from_file\nvalue: count(order.paid, 5d)\n---\n"
        "# audiences.yaml\nkind: audience\nkey: of_file\nrule: from_file >= 1\n"
    )


def test_members_are_filtered_by_a_rule(enter: Enter) -> None:
    page = enter()
    go(page, "/console/members")
    page.fill("input[name=rule]", "stage = 'loyal'")
    page.press("input[name=rule]", "Enter")
    expect(page.locator(".gx-chips")).to_contain_text("生命周期阶段")
    expect(page.get_by_role("link", name="存为人群")).to_be_visible()
    page.locator("tr[data-row] .gx-open").first.click()
    expect(page.locator("#panel")).to_be_visible()


def test_members_are_filtered_by_a_stage_with_the_keyboard(enter: Enter) -> None:
    page = enter()
    go(page, "/console/members")
    stages = page.get_by_label("阶段与等级")
    stages.focus()
    # Passing by a value on the way to the one that is meant, faster than it is answered.
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".gx-chips")).to_contain_text("生命周期阶段为 复购")
    assert page.url.endswith("/console/members?rule=stage+%3D+%27loyal%27")
    expect(stages).to_be_focused()
    expect(page.locator("input[name=rule]")).to_have_value("stage = 'loyal'")
    page.fill("input[name=rule]", "stage <> 'loyal'")
    page.press("input[name=rule]", "Enter")
    expect(stages).to_have_value("")


def test_a_members_page_says_what_is_known_and_why(enter: Enter) -> None:
    page = enter()
    go(page, "/console/members?q=M1001")
    page.goto(page.locator("tr[data-row] .gx-open").first.get_attribute("href") or "")
    known = page.locator("#known")
    expect(known).to_contain_text("复购")
    known.locator(".gx-ask").first.click()
    expect(page.locator("#panel .gx-why")).to_be_visible()


def test_a_trait_is_written_as_a_form_and_as_a_text(enter: Enter) -> None:
    page = enter()
    go(page, f"{HERE}/new?kind=trait")
    page.locator("[data-form-view] summary").click()
    expect(page.locator("#f-f_value")).to_have_value("count(order.paid, 7d)")
    page.fill("#f-f_value", "count(order.paid, 9d)")
    expect(page.locator("#f-text")).to_have_value(re.compile(r"value: count\(order\.paid, 9d\)"))
    expect(page.locator("#plan .gx-diff")).to_contain_text("9d)")
    page.check("input[value=stages]")
    row = page.locator(".gx-inputs tbody tr").first
    row.locator("[name=f_stage_value]").fill("busy")
    row.locator("[name=f_stage_when]").fill("count(order.paid, 9d) > 2")
    expect(page.locator("#plan .gx-diff")).to_contain_text("when: count(order.paid, 9d) > 2")
    expect(page.locator("#f-text")).not_to_have_value(re.compile(r"^value:", re.MULTILINE))
    page.locator("#f-text").press("End")
    page.keyboard.type(" ")
    expect(page.locator("#f-f_zh")).to_be_hidden()
