"""The tray of long work in a real browser: it follows one from page to page, is reached by keyboard, fits a phone."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from guanxi.console.work import asking
from guanxi.customers.audiences.service import Audiences
from guanxi.kernel.clock import SECOND
from tests.e2e.console.shop import Shop, phone_of

pytestmark = pytest.mark.browser

Enter = Callable[..., Page]


@pytest.fixture
def gate(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nobody waits, and a list is put in only as far as 600 lines until a test lets it go on."""
    monkeypatch.setattr(asking, "PATIENCE", 0)
    audiences, go_on = shop.context.service(Audiences), threading.Event()
    put = audiences.put

    def slowly(*given: object, **named: object) -> object:
        step = named["on_progress"]
        assert callable(step)
        step(600)
        shop.installation.clock.move(3 * SECOND)
        while not go_on.wait(0.02):
            step(600)
        return put(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(audiences, "put", slowly)
    yield go_on
    go_on.set()


def upload(page: Page, tmp_path: Path) -> None:
    """Put a file of a thousand lines on a list."""
    file = tmp_path / "fair.csv"
    file.write_text("\n".join([phone_of(1), phone_of(2), *(f"bad-{line}" for line in range(998))]))
    page.goto("/console/audiences/put/gifted")
    page.select_option("#f-kind", "phone")
    page.set_input_files("#f-file", file)
    page.get_by_role("button", name="导入", exact=True).click()


def test_the_tray_follows_to_its_result(enter: Enter, gate: threading.Event, tmp_path: Path) -> None:
    page = enter()
    upload(page, tmp_path)
    page.wait_for_url("**/console/audiences/gifted")
    expect(page.locator(".gx-toast")).to_contain_text("可以离开本页")
    tray = page.locator("#tray")
    expect(tray.locator(".gx-count")).to_have_text("1")
    page.goto("/console/members")
    summary = tray.locator("summary")
    expect(summary).to_have_attribute("aria-label", "后台任务")
    summary.focus()
    page.keyboard.press("Enter")
    expect(tray.locator(".gx-job")).to_contain_text("导入名单「礼盒名单」")
    expect(tray.locator(".gx-job")).to_contain_text(re.compile(r"60%.*200 行/秒"))
    expect(tray.locator("progress")).to_have_attribute("value", "60")
    expect(tray.get_by_role("status")).to_have_text("正在进行 1 项后台任务")
    page.keyboard.press("Tab")
    expect(tray.get_by_role("button", name="取消")).to_be_focused()
    with page.expect_response("**/console/work/tray**"):
        pass
    expect(tray.get_by_role("button", name="取消")).to_be_focused()
    gate.set()
    expect(page.locator(".gx-toast")).to_contain_text("已完成")
    expect(tray.get_by_role("status")).to_have_text("后台任务已全部结束")
    with page.expect_download() as report:
        tray.get_by_role("link", name="问题行").click()
    assert len(report.value.path().read_text("utf-8-sig").splitlines()) == 999
    tray.get_by_role("link", name="查看结果").click()
    page.wait_for_url("**/console/audiences/put/gifted?done=**")
    expect(page.locator("main")).to_contain_text("导入结果")


def test_work_is_cancelled_on_a_phone(enter: Enter, gate: threading.Event, tmp_path: Path) -> None:
    page = enter(width=390, scheme="dark")
    upload(page, tmp_path)
    page.wait_for_url("**/console/audiences/gifted")
    tray = page.locator("#tray")
    tray.locator("summary").click()
    drop = tray.locator(".gx-jobs")
    expect(drop).to_contain_text("行/秒")
    box = drop.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tray.get_by_role("button", name="取消").first.click()
    expect(drop.locator(".gx-job").first).to_contain_text("已取消")
    expect(tray.locator(".gx-count")).to_have_count(0)
