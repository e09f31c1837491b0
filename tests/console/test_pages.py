"""Who may open which page, without a browser: every route is asked by everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from guanxi.access import Permission
from guanxi.console import app as console_app
from guanxi.console.places import first_place, places_for
from guanxi.console.session import Form, Page, safe_next
from tests.console.client import Client
from tests.e2e.console.shop import LIN_PHONE, NAMES, PASSWORD, Shop, open_shop

KEYS = {"figures": "gmv", "accounts": "web-shop", "audiences": "big_spenders", "definitions": "stage"}
"""What a key names on which pages."""
OPEN = {"/", "/console/sign-in", "/console/sign-out", "/static/{version}/{path:path}"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("pages") / "home") as made:
        yield made


def everything() -> list[Page]:
    return [page for folder in console_app.FOLDERS for page in folder.pages()]


def address_of(page: Page, shop: Shop) -> str:
    """Fill a route's parts with things that exist."""
    made = shop.installation
    with made.database.reading() as tx:
        member = shop.members.list_members(tx, made.merchant, query="M1001").items[0]
        profile = shop.members.get_member(tx, made.merchant, member.member_id)
    parts = {
        "member_id": member.member_id,
        "identity_id": next(one.identity_id for one in profile.identities if one.type == "phone"),
        "key": next((key for part, key in KEYS.items() if part in page.path), "analyst"),
        "kind": "trait",
        "number": "1",
        "what": "separate",
        "merchant_id": "shop",
    }
    return re.sub(r"\{(\w+)\}", lambda match: parts.get(match[1], "0" * 32), page.path)


def sign_in(shop: Shop, login: str, *, raises: bool = True) -> Client:
    client = Client(shop.app, raises=raises)
    client.post("/console/sign-in", {"name": login, "password": PASSWORD, "next": ""})
    return client


def test_every_route_is_a_page_or_meant_to_be_open(shop: Shop) -> None:
    paths = {route.path for route in shop.app.routes if isinstance(route, Route)}
    assert paths - {page.path for page in everything()} == OPEN


def test_nobody_enters_without_a_session(shop: Shop) -> None:
    stranger = Client(shop.app)
    for page in everything():
        address = address_of(page, shop)
        answer = stranger.get(address) if page.method == "GET" else stranger.post(address, {})
        assert answer.status_code == HTTPStatus.SEE_OTHER, page.path
        assert answer.headers["location"].startswith("/console/sign-in"), page.path


def test_nothing_changes_without_the_forms_token(shop: Shop) -> None:
    client = sign_in(shop, "owner")
    for page in everything():
        if page.method == "POST":
            answer = client.post(address_of(page, shop), {"csrf": "made up"})
            assert answer.status_code == HTTPStatus.FORBIDDEN, page.path
            assert "页面已过期" in answer.text


@pytest.mark.parametrize("login", ["owner", "analyst", "service", "developer"])
def test_each_role_enters_what_it_may_and_nothing_else(shop: Shop, login: str) -> None:
    client = sign_in(shop, login)
    with shop.installation.database.reading() as tx:
        token = client.cookie("gx_session")
        visitor = shop.context.access.sessions.resolve(tx, token, shop.installation.clock.now())
    assert visitor is not None
    for page in everything():
        may = page.needs is None or visitor.may(page.needs)
        if page.method == "GET":
            answer = client.get(address_of(page, shop))
            expected = {200, 303, 404, 409} if may else {403}
            assert answer.status_code in expected, page.path
        elif not may:
            answer = client.post(address_of(page, shop), {})
            assert answer.status_code == HTTPStatus.FORBIDDEN, page.path
            assert "没有权限" in answer.text


def test_no_page_shows_a_phone_to_one_who_may_not_see_it(shop: Shop) -> None:
    for login in ("analyst", "developer", "owner"):
        client = sign_in(shop, login)
        for page in everything():
            if page.method == "GET":
                assert LIN_PHONE not in client.get(address_of(page, shop)).text, (login, page.path)


def test_one_merchant_sees_nothing_of_another(shop: Shop) -> None:
    client = sign_in(shop, "owner")
    client.post("/console/merchants/tea", {})
    for page in everything():
        if page.method == "GET" and not page.path.startswith("/console/settings/people"):
            text = client.get(address_of(page, shop)).text
            assert not [name for name in NAMES if name in text], page.path
            assert "web-shop" not in text.replace("/web-shop", "").replace("web-shop。", ""), page.path
    assert client.post("/console/merchants/nowhere", {}).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.postgres
