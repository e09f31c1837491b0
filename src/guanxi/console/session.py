"""The door of every page: who is asking, what may they see, and did the form come from us.

A handler is a plain function of what was asked; it runs in a thread, because it talks to the database. A page says which
permission opens it; nothing is served to a browser without a session but the sign-in page and static files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, BinaryIO, Final, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from guanxi.access import Actor, Permission, Visitor
from guanxi.access.decide import must_touch
from guanxi.console.context import ConsoleContext
from guanxi.console.i18n import read_language, translations
from guanxi.console.places import HOME, MEMBERS, WORK, first_place, places_for
from guanxi.console.render import LANGUAGE_COOKIE, language_of, render
from guanxi.console.shell import STARTED, Column, Merchant as ShownMerchant, Person as ShownPerson, Visit
from guanxi.console.uploads import uploaded
from guanxi.kernel.errors import Forbidden, InvalidInput, TooLarge
from guanxi.kernel.text import Language
from guanxi.runtime.work.service import Works
from guanxi.storage.merchants import Merchant, list_merchants

T = TypeVar("T")

SESSION_COOKIE: Final = "gx_session"
SIGN_IN: Final = "/console/sign-in"
SIGN_OUT: Final = "/console/sign-out"
MOST_FORM: Final = 1 << 20
_INSIDE: Final = re.compile(r"/console(?:[/?#][\x21-\x5b\x5d-\x7e]*)?")


@dataclass(frozen=True, slots=True)
class Form:
    """What a form said: the fields in order, a name may come several times."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """Return the last value of a field, without space around it."""
        return next((value for key, value in reversed(self.fields) if key == name), default).strip()

    def raw(self, name: str) -> str:
        """Return the last value of a field exactly as it came."""
        return next((value for key, value in reversed(self.fields) if key == name), "")

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        return [value for key, value in self.fields if key == name]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of somebody who is signed in, at the merchant they look at."""

    request: Request
    context: ConsoleContext
    visitor: Visitor
    merchant: Merchant
    token: str
    now: int
    form: Form = field(default_factory=Form)
    file: BinaryIO | None = None

    @property
    def merchant_id(self) -> str:
        """The merchant that everything on this page belongs to."""
        return self.merchant.merchant_id

    @property
    def language(self) -> Language:
        """The reader's language."""
        return language_of(self.request)

    @property
    def actor(self) -> Actor:
        """The reader as the doer of this request."""
        state: dict[str, Any] = self.request.scope.get("state", {})
        return self.visitor.actor(address_of(self.request), str(state.get("request_id", "")))

    @property
    def query(self) -> Mapping[str, str]:
        """What the address asks."""
        return self.request.query_params

    @property
    def today(self) -> int:
        """The merchant's present day."""
        return self.merchant.days.day(self.now)

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.request.path_params[name])

    def may(self, permission: Permission) -> bool:
        """Say whether the reader may do something here."""
        return self.visitor.may(permission)

    def need(self, permission: Permission) -> None:
        """Raise ``Forbidden`` unless the reader may do something here."""
        if not self.may(permission):
            raise Forbidden(permission=permission.label.in_(self.language))

    def service(self, kind: type[T]) -> T:
        """Return one of the capabilities' services."""
        return self.context.service(kind)

    def say(self, message: str, /, **values: object) -> str:
        """Translate a message for the reader and fill its fields."""
        said = translations(self.language).gettext(message)
        return said % values if values else said

    def columns(self, columns: Iterable[Column]) -> tuple[Column, ...]:
        """Return a list's columns with their labels in the reader's language."""
        return tuple(replace(column, label=self.say(column.label)) for column in columns)

    def render(
        self, name: str, /, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
    ) -> Response:
        """Answer with a page, or the part of it that htmx asked for; templates may ask ``may("members.pii")``."""
        # A form asks for the error of each of its fields; most have none.
        if "errors" in values:
            values["errors"] = defaultdict(str, values["errors"])
        return render(
            self.request,
            name,
            status=status,
            headers=headers,
            may=lambda key: self.may(Permission(key)),
            now=self.now,
            **values,
        )


Handler = Callable[[Asked], Response]


@dataclass(frozen=True, slots=True)
class Page:
    """A handler at an address. ``needs`` is the permission that opens it; ``None`` lets in whoever is signed in.

    A page that takes an ``upload`` of so many bytes finds the file of its form in ``asked.file``.
    """

    path: str
    handler: Handler
    needs: Permission | None = None
    method: str = "GET"
    upload: int = 0


def post(path: str, handler: Handler, needs: Permission | None = None, *, upload: int = 0) -> Page:
    """Return a page that changes something."""
    return Page(path, handler, needs, "POST", upload)


def route(context: ConsoleContext, page: Page) -> Route:
    """Return the route of a page: session, merchant, permission and form token are checked before its handler runs."""

    async def endpoint(request: Request) -> Response:
        if page.upload and request.headers.get("content-type", "").startswith("multipart/"):
            async with uploaded(request, page.upload) as (fields, file):
                return await run_in_threadpool(_serve, context, page, request, Form(fields), file)
        form = await read_form(request) if page.method == "POST" else Form()
        return await run_in_threadpool(_serve, context, page, request, form)

    return Route(page.path, endpoint, methods=[page.method])


