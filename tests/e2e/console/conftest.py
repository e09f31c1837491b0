"""The shop behind a real server, and a real browser before it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.console.shop import PASSWORD, Shop, open_shop
from tests.support import find_chromium

SCREENSHOTS = Path(__file__).parents[3] / "build" / "screenshots"
ARGUMENTS = (
    "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync"
).split()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the pictures are."""
    if SCREENSHOTS.is_dir():
        terminalreporter.write_line(f"Screenshots / 截图: {SCREENSHOTS}")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The invented shop, one for the run."""
    with open_shop(tmp_path_factory.mktemp("e2e") / "home") as made:
        yield made


@pytest.fixture(scope="session")
def address(shop: Shop) -> Iterator[str]:
    """Where the shop's console answers."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(shop.app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=str(find_chromium()), args=ARGUMENTS)
        yield opened
        opened.close()


def sign_in(page: Page, login: str, password: str = PASSWORD) -> None:
    """Fill in the sign-in page."""
    page.goto("/console/sign-in")
    page.fill("#f-name", login)
    page.fill("#f-password", password)
    page.click("button[type=submit]")


@pytest.fixture(scope="session")
def signed_in(browser: Browser, address: str) -> Callable[[str], list[dict[str, object]]]:
    """Return the cookies of somebody who is signed in; each signs in once for the run."""
    jars: dict[str, list[dict[str, object]]] = {}

    def cookies(login: str) -> list[dict[str, object]]:
        if login not in jars:
            context = browser.new_context(base_url=address)
            page = context.new_page()
            sign_in(page, login)
            page.wait_for_url("**/console**")
            jars[login] = [dict(cookie) for cookie in context.cookies()]
            context.close()
        return jars[login]

    return cookies


@pytest.fixture
def enter(
    browser: Browser, address: str, signed_in: Callable[[str], list[dict[str, object]]]
) -> Iterator[Callable[..., Page]]:
    """Open a page as somebody; whatever the browser complained about fails the test."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(login: str = "owner", *, width: int = 1440, scheme: str = "light") -> Page:
        context = browser.new_context(
            base_url=address,
            viewport={"width": width, "height": 900 if width > 1000 else 844},
            color_scheme="dark" if scheme == "dark" else "light",
            locale="zh-CN",
        )
        opened.append(context)
        if login:
            context.add_cookies(signed_in(login))  # type: ignore[arg-type]
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    for context in opened:
        context.close()
    # Chromium calls a refused form an error of its own; the pages that are meant to refuse are the tests' business.
    assert [text for text in complaints if "status of 4" not in text] == []
