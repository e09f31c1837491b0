"""Puts the HTTP interface together from a context and the capabilities' routers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI

from guanxi import __version__
from guanxi.api import audit, health, keys, me, problems
from guanxi.api.body import BodyReader
from guanxi.api.document import document
from guanxi.api.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from guanxi.api.context import ApiContext

CORE: tuple[APIRouter, ...] = (health.router, me.router, keys.router, audit.router)
"""Routers that every app has."""


def create_app(
    context: ApiContext,
    routers: Sequence[APIRouter] = (),
    *,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """Return the app: ``routers`` in order (the busiest first), then core routes; the console is mounted on it later.

    Routers carry whole paths (``/v1/…``) and take what they need by ``context.service``.
    """
    app = FastAPI(
        title="Guanxi",
        version=__version__,
        openapi_url="/openapi.json",
        docs_url=None,  # FastAPI's page loads scripts from elsewhere, and this product runs offline
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
    )
    app.state.context = context
    problems.install(app)
    for router in (*routers, *CORE):
        app.include_router(router)
    app.add_middleware(BodyReader, limit_of=context.body_limit, refusal_of=context.refusals.get)
    app.add_middleware(Envelope, metrics=context.metrics)

    def described() -> dict[str, Any]:
        return document(app)

    app.openapi = described  # type: ignore[method-assign]
    return app