def _serve(
    context: ConsoleContext, page: Page, request: Request, form: Form, file: BinaryIO | None = None
) -> Response:
    asked = enter(context, request, form)
    if asked is None:
        return to_sign_in(request)
    asked = replace(asked, file=file)
    if page.method == "POST":
        given = form.raw("csrf") or request.headers.get("x-csrf-token", "")
        context.access.sessions.check_csrf(asked.token, given)
    if page.needs is not None:
        asked.need(page.needs)
    return page.handler(asked)


def enter(context: ConsoleContext, request: Request, form: Form) -> Asked | None:
    """Return who is asking, and put what the shell shows of them where the renderer looks; ``None`` without a session."""
    token = request.cookies.get(SESSION_COOKIE, "")
    if not token:
        return None
    now = context.clock.now()
    with context.database.reading() as tx:
        visitor = context.access.sessions.resolve(tx, token, now)
        if visitor is None:
            return None
        merchants = [one for one in list_merchants(tx) if one.merchant_id in visitor.merchants]
        merchant = next(one for one in merchants if one.merchant_id == visitor.merchant_id)
        since = merchant.days.start(merchant.days.day(now))
        busy = context.service(Works).any_of(tx, merchant.merchant_id, visitor.person.person_id, since)
    if must_touch(visitor.session, now):
        with context.database.transaction() as tx:
            context.access.sessions.touch(tx, visitor.session, now)
    csrf = context.access.sessions.csrf(token)
    request.state.visit = replace(_visit(request, visitor, merchant, merchants, csrf), busy=busy)
    return Asked(request, context, visitor, merchant, token, now, form)


def _visit(
    request: Request, visitor: Visitor, merchant: Merchant, merchants: list[Merchant], csrf: str
) -> Visit:
    chosen = read_language(request.query_params.get("lang")) or read_language(
        request.cookies.get(LANGUAGE_COOKIE)
    )
    language = chosen or visitor.person.language
    shown = {
        one.merchant_id: ShownMerchant(one.merchant_id, one.name, f"/console/merchants/{one.merchant_id}")
        for one in merchants
    }
    between = "、" if language == "zh" else ", "
    return Visit(
        language=language,
        timezone=merchant.timezone,
        person=ShownPerson(
            visitor.person.name, between.join(role.name.in_(language) for role in visitor.roles)
        ),
        merchant=shown[merchant.merchant_id],
        merchants=tuple(shown.values()),
        places=places_for(visitor.permissions),
        csrf=csrf,
        request_id=str(request.scope.get("state", {}).get("request_id", "")),
        home=first_place(visitor.permissions),
        search=MEMBERS if visitor.may(Permission.MEMBERS_READ) else "",
        tray=f"{WORK}/tray",
        started=request.query_params.get(STARTED) == "started",
        account="/console/me",
        sign_out=SIGN_OUT,
        note=merchant.notice.in_(language),
    )


def to_sign_in(request: Request) -> Response:
    """Lead to the sign-in page and from there back; htmx is told to leave the page."""
    if request.headers.get("hx-request") == "true":
        here = urlsplit(request.headers.get("hx-current-url", ""))
        back = here.path + (f"?{here.query}" if here.query else "")
        return Response(
            status_code=HTTPStatus.NO_CONTENT,
            headers={"HX-Redirect": _sign_in_at(back), "Cache-Control": "no-store"},
        )
    here_query = request.url.query
    back = request.url.path + (f"?{here_query}" if here_query else "") if request.method == "GET" else HOME
    return RedirectResponse(
        _sign_in_at(back), status_code=HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"}
    )


def _sign_in_at(back: str) -> str:
    inside = safe_next(back)
    return SIGN_IN if inside == HOME else f"{SIGN_IN}?next={quote(inside, safe='')}"


def safe_next(text: str) -> str:
    """Return ``text`` if it leads to a page of ours, else the home page: nobody is sent elsewhere after signing in."""
    inside = _INSIDE.fullmatch(text) and len(text) <= 2000 and not text.startswith((SIGN_IN, SIGN_OUT))
    return text if inside else HOME


def go(address: str, headers: Mapping[str, str] | None = None) -> Response:
    """Lead to another page after a change."""
    return RedirectResponse(
        address, status_code=HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store", **(headers or {})}
    )


def go_whole(asked: Asked, address: str) -> Response:
    """Lead to another page after a change that htmx may have asked for: it then loads the whole page."""
    if asked.request.headers.get("hx-request") == "true":
        return Response(
            status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": address, "Cache-Control": "no-store"}
        )
    return go(address)


async def read_form(request: Request) -> Form:
    """Read a form's fields; raises ``TooLarge`` above 1 MiB, ``InvalidInput`` for what is no form."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_FORM:
            raise TooLarge(what="form", size=len(body), limit=MOST_FORM)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=2000, errors="strict")
    except ValueError as error:
        raise InvalidInput(reason_zh="表单无法读取。", reason_en="the form cannot be read.") from error
    return Form(tuple(pairs))


def address_of(request: Request) -> str:
    """Return the network address that a request came from."""
    return request.client.host if request.client else ""


def set_cookie(response: Response, request: Request, name: str, value: str, seconds: int) -> None:
    """Give the browser a cookie that scripts cannot read and other sites cannot use."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/console",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
