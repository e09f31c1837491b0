"""What surrounds every request: its id, one line in the access log, figures, security headers, and a last resort.

Raw ASGI, outermost. The log holds the route's template, never the path, the query or an address: those may be personal.
"""

from __future__ import annotations

import re
import time
import traceback
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders

from guanxi.api.problems import language_of, unexpected_response
from guanxi.kernel.ids import fresh

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Defaults; a route that knows better (a page, a widget, a static file) sets its own."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LOG = structlog.get_logger("guanxi.api")


class Envelope:
    """Middleware around the whole app."""

    def __init__(self, app: ASGIApp, metrics: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "guanxi_http_requests", "Requests answered", ["method", "route", "status"], registry=metrics
        )
        self._seconds = Histogram(
            "guanxi_http_request_seconds",
            "Time to answer, in seconds",
            ["route"],
            registry=metrics,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass a lifespan through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked = headers.get("x-request-id", "")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else fresh("req")
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        begun = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _decorate(message, state, request_id)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            _log_unexpected(error, request_id)
            if status:
                raise
            language = language_of(headers.get("accept-language", ""))
            await unexpected_response(language, request_id)(scope, receive, answer)
        finally:
            self._record(scope, state, status, time.perf_counter() - begun)

    def _record(self, scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
        route = route_of(scope)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        key = state.get("caller")
        _LOG.info(
            "request",
            request_id=state["request_id"],
            method=method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 2),
            merchant_id=key.merchant_id if key else None,
            key_id=key.key_id if key else None,
        )


def route_of(scope: Scope) -> str:
    """Return the template of the route that served a request, such as ``/v1/keys/{key_id}``."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return f"{scope.get('root_path', '')}{path}" if path else "(none)"


def _decorate(message: Message, state: dict[str, Any], request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-Id"] = request_id
    for name, value in _SECURITY.items():
        headers.setdefault(name, value)
    rate = state.get("rate")
    if rate is not None:
        for name, value in rate.headers().items():
            headers[name] = value


def _log_unexpected(error: Exception, request_id: str) -> None:
    # Messages of exceptions carry values (a driver quotes whole rows), so only types and places are logged.
    places = [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    ]
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(causes) < 10:
        causes.append(type(cause).__qualname__)
        cause = cause.__cause__ or cause.__context__
    _LOG.error("unexpected error", request_id=request_id, error=causes, places=places[-30:])
