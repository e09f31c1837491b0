"""Bodies that are too large, broken, or smaller than what they unzip to."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given, strategies as st
from starlette.types import Message, Receive, Scope, Send

from guanxi.api.body import BodyReader
from tests.api.composed import Composed
from tests.waiting import run

LIMIT = 1000


class Spoken:
    """Plays a client that sends pieces, and keeps what the app got and what was answered."""

    def __init__(self, pieces: list[bytes], headers: dict[str, str]) -> None:
        self.pieces = pieces
        self.headers = headers
        self.taken = 0
        self.got: bytes | None = None
        self.got_headers: dict[bytes, bytes] = {}
        self.sent: list[Message] = []
        run(self._run())

    async def _run(self) -> None:
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/x",
            "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()],
        }
        await BodyReader(self._app, lambda _path: LIMIT, lambda _path: None)(scope, self._receive, self._send)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        assert not message["more_body"]
        self.got = message["body"]
        self.got_headers = dict(scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def _receive(self) -> Message:
        if self.taken == len(self.pieces):
            return {"type": "http.disconnect"}
        self.taken += 1
        more = self.taken < len(self.pieces)
        return {"type": "http.request", "body": self.pieces[self.taken - 1], "more_body": more}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def problem(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.sent[1]["body"])
        return body


@given(st.lists(st.binary(max_size=400), max_size=6), st.booleans())
def test_what_fits_arrives_whole_and_what_does_not_is_refused(pieces: list[bytes], zipped: bool) -> None:
    body = b"".join(pieces)
    sent = [gzip.compress(piece, mtime=0) for piece in pieces] if zipped else pieces
    spoken = Spoken(sent or [b""], {"content-encoding": "gzip"} if zipped else {})
    if len(body) > LIMIT or (zipped and sum(map(len, sent)) > LIMIT):
        assert spoken.status == 413
        assert spoken.got is None
    else:
        assert spoken.got == body
        assert b"content-encoding" not in spoken.got_headers


def test_a_body_that_says_it_is_too_large_is_not_read_before_the_answer() -> None:
    spoken = Spoken([b"x" * 100] * 50, {"content-length": "5000"})
    assert spoken.status == 413
    assert spoken.problem["params"] == {"what": "body", "size": 5000, "limit": LIMIT}
    assert (b"connection", b"close") in spoken.sent[0]["headers"]
    # The answer went out first; then the client was let talk to its end, so that it reads it.
    assert [message.get("more_body") for message in spoken.sent] == [None, True, False]
    assert spoken.taken == 50


def test_a_client_that_waits_to_be_asked_is_not_asked() -> None:
    spoken = Spoken([b"x" * 5000], {"content-length": "5000", "expect": "100-continue"})
    assert spoken.status == 413
    assert spoken.taken == 0


def test_a_body_without_a_length_is_refused_where_it_passes_the_limit() -> None:
    spoken = Spoken([b"x" * 300] * 10, {"transfer-encoding": "chunked"})
    assert spoken.status == 413
    assert spoken.problem["params"]["size"] == 1200


def test_a_bomb_is_not_unzipped() -> None:
    bomb = gzip.compress(b"\x00" * 100_000, 9, mtime=0)
    assert len(bomb) < LIMIT
    spoken = Spoken([bomb], {"content-encoding": "gzip", "content-length": str(len(bomb))})
    assert spoken.status == 413
    assert spoken.problem["params"]["size"] == LIMIT + 1


@pytest.mark.parametrize(
    "body", [b"not gzip", gzip.compress(b"x" * 99, mtime=0)[:-5], gzip.compress(b"x", mtime=0) + b"junk"]
)
def test_broken_gzip_is_said_to_be_broken(body: bytes) -> None:
    spoken = Spoken([body], {"content-encoding": "gzip"})
    assert (spoken.status, spoken.problem["code"]) == (400, "invalid_input")


def test_other_encodings_are_not_supported() -> None:
    spoken = Spoken([b"x"], {"content-encoding": "br"})
    assert (spoken.status, spoken.problem["code"]) == (415, "unsupported_encoding")


def test_a_client_that_hangs_up_reaches_nobody() -> None:
    spoken = Spoken([], {"content-length": "10"})
    assert spoken.got is None
    assert spoken.sent == []


def test_a_hundred_megabytes_are_refused_by_the_app(composed: Composed) -> None:
    async def much() -> AsyncIterator[bytes]:
        for _ in range(1600):
            yield b"x" * 65_536

    answer = composed.own.post("/v1/keys", content=much(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.headers["x-request-id"] == answer.json()["instance"]


def test_a_zipped_body_is_read_by_the_app(composed: Composed) -> None:
    body = gzip.compress(json.dumps({"kind": "write", "name": "压缩"}).encode())
    answer = composed.own.post(
        "/v1/keys", content=body, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )
    assert answer.status_code == 201


@pytest.mark.server
def test_a_client_that_is_still_sending_gets_to_read_the_refusal(composed: Composed) -> None:
    server = uvicorn.Server(uvicorn.Config(composed.app, host="127.0.0.1", port=0, log_level="error"))
    serving = threading.Thread(target=server.run)
    serving.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        answer = httpx.post(
            f"http://127.0.0.1:{port}/v1/keys", content=b"x" * 100_000_000, timeout=60, trust_env=False
        )
    finally:
        server.should_exit = True
        serving.join()
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
