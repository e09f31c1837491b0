"""A browser without a browser: requests to an application in this process, with a jar of cookies."""

from __future__ import annotations

import re
from typing import Any

import httpx
from starlette.types import ASGIApp

from tests.waiting import run


class Client:
    """Asks an ASGI application directly; cookies are kept from one request to the next."""

    def __init__(self, app: ASGIApp, *, raises: bool = True) -> None:
        self._transport = httpx.ASGITransport(app=app, raise_app_exceptions=raises)
        self._cookies = httpx.Cookies()

    def get(self, path: str, **given: Any) -> httpx.Response:
        """Return the answer to a GET."""
        return run(self._ask("GET", path, given))

    def post(self, path: str, fields: dict[str, str], **given: Any) -> httpx.Response:
        """Return the answer to a form; its token is taken from a page of ours, unless the fields bring one."""
        if "csrf" not in fields:
            page = self.get("/console/sign-in" if "gx_session" not in self._cookies else "/console/me")
            found = re.search(r'name="csrf-token" content="([^"]*)"', page.text)
            fields = {**fields, "csrf": found[1] if found else ""}
        return run(self._ask("POST", path, {"data": fields, **given}))

    def send(self, path: str, fields: dict[str, str], file: bytes | None) -> httpx.Response:
        """Return the answer to a form that brings a file; its token is taken from a page of ours."""
        found = re.search(r'name="csrf-token" content="([^"]*)"', self.get("/console/me").text)
        data = {**fields, "csrf": found[1] if found else ""}
        sent = {"file": ("list.csv", file, "text/csv")} if file is not None else {"other": ("", b"")}
        return run(self._ask("POST", path, {"data": data, "files": sent}))

    def cookie(self, name: str) -> str:
        """Return the value of a cookie; empty if there is none."""
        return self._cookies.get(name, "") or ""

    async def _ask(self, method: str, path: str, given: dict[str, Any]) -> httpx.Response:
        async with httpx.AsyncClient(
            transport=self._transport, base_url="http://console", cookies=self._cookies
        ) as client:
            answer = await client.request(method, path, **given)
            self._cookies = client.cookies
            return answer
