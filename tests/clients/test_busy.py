"""Other people's clients where the server is busy and requests get lost, and what they hear when they are wrong."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.mishaps import rough_road
from tests.clients.serving import Shop

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # The clients keep their connections to the end of the process, and look at them no more.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ORDERS = 200


@pytest.fixture
def shop(home: Path, database_setting: str) -> Iterator[Shop]:
    """A running shop on both databases in turn."""
    GIVEN_UP.clear()
    made = Shop(home, database_setting)
    made.start()
    yield made
    made.kill()


def segment(shop: Shop, address: str, **options: Any) -> Any:
    """Return Segment's client; a batch that it gives up fails the test."""
    from segment.analytics.client import Client

    return Client(shop.key, host=address, upload_size=20, on_error=_gave_up, **options)


def rudder(shop: Shop, address: str, **options: Any) -> Any:
    """Return RudderStack's client; a batch that it gives up fails the test."""
    from rudderstack.analytics.client import Client

    return Client(shop.key, host=address, upload_size=40, max_retries=20, on_error=_gave_up, **options)


GIVEN_UP: list[str] = []


def _gave_up(error: Exception, batch: list[Any]) -> None:
    GIVEN_UP.append(f"{len(batch)} messages: {error}")


def order(client: Any, number: int, **said: Any) -> None:
    """Send one order; whichever id is not given goes over the wire as null."""
    who = {"user_id": f"u{number % 7}"} if number % 3 else {"anonymous_id": f"a{number % 5}"}
    client.track(event="order.paid", properties={"order_id": f"o{number}", "amount": 100, **said}, **who)


def check(shop: Shop, orders: int) -> None:
    """Every order is there once and counts once."""
    assert GIVEN_UP == []
    found = shop.summary()
    assert (found["orders"], found["gmv"], found["events"]) == (orders, orders * 100, orders)
    assert found["dead_letters"] == 0


@pytest.mark.clients
@pytest.mark.parametrize("gzip", [False, True])
def test_segment_comes_again_when_it_is_told_to(shop: Shop, gzip: bool) -> None:
    with rough_road(shop.port) as (address, happened):
        client = segment(shop, address, gzip=gzip)
        for number in range(ORDERS):
            order(client, number)
        client.flush()
        client.shutdown()
    assert happened["429"]
    assert happened["503"]
    assert happened["lost request"]
    assert happened["lost answer"] >= 2
    check(shop, ORDERS)


@pytest.mark.clients
def test_rudderstack_comes_again_and_may_send_more(shop: Shop) -> None:
    with rough_road(shop.port) as (address, happened):
        client = rudder(shop, address)
        for number in range(ORDERS):
            order(client, number)
        order(client, ORDERS, note="长" * 50_000)  # ten times what Segment allows
        client.flush()
        client.shutdown()
    assert happened["429"]
    assert happened["lost answer"] >= 2
    check(shop, ORDERS + 1)


@pytest.mark.clients("node")
def test_node_comes_again_when_it_is_told_to(shop: Shop) -> None:
    with rough_road(shop.port) as (address, happened):
        sending = subprocess.run(
            ["node", "deliver.mjs", address, shop.key, str(ORDERS)],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert sending.returncode == 0, sending.stderr  # Node itself warns there of the client's many listeners
    assert happened["429"]
    assert happened["lost answer"] >= 2
    found = shop.summary()
    assert (found["orders"], found["gmv"], found["events"]) == (ORDERS, ORDERS * 100, ORDERS + 1)


@pytest.mark.clients
def test_every_call_of_segments_client_arrives(shop: Shop) -> None:
    client = segment(shop, shop.address, gzip=True)
    client.identify("u1", {"name": "王芳", "phone": "13912345670"})
    client.track("u1", "order.paid", {"order_id": "o1", "amount": 100})
    client.page("u1", "目录", "首页", {"path": "/"})
    client.screen("u1", "目录", "首页")
    client.group("u1", "g1", {"name": "一组"})
    client.alias("a1", "u1")
    client.flush()
    client.shutdown()
    found = shop.summary()
    assert (found["events"], found["members"], found["orders"], found["dead_letters"]) == (6, 1, 1, 0)


@pytest.mark.clients
def test_what_is_wrong_is_said_once_and_for_good(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    from rudderstack.analytics import request as rudders
    from segment.analytics import request as segments

    client = segment(shop, shop.address)
    with caplog.at_level(logging.ERROR, "segment"), pytest.raises(RuntimeError, match="32"):
        client.track("u1", "order.paid", {"order_id": "o0", "amount": 100, "note": "x" * 33_000})
    client.shutdown()
    large = {"type": "track", "event": "x", "userId": "u1", "properties": {"note": "x" * 33_000}}
    with pytest.raises(segments.APIError) as refused:
        segments.post(shop.key, shop.address, batch=[large])
    assert (refused.value.status, refused.value.code) == (400, "too_large")
    assert "上限" in refused.value.message
    for package in (segments, rudders):
        with pytest.raises(package.APIError) as unknown:
            package.post("nobody", shop.address, batch=[{"type": "track", "event": "x", "userId": "u1"}])
        assert (unknown.value.status, unknown.value.code) == (401, "unauthenticated")
    assert shop.summary()["events"] == 0
