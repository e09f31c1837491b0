"""The web application of an installation: API, tracking routes and console."""

from __future__ import annotations

from asyncio import create_task, to_thread, wait
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import structlog

from guanxi.access import KeyKind, Permission
from guanxi.bootstrap.background import NOT_NOW, Background
from guanxi.customers.events.model import Source
from guanxi.storage.events.vitals import check_lake
from guanxi.storage.events.writer import GroupWriter
from guanxi.storage.merchants import get_merchant, list_merchants

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI, Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Scope

    from guanxi.api.context import ApiContext
    from guanxi.bootstrap.product import Product
    from guanxi.connectors.segment.routes import Authenticate, Sender
    from guanxi.console.render import Console


_log = structlog.get_logger(__name__)


def create_web(product: Product, *, demo: tuple[str, str] | None = None) -> FastAPI:
    """Return the web application of an installation: API, tracking routes and console.

    ``demo`` is the sign-in that the console's door shows when it serves demonstration data.
    """
    # Commands that serve nothing need not wait a second for the web framework.
    from guanxi.api import (  # noqa: PLC0415
        accounts,
        audiences,
        dead_letters,
        definitions,
        events,
        members,
        overview,
        privacy,
        work,
    )
    from guanxi.api.app import create_app  # noqa: PLC0415
    from guanxi.api.context import ApiContext  # noqa: PLC0415
    from guanxi.connectors.segment.routes import BODY_LIMITS, REFUSALS, routes  # noqa: PLC0415
    from guanxi.console.app import build_console  # noqa: PLC0415
    from guanxi.console.audiences.lists import UPLOADS  # noqa: PLC0415
    from guanxi.console.context import ConsoleContext, DemoSignIn  # noqa: PLC0415

    writer = GroupWriter(product.log)
    context = ApiContext(
        database=product.database,
        clock=product.clock,
        vault=product.vault,
        access=product.access,
        log=product.log,
        services=product.services,
        body_limits={**BODY_LIMITS, **UPLOADS},
        refusals=REFUSALS,
        probes={"lake": partial(_probe_lakes, product)},
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        writer.start()
        warming = create_task(to_thread(_warm, product, pages.state.console))
        # Small shops are warm by then; nobody waits for a large one's.
        await wait({warming}, timeout=_PATIENCE)
        yield
        await warming
        await to_thread(writer.stop)

    tracking = routes(product.intake, writer, _authenticate(context))
    parts = (members, audiences, definitions, privacy, overview, events, accounts, dead_letters, work)
    capabilities = [one.router for one in parts]
    app = create_app(context, [tracking, *capabilities], lifespan=lifespan)
    pages = build_console(
        ConsoleContext(
            database=product.database,
            clock=product.clock,
            vault=product.vault,
            access=product.access,
            log=product.log,
            services=product.services,
            demo=DemoSignIn(*demo) if demo else None,
        )
    )
    app.router.routes.append(_pages_at_root(pages))
    return app


def _pages_at_root(pages: ASGIApp) -> BaseRoute:
    """Serve what the API does not. Its own addresses stay its own: a wrong method there is a 405 and no missing page."""
    from starlette.routing import Match, Mount  # noqa: PLC0415

    class Pages(Mount):
        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            if scope["type"] == "http" and scope["path"].startswith("/v1/"):
                return Match.NONE, {}
            return super().matches(scope)

    return Pages("/", app=pages)


def _probe_lakes(product: Product) -> None:
    with product.database.reading() as tx:
        merchants = list_merchants(tx)
    for merchant in merchants:
        check_lake(product.database, product.log, merchant.merchant_id)


_PATIENCE = 1
"""Seconds that a start may wait until the first visitor need not."""

_FIRST_PAGES = ("access/", "bare", "base", "document", "shell/", "home/")


def _warm(product: Product, console: Console) -> None:
    """Do what would make the first visitor wait: compile pages, read the past days, load the analytic engine.

    In the order in which they are needed: sign-in and overview, its figures, the latest events, all other pages.
    """
    try:
        console.load(*_FIRST_PAGES)
        for merchant_id in Background(product).merchants()[:1]:
            with product.database.reading() as tx:
                merchant = get_merchant(tx, merchant_id)
                product.members.overview(tx, merchant, merchant.days.day(product.clock.now()))
            product.log.newest(merchant_id, limit=1)
            product.audiences.warm(merchant)
        console.load("")
    except NOT_NOW:
        _log.warning("not_warmed", exc_info=True)


def _authenticate(context: ApiContext) -> Authenticate:
    """Recognise senders of events by their API key."""
    from guanxi.api.auth import find_caller_by, key_text_of  # noqa: PLC0415
    from guanxi.connectors.segment.routes import Sender  # noqa: PLC0415

    async def authenticate(request: Request, body_key: str) -> Sender:
        text = key_text_of(request.headers.get("authorization", "")) or body_key
        caller = await find_caller_by(context, request, text, Permission.EVENTS_WRITE)
        key = caller.key
        source = Source(key.name, key.account, key.channel)
        return Sender(key.merchant_id, source, public=key.kind is KeyKind.WRITE)

    return authenticate
