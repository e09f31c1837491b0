"""A browser without a browser: requests to an application in this process, with a jar of cookies."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from starlette.types import ASGIApp


class Client:
    """Asks an ASGI application directly; cookies are kept from one request to the next."""

    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(app=app)
        self._cookies = httpx.Cookies()

    def get(self, path: str, **given: Any) -> httpx.Response:
        """Return the answer to a GET."""
        return asyncio.run(self._ask("GET", path, given))

    async def _ask(self, method: str, path: str, given: dict[str, Any]) -> httpx.Response:
        async with httpx.AsyncClient(
            transport=self._transport, base_url="http://console", cookies=self._cookies
        ) as client:
            answer = await client.request(method, path, **given)
            self._cookies = client.cookies
            return answer
