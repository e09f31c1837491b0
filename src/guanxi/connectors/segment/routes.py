"""The HTTP side: who sends, what came, and an answer once it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from guanxi.connectors.segment.decide import BODY_LIMIT, MOST_MESSAGES, Delivery, read_batch, read_single
from guanxi.kernel.errors import Forbidden, GuanxiError, TooLarge, Unauthenticated, Unavailable
from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from guanxi.customers.events.model import Source
    from guanxi.customers.events.service import EventIntake, Prepared
    from guanxi.storage.events.writer import GroupWriter

CALLS = ("track", "identify", "page", "screen", "group", "alias")

BODY_LIMITS = {f"/v1/{name}": BODY_LIMIT for name in ("batch", *CALLS)}
"""Bytes that a body may have at each address, for whoever reads and unzips bodies before they come here."""

RETRY_SECONDS = 2
"""When to come again after a 503: a writer that is behind catches up in a second or never."""

_IN_A_THREAD = 256 * 1024
"""Bytes of a body above which judging its messages would keep the event loop from everybody else."""

_CORS = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_PREFLIGHT = {
    **_CORS,
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "authorization, content-type, content-encoding, x-retry-count",
    "Access-Control-Max-Age": "86400",
}


class Sender(NamedTuple):
    """Whose messages these are. ``public``: the key is a write key, which may lie open in a web page."""

    merchant_id: str
    source: Source
    public: bool


class Authenticate(Protocol):
    """Recognises whoever sends a request; the composition root knows how."""

    async def __call__(self, request: Request, body_key: str) -> Sender:
        """Return the sender by the ``Authorization`` header or, where there is none, by the write key in the body.

        Raises ``Unauthenticated``, ``Forbidden``, or ``TooMany`` with ``retry_after`` in seconds.
        """
        ...


class SecretInBrowser(Forbidden):
    """A web page sent a secret key: everybody who opens the page can read it."""

    code: ClassVar[str] = "secret_key_in_browser"
    text: ClassVar[Text] = Text(
        "网页中请使用写入密钥。这个密钥已公开，请立即吊销。",
        "Use a write key in a web page. This key is public now: revoke it.",
    )


def routes(intake: EventIntake, writer: GroupWriter, authenticate: Authenticate) -> APIRouter:
    """Return the tracking routes. 200 means durable: each message is an event, a duplicate of one, or a dead letter.

    Bodies must come in plain and no longer than ``BODY_LIMITS`` says.
    """
    router = APIRouter(tags=["tracking"])
    door = _Door(intake, writer, authenticate)

    def add(name: str, short: str, read: Callable[[bytes], Delivery]) -> None:
        async def receive(request: Request) -> Response:
            return await door.answer(request, read)

        described = f"Send {'many messages at once' if name == 'batch' else f'one message of type {name}'}"
        for path, in_schema in ((f"/v1/{name}", True), (f"/v1/{short}", False)):
            router.add_api_route(
                path,
                receive,
                methods=["POST"],
                name=f"track_{name}" if in_schema else f"track_{name}_short",
                summary=described,
                include_in_schema=in_schema,
                responses=_RESPONSES,
                openapi_extra=_described_request(name),
            )
            router.add_api_route(path, _preflight, methods=["OPTIONS"], include_in_schema=False)

    add("batch", "b", read_batch)
    for call in CALLS:
        add(call, call[0], partial(read_single, call=call))
    return router


async def _preflight(request: Request) -> Response:  # noqa: ARG001 - the framework hands it over
    return Response(status_code=204, headers=_PREFLIGHT)


class _Door:
    """What every route does: recognise, read, judge, store, answer."""

    def __init__(self, intake: EventIntake, writer: GroupWriter, authenticate: Authenticate) -> None:
        self._intake = intake
        self._writer = writer
        self._authenticate = authenticate

    async def answer(self, request: Request, read: Callable[[bytes], Delivery]) -> Response:
        try:
            await self._take(request, read)
        except GuanxiError as error:
            return refusal(error)
        return Response(b'{"success":true}', 200, _CORS, "application/json")

    async def _take(self, request: Request, read: Callable[[bytes], Delivery]) -> None:
        sender = await self._authenticate(request, "") if "authorization" in request.headers else None
        body = await request.body()
        if len(body) > BODY_LIMIT:
            raise TooLarge(what="body", size=len(body), limit=BODY_LIMIT)
        try:
            delivery = read(body)
        except GuanxiError:
            if sender is None:
                raise Unauthenticated from None
            raise
        if sender is None:
            sender = await self._authenticate(request, delivery.write_key)
        if not sender.public and "origin" in request.headers:
            raise SecretInBrowser
        prepared = await self._prepare(sender, delivery, len(body))
        try:
            stored = self._writer.submit(prepared.events, prepared.letters)
        except Unavailable as error:
            error.params["retry_after"] = RETRY_SECONDS
            raise
        # A client that hangs up does not take back what it handed in.
        await asyncio.shield(asyncio.wrap_future(stored))

    async def _prepare(self, sender: Sender, delivery: Delivery, size: int) -> Prepared:
        given = (sender.merchant_id, sender.source, delivery.messages, delivery.sent_at)
        if size > _IN_A_THREAD or not self._intake.knows(sender.merchant_id):
            return await run_in_threadpool(self._intake.prepare, *given)
        return self._intake.prepare(*given)


def refusal(error: GuanxiError) -> Response:
    """Answer with an error in the form that tracking clients read: ``message`` is one text."""
    headers = dict(_CORS)
    if "retry_after" in error.params:
        headers["Retry-After"] = str(error.params["retry_after"])
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="guanxi"'
    return JSONResponse({"code": error.code, "message": error.message.both()}, error.status, headers)


REFUSALS: Mapping[str, Callable[[GuanxiError], Response]] = {
    f"/v1/{name}": refusal for call in ("batch", *CALLS) for name in (call, call[0])
}
"""How errors about a body are told at each address, for whoever reads bodies before they come here."""

_ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
}
_SUCCESS = {
    "type": "object",
    "required": ["success"],
    "properties": {"success": {"const": True}},
}


def _response(description: str, schema: Mapping[str, Any] = _ERROR) -> dict[str, Any]:
    # What reads bodies and counts requests may answer before we do, in the API's own form.
    content = {"application/json": {"schema": schema}}
    if schema is _ERROR:
        content["application/problem+json"] = {"schema": schema}
    return {"description": description, "content": content}


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _response("all messages are durable: events, duplicates or dead letters", _SUCCESS),
    400: _response("the body is not the JSON that is expected, or it or a message in it is too large"),
    401: _response("no key, or not one we know"),
    403: _response("the key may not send events, or may not do so from a web page"),
    413: _response("the body is larger than any client sends"),
    415: _response("the content encoding is not supported"),
    429: _response("the key asks too often; see Retry-After"),
    503: _response("too much is waiting to be written; see Retry-After"),
}


def _described_request(name: str) -> dict[str, Any]:
    common: dict[str, Any] = {
        "sentAt": {"type": ["string", "null"], "description": "the sender's clock when it sent"},
        "writeKey": {"type": ["string", "null"], "description": "where no Authorization header can be sent"},
    }
    if name == "batch":
        messages = {"type": "array", "maxItems": MOST_MESSAGES, "items": {}}
        schema = {"type": "object", "required": ["batch"], "properties": {"batch": messages, **common}}
    else:
        schema = {"type": "object"}
    scopes = ["events.write"]
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "security": [{"bearerKey": scopes}, {"basicKey": scopes}],
    }