def test_every_page_answers_on_postgresql_too(home: Path, postgres_url: str) -> None:
    with open_shop(home, postgres_url.replace("+psycopg", "", 1)) as made:
        client = sign_in(made, "owner")
        for page in everything():
            if page.method == "GET":
                answer = client.get(address_of(page, made))
                assert answer.status_code in {200, 303, 404}, page.path
        assert "晓彤" in client.get("/console/members?q=" + LIN_PHONE).text


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/console/members?q=1", "/console/members?q=1"),
        ("https://elsewhere.example/console", "/console"),
        ("//elsewhere.example", "/console"),
        ("/console\\@elsewhere", "/console"),
        ("/consoles", "/console"),
        ("/console/sign-out", "/console"),
        ("/console/\r\nSet-Cookie: a=b", "/console"),
        ("", "/console"),
    ],
)
def test_nobody_is_led_elsewhere_after_signing_in(asked: str, led: str) -> None:
    assert safe_next(asked) == led


def test_signing_in_gives_a_cookie_that_scripts_cannot_read(shop: Shop) -> None:
    client = Client(shop.app)
    answer = client.post("/console/sign-in", {"name": "owner", "password": PASSWORD, "next": "/console/me"})
    assert answer.headers["location"] == "/console/me"
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("gx_session"))
    assert {"HttpOnly", "Path=/console", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}


def test_a_password_is_changed_with_the_present_one(shop: Shop) -> None:
    client = sign_in(shop, "service")
    wrong = client.post(
        "/console/me/password", {"old": "no", "new": "brand new words", "again": "brand new words"}
    )
    assert wrong.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "当前密码不正确" in wrong.text
    differ = client.post(
        "/console/me/password", {"old": PASSWORD, "new": "brand new words", "again": "other"}
    )
    assert "两次输入的密码不一致" in differ.text
    done = client.post(
        "/console/me/password", {"old": PASSWORD, "new": "brand new words", "again": "brand new words"}
    )
    assert done.status_code == HTTPStatus.SEE_OTHER
    assert client.get("/console/me").status_code == HTTPStatus.OK
    back = {"old": "brand new words", "new": PASSWORD, "again": PASSWORD}
    assert client.post("/console/me/password", back).status_code == HTTPStatus.SEE_OTHER


def test_a_broken_page_says_so_and_keeps_what_it_knows(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    client = sign_in(shop, "owner", raises=False)
    monkeypatch.setattr(type(shop.members), "overview", lambda *_: 1 / 0)
    answer = client.get("/console")
    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "ZeroDivision" not in answer.text
    assert "回到总览" in answer.text


def test_whoever_may_do_little_begins_where_they_may() -> None:
    assert first_place({Permission.AUDIT_READ}) == "/console/settings/audit"
    assert first_place(set()) == "/console/me"
    assert [place.key for place in places_for({Permission.MEMBERS_READ})] == ["members"]


def test_a_form_keeps_order_and_spaces_where_asked() -> None:
    form = Form((("a", " 1 "), ("b", "2"), ("a", " 3 ")))
    assert (form.get("a"), form.raw("a"), form.all("a"), form.get("c", "none")) == (
        "3",
        " 3 ",
        [" 1 ", " 3 "],
        "none",
    )


@pytest.mark.parametrize("path", ["/v1/nothing", "/openapi.yaml", "/consoles", "/statics/a"])
def test_other_paths_are_left_to_whoever_mounted_the_console(shop: Shop, path: str) -> None:
    async def refuse(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse("whoever mounted it", status_code=404)

    whole = Starlette(routes=[Mount("/", shop.app)], exception_handlers={404: refuse})
    assert Client(whole).get(path).text == "whoever mounted it"
    assert "这里没有内容" in Client(whole).get("/console/nothing").text


def test_an_overlong_form_is_refused(shop: Shop) -> None:
    client = Client(shop.app)
    answer = client.post("/console/sign-in", {"name": "x" * (1 << 20), "password": "y", "next": ""})
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_every_handler_folder_is_served() -> None:
    root = Path(console_app.__file__).parent
    modules = {
        path.relative_to(root).with_suffix("").as_posix()
        for path in root.glob("*/*.py")
        if "def pages()" in path.read_text(encoding="utf-8")
    }
    served = {
        folder.__name__.removeprefix("guanxi.console.").replace(".", "/") for folder in console_app.FOLDERS
    }
    assert modules == served
