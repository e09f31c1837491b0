from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from guanxi.access import Permission
from guanxi.api.app import create_app
from tests.api.client import Client
from tests.api.composed import Composed


def test_alive_and_ready(composed: Composed) -> None:
    nobody = composed.client(None)
    assert nobody.get("/healthz").json() == {"status": "ok"}
    assert nobody.get("/readyz").json() == {"status": "ok"}


def test_not_ready_with_tables_of_another_release(composed: Composed) -> None:
    with composed.context.database.transaction() as tx:
        tx.conn.execute(text("UPDATE storage_version_main SET version_num = '0000'"))
    answer = composed.client(None).get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert composed.client(None).get("/healthz").status_code == 200


def test_not_ready_while_a_part_is_not(composed: Composed) -> None:
    def lake() -> None:
        msg = "secret path"
        raise OSError(msg)

    context = replace(composed.context, probes={"lake": lake}, metrics=CollectorRegistry())
    answer = Client(create_app(context)).get("/readyz")
    assert answer.status_code == 503
    assert "lake" in answer.json()["message"]["en"]
    assert "secret path" not in answer.text


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_figures_are_given_to_this_machine(composed: Composed, address: str) -> None:
    composed.own.get("/v1/me")
    answer = composed.client(None, address).get("/metrics")
    assert answer.status_code == 200
    assert 'guanxi_http_requests_total{method="GET",route="/v1/me",status="200"} 1.0' in answer.text


def test_figures_need_a_key_from_elsewhere_also_through_a_proxy_here(composed: Composed) -> None:
    assert composed.client(None).get("/metrics").status_code == 401
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    assert composed.client(None, "127.0.0.1").get("/metrics", headers=forwarded).status_code == 401
    reader = composed.client(composed.key(Permission.HEALTH_READ))
    assert reader.get("/metrics").status_code == 200
    assert composed.client(composed.key(Permission.EVENTS_READ)).get("/metrics").status_code == 403
