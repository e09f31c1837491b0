"""Puts the console together: pages, static files, and what is answered when something goes wrong."""

from __future__ import annotations

import re
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from guanxi.console import assets
from guanxi.console.access import door, me
from guanxi.console.audiences import (
    builder,
    effects,
    export,
    list as audiences,
    lists,
    one as audience,
    overlap,
    saving,
    why,
)
from guanxi.console.context import ConsoleContext
from guanxi.console.definitions import (
    back,
    counting,
    editor,
    form,
    list as definitions,
    one as definition,
    releases,
)
from guanxi.console.health import dead, overview as health, stuck
from guanxi.console.home import page as home
from guanxi.console.loop import page as loop
from guanxi.console.members import decisions, joining, known, list as members, one, privacy, rights
from guanxi.console.places import HOME
from guanxi.console.render import Console, render_error
from guanxi.console.session import route
from guanxi.console.settings import accounts, audit, front, keys, people, roles
from guanxi.console.work import tray
from guanxi.kernel.errors import GuanxiError

_OURS: Final = re.compile(r"/|/(?:console|static)(?:/.*)?", re.DOTALL)
FOLDERS: Final = (
    home,
    members,
    one,
    known,
    decisions,
    joining,
    privacy,
    rights,
    audiences,
    overlap,
    builder,
    effects,
    saving,
    lists,
    export,
    why,
    audience,
    loop,
    definitions,
    counting,
    editor,
    form,
    releases,
    back,
    definition,
    front,
    health,
    dead,
    stuck,
    accounts,
    keys,
    people,
    roles,
    audit,
    me,
    tray,
)


class ConsoleApp(Starlette):
    """The console under its own paths; any other is left to whoever mounted it, such as the API with its own errors."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; raises ``HTTPException`` 404 for a path that is not the console's."""
        if scope["type"] == "http" and not _OURS.fullmatch(scope["path"]):
            raise HTTPException(404)
        await super().__call__(scope, receive, send)


def build_console(context: ConsoleContext) -> ConsoleApp:
    """Return the console as an application to be mounted at ``/``: pages under ``/console``, files under ``/static``.

    ``context.services`` must hold ``EventIntake``, ``Members``, ``Privacy`` and ``Works``.
    """
    pages = [page for folder in FOLDERS for page in folder.pages()]
    app = ConsoleApp(
        routes=[
            Route("/", to_console),
            *door.routes(context),
            *(route(context, page) for page in pages),
            Route(f"{assets.PREFIX}/{{version}}/{{path:path}}", assets.serve),
        ],
        exception_handlers={GuanxiError: refused, HTTPException: no_such_page, Exception: broken},
    )
    app.state.console = Console(clock=context.clock)
    return app


async def to_console(_request: Request) -> Response:
    """Lead the bare address to the console."""
    return RedirectResponse(HOME)


async def refused(request: Request, error: Exception) -> Response:
    """Say why something was refused and what to do."""
    if not isinstance(error, GuanxiError):
        raise error
    return render_error(request, error.status, error)


async def no_such_page(request: Request, error: Exception) -> Response:
    """Say that there is nothing at an address, or that it cannot be used like this."""
    return render_error(request, error.status_code if isinstance(error, HTTPException) else 404)


async def broken(request: Request, _error: Exception) -> Response:
    """Say that it is our fault; the error itself is raised on, so that whoever serves us writes it down."""
    return render_error(request, 500)
