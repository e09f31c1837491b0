"""Every page in a real browser: it fits, breaks no policy, reads well; pictures of each are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.conftest import SCREENSHOTS
from tests.e2e.console.shop import Shop

pytestmark = pytest.mark.browser

ENGLISH = ("Members", "Overview", "Settings", "Orders", "Nothing", "Search", "Cancel", "Save", "Loading")
"""Words that stand in no Chinese page."""

CONTRAST = """() => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const seen = new Map();
  const number = (colour) => {  // the canvas reads every way to write a colour
    if (!seen.has(colour)) {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
      seen.set(colour, [r, g, b, a / 255]);
    }
    return seen.get(colour);
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const under = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null;
      const [r, g, b, a] = number(style.backgroundColor);
      if (a === 1) return [r, g, b];
      if (a > 0) return null;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const faint = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility() || element.closest("svg, .visually-hidden, script, style, option")) continue;
    const style = getComputedStyle(element);
    if (element.closest("[disabled]") || number(style.color)[3] < 1) continue;
    const ground = under(element);
    if (!ground) continue;
    const [a, b] = [light(number(style.color)), light(ground)].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5)) faint.push(text.slice(0, 40));
  }
  return faint;
}"""


def paths(shop: Shop) -> Iterator[tuple[str, str]]:
    """Every page with a name for its picture."""
    made = shop.installation
    with made.database.reading() as tx:
        lin, zhou = (
            shop.members.list_members(tx, made.merchant, query=number).items[0].member_id
            for number in ("M1001", "M1002")
        )
        everybody = shop.members.list_members(tx, made.merchant, visitors=True, limit=100).items
        visitor = next(one.member_id for one in everybody if not one.known)
    yield "home", "/console"
    yield "members", "/console/members"
    yield "nobody", "/console/members?q=没有这个人"
    yield "member", f"/console/members/{lin}"
    yield "identities", f"/console/members/{lin}?tab=identities"
    yield "consent", f"/console/members/{lin}?tab=consent"
    yield "join", f"/console/members/{lin}/join"
    yield "join-nobody", f"/console/members/{lin}/join?q=没有这个人"
    yield "join-refused", f"/console/members/{lin}/join/{zhou}"
    yield "join-preview", f"/console/members/{lin}/join/{visitor}"
    yield "erase", f"/console/members/{lin}/erase"
    yield "loop", "/console/loop"
    yield "picked", "/console/members?audience=big_spenders&rule=stage+%3D+'loyal'"
    yield "wrong-rule", "/console/members?rule=stag+%3D+1"
    yield "audiences", "/console/audiences"
    yield "audience", "/console/audiences/best"
    yield "new-audience", "/console/audiences/new?example=away"
    yield "edit-audience", "/console/audiences/loyal_in_shanghai/edit"
    yield "new-list", "/console/audiences/new?static=yes"
    yield "delete-audience", "/console/audiences/gifted/delete"
    yield "export-audience", "/console/audiences/best/export"
    yield "put", "/console/audiences/put/gifted"
    yield "overlap", "/console/audiences/overlap?one=big_spenders&other=gifted"
    yield "why", f"/console/audiences/best/why/{lin}"
    yield "definitions", "/console/definitions"
    yield "definition", "/console/definitions/trait/stage"
    yield "new-definition", "/console/definitions/new?kind=audience"
    yield "remove-definition", "/console/definitions/audience/best/remove"
    yield "in-use", "/console/definitions/trait/stage/remove"
    yield "releases", "/console/definitions/releases"
    yield "release", "/console/definitions/releases/1"
    yield "restore", "/console/definitions/releases/1/restore"
    yield "health", "/console/settings/health"
    yield "dead-letters", "/console/settings/health/dead-letters"
    yield "parked", "/console/settings/health/stuck"
    yield "accounts", "/console/settings/accounts"
    yield "account", "/console/settings/accounts/web-shop"
    yield "keys", "/console/settings/keys"
    yield "new-key", "/console/settings/keys/new"
    yield "people", "/console/settings/people"
    yield "new-person", "/console/settings/people/new"
    yield "role", "/console/settings/roles/new"
    yield "audit", "/console/settings/audit"
    yield "me", "/console/me"


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [(1440, "light", "zh"), (390, "dark", "zh"), (1440, "dark", "en"), (390, "light", "en")],
)
def test_every_page_fits_and_can_be_read(
    shop: Shop, enter: Callable[..., Page], width: int, scheme: str, language: str
) -> None:
    page = enter(width=width, scheme=scheme)
    page.goto(f"/console?lang={language}")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for name, path in paths(shop):
        page.goto(path)
        expect(page.locator("[aria-busy=true]:visible")).to_have_count(0, timeout=30_000)
        for chart in page.locator("[data-chart]").all():
            expect(chart.locator("svg")).to_be_visible()
        assert page.locator("html").get_attribute("data-bs-theme") == scheme
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate(CONTRAST) == [], name
        if language == "zh":
            text = page.locator("body").inner_text()
            assert [word for word in ENGLISH if word in text] == [], name
        page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}-{language}.png", full_page=True)
