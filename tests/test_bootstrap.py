"""The web application as it is put together: its first visitor does not wait, whatever state the database is in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from guanxi.bootstrap import build, create_web
from guanxi.customers.members import store
from guanxi.customers.members.service import Members
from tests.api.client import Client
from tests.installation import Installation
from tests.waiting import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI
    from starlette.applications import Starlette

    from guanxi.storage.database import Transaction


def start(app: FastAPI) -> Starlette:
    """Start an application and stop it again; returns the console within."""

    async def live() -> None:
        async with app.router.lifespan_context(app):
            pass

    run(live())
    console: Starlette = next(route.app for route in app.routes if getattr(route, "path", None) == "")  # type: ignore[attr-defined]
    return console


def test_pages_and_figures_are_ready_before_anybody_asks(
    tmp_path: Path, database_setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Installation.fresh(tmp_path / "home", database_setting) as made:
        read: list[str] = []

        def active(
            _tx: Transaction, merchant_id: str, _days: Sequence[int], _series: list[int]
        ) -> list[tuple[int, list[int]]]:
            read.append(merchant_id)
            return []

        monkeypatch.setattr(store, "active", active)
        product = build(made.home, made.clock)
        try:
            environment = start(create_web(product)).state.console.environment
        finally:
            product.database.dispose()
        assert read == ["shop"]
        compiled = {name for _, name in environment.cache}
        assert compiled >= set(environment.list_templates(extensions=["html"]))


def test_a_database_that_is_away_does_not_keep_the_server_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Installation.fresh(tmp_path / "home", "sqlite") as made:

        def away(*_: object) -> None:
            raise OperationalError("", {}, Exception("gone"))

        monkeypatch.setattr(Members, "overview", away)
        product = build(made.home, made.clock)
        try:
            with capture_logs() as logs:
                start(create_web(product))
        finally:
            product.database.dispose()
        assert [one["event"] for one in logs] == ["not_warmed"]


def test_the_apis_addresses_are_its_own(tmp_path: Path) -> None:
    with Installation.fresh(tmp_path / "home", "sqlite") as made:
        product = build(made.home, made.clock)
        try:
            client = Client(create_web(product))
            for method, path in (("GET", "/v1/track"), ("PUT", "/v1/track"), ("PATCH", "/v1/members")):
                answer = client.ask(method, path)
                assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), path
            assert client.ask("GET", "/v1/nothing").json()["code"] == "not_found"
            assert client.ask("GET", "/console/sign-in").status_code == 200
            for path in ("/v1/batch", "/v1/b"):
                broken = client.ask("POST", path, content=b"no", headers={"Content-Encoding": "gzip"})
                assert broken.status_code in {400, 422}
                assert isinstance(broken.json()["message"], str)
                assert broken.headers["access-control-allow-origin"] == "*"
        finally:
            product.database.dispose()
