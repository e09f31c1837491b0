"""Reads request bodies before the app does: bounded, unzipped, whole.

A body that says it is too long is refused unread; one that turns out to be (chunked, or small until it is unzipped) is
refused as soon as it passes the limit. The app then sees a plain body that is never larger than the limit.
"""

from __future__ import annotations

import asyncio
import zlib
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from starlette.datastructures import Headers

from guanxi.api.problems import language_of, problem_response
from guanxi.kernel.errors import GuanxiError, InvalidInput, TooLarge
from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    Refusal = Callable[[GuanxiError], Response]

LINGER_SECONDS = 10.0
"""How long a client that is still sending a refused body may go on, so that it comes to read the answer."""

_GZIP = 16 + zlib.MAX_WBITS


class UnsupportedEncoding(GuanxiError):
    """The body is compressed in a way that we do not unpack."""

    code: ClassVar[str] = "unsupported_encoding"
    status: ClassVar[int] = 415
    text: ClassVar[Text] = Text(
        "不支持的压缩方式，请使用 gzip 或不压缩。",
        "This content encoding is not supported; use gzip or none.",
    )


class _Gone(Exception):
    """The client hung up before its body was whole."""


class BodyReader:
    """Middleware that bounds and unzips bodies; ``limit_of`` says how many bytes a path takes.

    ``refusal_of`` returns what renders errors at a path whose clients expect a form of their own, or ``None``.
    """

    def __init__(
        self, app: ASGIApp, limit_of: Callable[[str], int], refusal_of: Callable[[str], Refusal | None]
    ) -> None:
        self._app = app
        self._limit_of = limit_of
        self._refusal_of = refusal_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass anything else through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        intake = _Intake(headers, self._limit_of(scope["path"]))
        try:
            body = await intake.read(receive)
        except _Gone:
            return
        except GuanxiError as error:
            render = self._refusal_of(scope["path"]) or partial(_problem, scope)
            await _refuse(render(error), receive, send, more_comes=intake.more_comes)
            return
        scope["headers"] = _plain_headers(scope["headers"], len(body) if intake.zipped else None)
        await self._app(scope, _replay(body, receive), send)


class _Intake:
    """One body on its way in."""

    def __init__(self, headers: Headers, limit: int) -> None:
        self._limit = limit
        self._length = headers.get("content-length", "")
        self._encoding = headers.get("content-encoding", "identity").strip().lower()
        self.zipped = self._encoding in {"gzip", "x-gzip"}
        self.more_comes = headers.get("expect", "").lower() != "100-continue"

    async def read(self, receive: Receive) -> bytes:
        """Return the whole plain body; raises ``TooLarge``, ``UnsupportedEncoding`` or ``InvalidInput``."""
        if self._length.isascii() and self._length.isdigit() and int(self._length[:18]) > self._limit:
            raise self._too_large(int(self._length[:18]))
        if not self.zipped and self._encoding not in {"", "identity"}:
            raise UnsupportedEncoding
        unzip = _Unzip(self._limit) if self.zipped else None
        raw = 0
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            self.more_comes = message.get("more_body", False)
            chunk: bytes = message.get("body", b"")
            raw += len(chunk)
            plain = unzip.feed(chunk) if unzip else chunk
            size += len(plain)
            if max(raw, size) > self._limit:
                raise self._too_large(max(raw, size))
            parts.append(plain)
            if not self.more_comes:
                break
        if unzip is not None and raw:
            unzip.finish()
        return b"".join(parts)

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(what="body", size=size, limit=self._limit)


class _Unzip:
    """Unzips piecewise, never holding more than one byte over the limit."""

    def __init__(self, limit: int) -> None:
        self._left = limit + 1
        self._member = zlib.decompressobj(_GZIP)
        self._fed = False

    def feed(self, chunk: bytes) -> bytes:
        """Return what ``chunk`` unzips to, cut off where the limit is passed."""
        out = b""
        try:
            while chunk and self._left:
                if self._member.eof:  # a gzip file may have several members one after another
                    self._member = zlib.decompressobj(_GZIP)
                piece = self._member.decompress(chunk, self._left)
                self._left -= len(piece)
                out += piece
                chunk = self._member.unused_data or (self._member.unconsumed_tail if self._left else b"")
        except zlib.error as error:
            raise _broken_gzip() from error
        return out

    def finish(self) -> None:
        """Raise ``InvalidInput`` if the last member was cut short."""
        if not self._member.eof:
            raise _broken_gzip()


def _broken_gzip() -> InvalidInput:
    return InvalidInput(reason_zh="gzip 数据损坏。", reason_en="the gzip data are broken.")


def _plain_headers(headers: list[tuple[bytes, bytes]], length: int | None) -> list[tuple[bytes, bytes]]:
    if length is None:
        return headers
    dropped = {b"content-encoding", b"content-length", b"transfer-encoding"}
    kept = [(name, value) for name, value in headers if name.lower() not in dropped]
    return [*kept, (b"content-length", str(length).encode())]


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = True

    async def replay() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replay


def _problem(scope: Scope, error: GuanxiError) -> Response:
    language = language_of(Headers(scope=scope).get("accept-language", ""))
    return problem_response(error, language, scope.get("state", {}).get("request_id", ""))


async def _refuse(response: Response, receive: Receive, send: Send, *, more_comes: bool) -> None:
    """Answer, and then let the client finish talking into the void for a while.

    Closing at once would reset the connection of a client that is still sending, and with it the answer it has not read.
    """
    response.headers["Connection"] = "close"
    await send(
        {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
    )
    await send({"type": "http.response.body", "body": bytes(response.body), "more_body": more_comes})
    if more_comes:
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                    pass
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})
