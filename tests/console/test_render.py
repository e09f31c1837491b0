from __future__ import annotations

import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guanxi.console import assets
from guanxi.console.render import CONTENT_SECURITY_POLICY, Console, View, render, toast, viewing
from guanxi.console.shell import ListView, Place, draw
from tests.console.client import Client
from tests.console.guide import NOW, build

PAGES = (
    "/console",
    "/console/members?q=1",
    "/console/one",
    "/console/one?tab=orders",
    "/console/parts",
    "/console/tray",
    "/console/sign-in?demo=1&wrong=1",
    "/console/fault/403",
    "/console/fault/404",
    "/console/fault/500",
)
SHOWN_ATTRIBUTES = {
    "aria-label",
    "title",
    "placeholder",
    "alt",
    "data-copied",
    "data-failed",
    "data-undo",
    "data-close",
}


@pytest.fixture(scope="module")
def app() -> Starlette:
    return build()


@pytest.fixture
def client(app: Starlette) -> Client:
    return Client(app)


class Reader(HTMLParser):
    """Collects what a reader sees or hears, and what a strict policy would refuse."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.refused: list[str] = []
        self.ids: list[str] = []
        self._hidden = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._hidden += tag in {"script", "style", "code", "kbd"}
        self.texts += [value for key, value in attrs if key in SHOWN_ATTRIBUTES and value]
        self.ids += [given["id"] or ""] if "id" in given else []
        self.refused += [f"{tag} {key}" for key in given if key == "style" or key.startswith(("on", "hx-on"))]
        if tag == "script" and "src" not in given:
            self.refused.append("inline script")
        if "[" in (given.get("hx-trigger") or "") or (given.get("hx-vals") or "").startswith("js:"):
            self.refused.append(f"{tag} evaluates text")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style", "code", "kbd"}

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._hidden:
            self.texts.append(data.strip())


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_of_the_guide_renders_and_keeps_the_policy(
    client: Client, path: str, language: str
) -> None:
    answer = client.get(path, headers={"Cookie": f"gx_lang={language}"})
    page = Reader(answer.text)
    assert page.refused == []
    assert len(page.ids) == len(set(page.ids))
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-language"] == {"zh": "zh-CN", "en": "en"}[language]


@pytest.mark.parametrize("path", PAGES)
def test_chinese_pages_speak_chinese(client: Client, path: str) -> None:
    names = {"Guanxi", "English", "guanxi", "demo", "Esc", "csv", "v", "members", "read", "kB", "wrk"}
    for text in Reader(client.get(path).text).texts:
        words = set(re.findall(r"[A-Za-z]+", text)) - names
        assert not {word for word in words if len(word) > 1}, text


@pytest.mark.parametrize(
    "path", ["/console/sign-in?demo=1", "/console/fault/403", "/console/fault/404", "/console/fault/500"]
)
def test_english_pages_speak_english(client: Client, path: str) -> None:
    for text in Reader(client.get(path, params={"lang": "en"}).text).texts:
        if text != "中文" and "青禾" not in text:  # the other language and the shop call themselves so
            assert not re.search(r"[\u4e00-\u9fff]", text), text


def test_the_language_of_the_address_is_remembered(client: Client) -> None:
    fresh = Client(build())
    assert "登录" in fresh.get("/console/sign-in").text
    answer = fresh.get("/console/sign-in?lang=en")
    assert "Sign in" in answer.text
    assert "samesite=lax" in answer.headers["set-cookie"].lower()
    assert "Sign in" in fresh.get("/console/sign-in").text
    assert "set-cookie" not in fresh.get("/console/sign-in?lang=xx").headers


def test_htmx_gets_the_block_it_will_fill(client: Client) -> None:
    asked = {"HX-Request": "true", "HX-Target": "div#results"}
    part = client.get("/console/members", headers=asked)
    assert part.text.lstrip().startswith('<div class="gx-table-frame">')
    assert "HX-Target" in part.headers["vary"]
    panel = client.get("/console/one", headers={**asked, "HX-Target": "aside#panel"}).text
    assert "gx-panel-head" in panel
    assert "<html" not in panel
    assert "<html" in client.get("/console/one", headers={**asked, "HX-Target": "div#elsewhere"}).text
    assert (
        "<html"
        in client.get("/console/members", headers={**asked, "HX-History-Restore-Request": "true"}).text
    )
    assert "<html" in client.get("/console/members", headers={"HX-Target": "div#results"}).text


def test_what_people_typed_is_escaped(client: Client) -> None:
    page = client.get("/console/members", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in page
    assert html.escape("<script>alert(1)</script>") in page


def _page(source: str, tmp_path: Path) -> Client:
    (tmp_path / "page.html").write_text(source, encoding="utf-8")

    async def show(request: Request) -> Response:
        return render(request, "page.html", name="<b>", spec={"x": ['"<', "'&"]})

    app = Starlette(routes=[Route("/", show)])
    app.state.console = Console(folders=[tmp_path])
    return Client(app)


def test_a_missing_name_and_a_missing_icon_are_errors(tmp_path: Path) -> None:
    with pytest.raises(jinja2.UndefinedError):
        _page("{{ nobody }}", tmp_path).get("/")
    with pytest.raises(jinja2.UndefinedError):
        _page("{{ ui.nothing() }}", tmp_path).get("/")
    with pytest.raises(LookupError, match="no icon"):
        _page("{{ icon('nonsense') }}", tmp_path).get("/")
    with pytest.raises(LookupError, match="no static file"):
        _page("{{ asset('nonsense.css') }}", tmp_path).get("/")


def test_values_and_chart_descriptions_are_escaped(tmp_path: Path) -> None:
    page = _page("{{ name }} {{ ui.chart(spec, name) }}", tmp_path).get("/").text
    assert page.startswith("&lt;b&gt; ")
    described = re.search(r'data-chart="([^"]*)"', page)
    assert described is not None
    assert json.loads(html.unescape(described[1])) == {"x": ['"<', "'&"]}


def test_an_error_says_what_to_do_and_which_request_it_was(client: Client) -> None:
    answer = client.get("/console/fault/403")
    assert answer.status_code == 403
    assert "您无权查看此页" in answer.text
    assert "没有权限：需要 members.read。" in answer.text
    assert "01JD9Z6W3T5Q" in answer.text


def test_an_error_for_htmx_is_a_toast(client: Client) -> None:
    answer = client.get("/console/fault/403", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.text) == (403, "")
    assert json.loads(answer.headers["hx-trigger"])["gx-toast"]["text"] == "没有权限：需要 members.read。"
    broken = client.get("/console/fault/500", headers={"HX-Request": "true"})
    assert json.loads(broken.headers["hx-trigger"])["gx-toast"]["text"] == "系统出错了"


def test_a_toast_survives_a_header() -> None:
    value = toast("已撤销 “一”", undo="/console/undo")["HX-Trigger"]
    assert value.isascii()
    assert json.loads(value)["gx-toast"] == {"text": "已撤销 “一”", "tone": "ok", "undo": "/console/undo"}


def test_the_place_one_is_at_is_marked() -> None:
    places = (
        Place("home", "Home", "users", "/console"),
        Place("members", "Members", "users", "/console/members"),
        Place(
            "settings",
            "S",
            "users",
            "/console/settings",
            (Place("keys", "Keys", "key", "/console/settings/keys"),),
        ),
    )

    def active(path: str) -> list[str]:
        drawn = draw(places, path)
        return [one.place.key for shown in drawn for one in (shown, *shown.children) if one.active]

    assert active("/console") == ["home"]
    assert active("/console/members/m-1") == ["members"]
    assert active("/console/membership") == []
    assert active("/console/settings/keys/new") == ["settings", "keys"]
    assert active("/console/settings") == ["settings"]


def test_a_list_keeps_what_was_asked_in_its_address() -> None:
    view = ListView(
        path="/m",
        params=(("q", "林 a"), ("tier", "")),
        sort="spent",
        descending=True,
        cursor="c",
        next_cursor="d/e",
    )
    assert view.address() == "/m?q=%E6%9E%97+a&sort=-spent&cursor=c"
    assert view.following().endswith("&sort=-spent&cursor=d%2Fe")
    assert view.sorted_by("spent") == "/m?q=%E6%9E%97+a&sort=spent"
    assert view.sorted_by("last").endswith("sort=-last")
    assert view.without("q") == "/m?sort=-spent"


def test_static_files_are_kept_for_ever_under_their_hash(client: Client) -> None:
    kept = client.get(assets.url("guanxi.css"))
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["content-encoding"] == "gzip"
    assert kept.text == (assets.FOLDER / "guanxi.css").read_text(encoding="utf-8")
    plain = client.get("/static/old/boot.js", headers={"Accept-Encoding": "identity"})
    assert plain.headers["cache-control"] == "no-cache"
    assert "content-encoding" not in plain.headers
    for outside in ("/static/x/%2e%2e/render.py", "/static/x/..%2frender.py", "/static/x/nothing.css"):
        assert client.get(outside).status_code == 404


def test_vendored_files_are_as_they_were_published() -> None:
    for record in json.loads((assets.FOLDER / "vendor" / "vendor.json").read_text(encoding="utf-8")):
        folder = assets.FOLDER / "vendor" / record["folder"]
        present = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
        assert present == record["sha256"]
        assert any(name.startswith("LICENSE") for name in present)
        notices = (Path(__file__).parents[2] / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")
        assert f"`{record['package']}`" in notices
        assert record["version"] in notices


def test_rendering_leaves_no_reader_behind(client: Client) -> None:
    client.get("/console")
    console: Console = build().state.console
    with viewing(View("en", "UTC", NOW)):
        assert (
            console.environment.from_string("{{ 123456 | money }} {{ 12000 | compact }}").render()
            == "¥1,234.56 12k"
        )


def _tokens() -> dict[str, dict[str, str]]:
    css = (assets.FOLDER / "guanxi.css").read_text(encoding="utf-8")
    light = re.search(r":root \{(.*?)\n\}", css, re.DOTALL)
    dark = re.search(r':root\[data-bs-theme="dark"\] \{(.*?)\n\}', css, re.DOTALL)
    assert light is not None
    assert dark is not None
    found = {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block[1]))
        for name, block in (("light", light), ("dark", dark))
    }
    return {"light": found["light"], "dark": {**found["light"], **found["dark"]}}


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(char * 2 for char in digits) if len(digits) == 3 else digits
    parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(theme: str) -> None:
    tokens = _tokens()[theme]
    grounds = ("gx-ground", "gx-surface", "gx-raised", "gx-sunken", "gx-hover")
    pairs = [
        (ink, ground)
        for ink in ("gx-ink", "gx-ink-2", "gx-ink-3", "gx-accent", "gx-bad", "gx-ok")
        for ground in grounds
    ]
    pairs += [(f"gx-{tone}", f"gx-{tone}-soft") for tone in ("ok", "warn", "bad", "info", "accent")]
    pairs += [
        ("gx-ink-2", "gx-mute-soft"),
        ("gx-ink-2", "gx-accent-soft"),
        ("gx-ink", "gx-bad-soft"),
        ("tblr-primary-fg", "gx-accent"),
    ]
    pairs += [("gx-chart-quiet", "gx-surface")]
    for ink, ground in pairs:
        bright, dim = sorted((_luminance(tokens[ink]), _luminance(tokens[ground])), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, f"{ink} on {ground} in {theme}"
    for index in range(1, 7):  # graphics need 3:1
        bright, dim = sorted(
            (_luminance(tokens[f"gx-chart-{index}"]), _luminance(tokens["gx-surface"])), reverse=True
        )
        assert (bright + 0.05) / (dim + 0.05) >= 3
