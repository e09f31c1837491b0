"""The shell in a real browser: strict policy, keyboard, panel, tray, charts, both themes, a phone's width."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.console.guide import build
from tests.support import find_chromium

pytestmark = pytest.mark.browser

PAGES = ("/console?note=1", "/console/members", "/console/one", "/console/parts", "/console/sign-in?demo=1")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build(), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=str(find_chromium()), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(base_url=address, viewport={"width": 1440, "height": 900}, locale="zh-CN")
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def go(page: Page, path: str) -> None:
    """Open a page of the shell and wait until htmx has taken it over, which is a moment after it is loaded."""
    page.goto(path)
    page.wait_for_selector("[data-htmx-powered]", state="attached")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_fits_and_breaks_no_policy(page: Page, scheme: str, width: int, tmp_path: Path) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 844})
    for number, path in enumerate(PAGES):
        page.goto(path, wait_until="networkidle" if "sign-in" in path else "load")
        assert page.locator("html").get_attribute("data-bs-theme") == scheme
        for chart in page.locator("[data-chart]").all():
            expect(chart.locator("svg")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.screenshot(path=tmp_path / f"{number}-{scheme}-{width}.png", full_page=True)


def test_a_row_opens_beside_the_list_and_the_keyboard_leads_back(page: Page) -> None:
    go(page, "/console/members")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    title = page.locator("#panel [data-panel-title]")
    expect(title).to_have_text("林晓彤")
    expect(title).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("tr[data-row]:nth-child(2) a.gx-open")).to_be_focused()
    page.locator("tr[data-row]:nth-child(5) td:nth-child(6)").click()
    expect(page.locator("tr.is-open")).to_have_count(1)
    with page.context.expect_page() as other:
        page.locator("tr[data-row]:nth-child(3) td:nth-child(6)").click(modifiers=["ControlOrMeta"])
    assert other.value.url.endswith("/console/one")


def test_search_sort_and_pages_are_addresses(page: Page) -> None:
    go(page, "/console/members")
    page.keyboard.press("/")
    page.keyboard.type("林")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    page.wait_for_url("**/members?q=%E6%9E%97&sort=-spent")
    go(page, "/console/members")
    page.locator("th a", has_text="最近付款").click()
    page.wait_for_url("**/members?sort=-last")
    page.keyboard.press("n")
    page.wait_for_url("**/members?sort=-last&cursor=next")
    expect(page.locator("[data-next]")).to_have_count(0)
    page.keyboard.press("p")
    page.wait_for_url("**/members?sort=-last")
    expect(page.locator("[data-next]")).to_be_visible()


def test_letters_lead_to_places_and_help_lists_them(page: Page) -> None:
    go(page, "/console")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_contain_text("会员")
    page.locator("#help button").click()
    # The two keys belong together for a second only, which a busy machine may let pass between them.
    for _ in range(10):
        page.keyboard.press("g")
        page.keyboard.press("m")
        page.wait_for_timeout(1_500)
        if page.url.endswith("/console/members"):
            break
    page.wait_for_url("**/console/members")
    expect(page.locator("#nav [aria-current=page]")).to_have_text("会员")


def test_selecting_shows_the_bar_and_columns_are_remembered(page: Page) -> None:
    go(page, "/console/members")
    page.locator("[data-select-all]").check()
    expect(page.locator("#bulk")).to_contain_text("已选 12 项")
    page.locator("[data-select-none]").click()
    expect(page.locator("#bulk")).to_be_hidden()
    page.locator(".gx-actions .gx-menu summary").click()
    page.locator("[data-columns] input[value=tier]").uncheck()
    page.reload()
    expect(page.locator("th[data-column=tier]")).to_be_hidden()
    expect(page.locator("th[data-column=orders]")).to_be_visible()


def test_a_change_asks_first_and_says_what_it_did(page: Page) -> None:
    go(page, "/console/one")
    page.get_by_role("button", name="拆开").click()
    page.locator("#confirm button[value=no]").click()
    expect(page.locator(".gx-toast")).to_have_count(0)
    page.get_by_role("button", name="拆开").click()
    with page.expect_request("**/console/undo") as sent:
        page.locator("#confirm button[value=yes]").click()
    assert sent.value.headers["x-csrf-token"] == "token"
    expect(page.locator(".gx-toast")).to_contain_text("已发出一张券")


def test_the_tray_stays_open_while_it_refreshes(page: Page) -> None:
    go(page, "/console")
    page.locator("#tray summary").click()
    with page.expect_response("**/console/tray"):
        pass
    expect(page.locator("#tray-menu")).to_have_attribute("open", "")
    expect(page.locator("#tray")).to_contain_text("42%")


def test_theme_navigation_and_language_are_kept(page: Page) -> None:
    go(page, "/console")
    line = page.locator("[data-chart] path").first
    before = line.get_attribute("stroke")
    assert before
    page.locator("summary[aria-label=外观]").click()
    page.locator(".gx-item[data-theme-set=dark]").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(line).not_to_have_attribute("stroke", before)  # charts are drawn with the next frame
    page.locator("[data-nav-slim]").click()
    page.locator("summary[aria-label=语言]").click()
    page.locator(".gx-item", has_text="English").click()
    go(page, "/console/members")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.locator("html")).to_have_attribute("data-nav", "slim")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_phone_has_everything_within_reach(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    go(page, "/console")
    page.locator("[data-nav-open]").click()
    page.locator("#nav a", has_text="会员").click()
    page.wait_for_url("**/console/members")
    page.locator("tr[data-row]").first.click()
    box = page.locator("#panel").bounding_box()
    assert box is not None
    assert box["width"] == 390
    page.locator("[data-panel-close]").click()
    page.locator(".gx-find").click()
    page.keyboard.type("138")
    page.keyboard.press("Enter")
    page.wait_for_url("**/members?q=138")
