"""Signing in and out."""

from __future__ import annotations

import secrets
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guanxi.access.decide import SESSION_LIFE
from guanxi.access.errors import FormExpired, SignInFailed, SignInThrottled
from guanxi.access.service import Attempt
from guanxi.console.context import ConsoleContext
from guanxi.console.places import HOME, first_place
from guanxi.console.render import language_of, render
from guanxi.console.session import (
    SESSION_COOKIE,
    SIGN_IN,
    SIGN_OUT,
    Form,
    address_of,
    enter,
    go,
    read_form,
    safe_next,
    set_cookie,
)
from guanxi.console.shell import Visit
from guanxi.kernel.clock import SECOND
from guanxi.kernel.errors import GuanxiError

DOOR_COOKIE: Final = "gx_door"
"""Before there is a session, the form's token is derived from this."""

_DOOR_LIFE: Final = 3600


def routes(context: ConsoleContext) -> list[Route]:
    """Return the routes that need no session."""

    async def show(request: Request) -> Response:
        return await run_in_threadpool(_show, context, request)

    async def sign_in(request: Request) -> Response:
        form = await read_form(request)
        return await run_in_threadpool(_sign_in, context, request, form)

    async def sign_out(request: Request) -> Response:
        form = await read_form(request)
        return await run_in_threadpool(_sign_out, context, request, form)

    return [
        Route(SIGN_IN, show, methods=["GET"]),
        Route(SIGN_IN, sign_in, methods=["POST"]),
        Route(SIGN_OUT, sign_out, methods=["POST"]),
    ]


def _show(context: ConsoleContext, request: Request) -> Response:
    back = safe_next(request.query_params.get("next", ""))
    if enter(context, request, Form()) is not None:
        return go(back)
    return _form(context, request, back)


def _form(
    context: ConsoleContext, request: Request, back: str, name: str = "", error: GuanxiError | None = None
) -> Response:
    door = request.cookies.get(DOOR_COOKIE) or secrets.token_urlsafe(24)
    request.state.visit = Visit(csrf=context.access.sessions.csrf(door), language=language_of(request))
    response = render(
        request,
        "access/sign_in.html",
        status=error.status if error else 200,
        action=SIGN_IN,
        next=back,
        name=name,
        error=error.say(language_of(request)) if error else "",
        demo=context.demo,
    )
    set_cookie(response, request, DOOR_COOKIE, door, _DOOR_LIFE)
    return response


def _sign_in(context: ConsoleContext, request: Request, form: Form) -> Response:
    sessions = context.access.sessions
    back, name = safe_next(form.get("next")), form.get("name")
    now = context.clock.now()
    try:
        sessions.check_csrf(request.cookies.get(DOOR_COOKIE, ""), form.raw("csrf"))
        with context.database.transaction() as tx:
            attempt = sessions.begin(tx, name, address_of(request), now)
        return _finish(context, request, attempt, form.raw("password"), back)
    except (SignInFailed, SignInThrottled, FormExpired) as error:
        return _form(context, request, back, name, error)


def _finish(
    context: ConsoleContext, request: Request, attempt: Attempt, password: str, back: str
) -> Response:
    sessions = context.access.sessions
    checked = sessions.check(attempt, password)
    now = context.clock.now()
    old = request.cookies.get(SESSION_COOKIE)
    with context.database.transaction() as tx:
        new = sessions.finish(tx, attempt, checked, now, replaces=old)
    if new is None:
        raise SignInFailed
    with context.database.reading() as tx:
        visitor = sessions.resolve(tx, new.token, now)
    begin = first_place(visitor.permissions) if visitor and back == HOME else back
    response = go(begin)
    set_cookie(response, request, SESSION_COOKIE, new.token, SESSION_LIFE // SECOND)
    response.delete_cookie(DOOR_COOKIE, path="/console")
    return response


def _sign_out(context: ConsoleContext, request: Request, form: Form) -> Response:
    token = request.cookies.get(SESSION_COOKIE, "")
    sessions = context.access.sessions
    sessions.check_csrf(token, form.raw("csrf"))
    with context.database.transaction() as tx:
        sessions.sign_out(tx, token, context.clock.now())
    response = go(SIGN_IN)
    response.delete_cookie(SESSION_COOKIE, path="/console")
    return response
