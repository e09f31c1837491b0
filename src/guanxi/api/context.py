"""What the routes of one process stand on, handed over by whoever puts the process together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Depends, Request, Response
from prometheus_client import CollectorRegistry

from guanxi.access.service import Access
from guanxi.api.heavy import Heavy
from guanxi.api.rate_limit import Buckets, Limits
from guanxi.kernel.clock import Clock
from guanxi.kernel.errors import GuanxiError
from guanxi.storage.database import Database
from guanxi.storage.events.log import EventLog
from guanxi.storage.vault import Vault

T = TypeVar("T")

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class ApiContext:
    """Built services and settings of one process.

    ``services`` are the capabilities' own; a route asks for one by its type (see ``service``). ``body_limits`` maps a
    path prefix to the bytes a request body may have there, unzipped; the longest prefix wins. ``refusals``
    render errors about a body at paths whose clients expect a form of their own. ``probes`` are asked by ``/readyz``
    beside the database: each returns quickly, or raises when the part is not ready.
    """

    database: Database
    clock: Clock
    vault: Vault
    access: Access
    log: EventLog
    services: tuple[object, ...] = ()
    refusals: Mapping[str, Callable[[GuanxiError], Response]] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    body_limits: Mapping[str, int] = field(default_factory=dict)
    probes: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    buckets: Buckets = field(default_factory=Buckets)
    heavy: Heavy = field(default_factory=Heavy)

    def service(self, kind: type[T]) -> T:
        """Return the service of a type; raises ``LookupError`` if the process was put together without it."""
        for service in self.services:
            if isinstance(service, kind):
                return service
        msg = f"no {kind.__name__} was given to create_app"
        raise LookupError(msg)

    def body_limit(self, path: str) -> int:
        """Return how many bytes a body may have at ``path``."""
        fits = [prefix for prefix in self.body_limits if path.startswith(prefix)]
        return self.body_limits[max(fits, key=len)] if fits else MEBIBYTE


def app_context(request: Request) -> ApiContext:
    """Return the context of the app that serves a request."""
    context: ApiContext = request.app.state.context
    return context


# Dependencies are coroutines although they wait for nothing: FastAPI sends a plain function to a thread each time.


async def context_of(request: Request) -> ApiContext:
    """Return the context as a dependency: ``context: Annotated[ApiContext, Depends(context_of)]``."""
    return app_context(request)


def service(kind: type[T]) -> Any:
    """Declare a route's parameter as the service of a type.

    Write ``members: Annotated[Members, service(Members)]``.
    """

    async def find(request: Request) -> T:
        return app_context(request).service(kind)

    return Depends(find)
