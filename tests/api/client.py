"""A client without a network: requests to an application in this process."""

from __future__ import annotations

from typing import Any

import httpx
from starlette.types import ASGIApp

from tests.waiting import run


class Client:
    """Asks an ASGI application directly, with one key."""

    def __init__(self, app: ASGIApp, key: str | None = None, address: str = "203.0.113.7") -> None:
        self._transport = httpx.ASGITransport(app=app, client=(address, 50000))
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Return the answer to one request."""
        return run(self._ask(method, path, given))

    def get(self, path: str, **given: Any) -> httpx.Response:
        """Return the answer to a GET."""
        return self.ask("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        """Return the answer to a POST."""
        return self.ask("POST", path, **given)

    async def _ask(self, method: str, path: str, given: dict[str, Any]) -> httpx.Response:
        async with httpx.AsyncClient(
            transport=self._transport, base_url="http://guanxi", headers=self._headers
        ) as client:
            return await client.request(method, path, **given)
