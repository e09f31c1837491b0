"""Who is asking: keys by ``Authorization: Bearer``, or ``Basic`` with the key as the user name.

The merchant comes from the key and from nowhere else, so a key of one merchant cannot name another.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import HTTPBase as HttpScheme
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.concurrency import run_in_threadpool

from guanxi.access import Actor, ActorKind, Key, Permission
from guanxi.api.context import ApiContext, context_of
from guanxi.api.problems import request_id_of
from guanxi.api.rate_limit import Verdict
from guanxi.kernel.errors import Forbidden, TooMany, Unauthenticated


@dataclass(frozen=True, slots=True)
class Caller:
    """The key that asks, on this request."""

    key: Key
    rate: Verdict
    address: str
    request_id: str

    @property
    def merchant_id(self) -> str:
        """The one merchant that the key belongs to."""
        return self.key.merchant_id

    @property
    def actor(self) -> Actor:
        """The key as the doer of this request, for services and the audit trail."""
        return Actor(
            ActorKind.KEY,
            self.key.key_id,
            self.key.name,
            self.key.merchant_id,
            self.key.scopes,
            self.address,
            self.request_id,
        )

    def need(self, permission: Permission) -> None:
        """Raise ``Forbidden`` unless the key has ``permission``."""
        self.actor.need(permission, self.merchant_id)


class _Documented(SecurityBase):
    """A way to send the key, for the OpenAPI document; reading it is ``key_text_of``'s business."""

    def __init__(self, scheme: str, description: str) -> None:
        self.model = HttpScheme(scheme=scheme, description=description)
        self.scheme_name = f"{scheme}Key"

    async def __call__(self) -> None:
        """Nothing to do."""


_KNOWN: dict[Callable[..., Any], frozenset[str]] = {}
"""The query parameters of each route that was asked with one, by what answers it."""

_BEARER = _Documented("bearer", "`Authorization: Bearer gx_sk_…`")
_BASIC = _Documented("basic", "the key as the user name, any password; for tracking clients")


def key_text_of(authorization: str) -> str | None:
    """Return the key in an ``Authorization`` value, or ``None`` if there is none that we understand."""
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value or None
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value, validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return None
        return decoded.partition(":")[0] or None
    return None


async def find_caller(context: ApiContext, request: Request, *permissions: Permission) -> Caller:
    """Recognise the key of a request and count it; hot routes call this without a dependency.

    Raises ``Unauthenticated``, ``TooMany``, ``Forbidden``.
    """
    text = key_text_of(request.headers.get("authorization", ""))
    return await find_caller_by(context, request, text or "", *permissions)


async def find_caller_by(
    context: ApiContext, request: Request, text: str, *permissions: Permission
) -> Caller:
    """Recognise a key that came in another place, such as the body; raises as ``find_caller`` does."""
    if not text:
        raise Unauthenticated
    now = context.clock.now()
    ring = context.access.ring
    key = ring.cached(text, now) or await run_in_threadpool(ring.load, text, now)
    if key is None:
        raise Unauthenticated
    rate = context.buckets.take(key.key_id, context.limits.of(key.kind))
    request.state.rate = rate
    request.state.caller = key
    if not rate.allowed:
        raise TooMany(retry_after=rate.retry_after)
    for permission in permissions:
        if permission not in key.scopes:
            raise Forbidden(permission=permission.value)
    return Caller(key, rate, request.client.host if request.client else "", request_id_of(request))


async def _caller(
    request: Request,
    context: Annotated[ApiContext, Depends(context_of)],
    scopes: SecurityScopes,
    _bearer: Annotated[None, Security(_BEARER)],
    _basic: Annotated[None, Security(_BASIC)],
) -> Caller:
    caller = await find_caller(context, request, *(Permission(scope) for scope in scopes.scopes))
    _check_query(request)
    return caller


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (one.alias for one in dependant.query_params)
    for below in dependant.dependencies:
        yield from _query_names(below)


def _check_query(request: Request) -> None:
    """Refuse query parameters that the route does not know: a misspelt filter would quietly return everything.

    Raises ``RequestValidationError``.
    """
    if not request.query_params:
        return
    route = request.scope["route"]
    known = _KNOWN.get(route.endpoint)
    if known is None:
        known = frozenset(_query_names(route.dependant))
        _KNOWN[route.endpoint] = known
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise RequestValidationError(
            [{"type": "extra_forbidden", "loc": ("query", name)} for name in unknown]
        )


def require(*permissions: Permission) -> Any:
    """Declare a route's parameter as its caller.

    Write ``caller: Annotated[Caller, require(Permission.KEYS_MANAGE)]``. Without permissions any working key will do. The permissions appear in the OpenAPI document as scopes.
    """
    return Security(_caller, scopes=[permission.value for permission in permissions])
