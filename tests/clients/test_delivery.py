"""Other people's clients, unchanged, deliver every message exactly once, whatever the network and the server do."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.serving import Shop, losing_answers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # The clients keep their connections to the end of the process, and look at them no more.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FOLDER = Path(__file__).parent
ORDERS = 120


@pytest.fixture
def shop(home: Path, database_setting: str) -> Iterator[Shop]:
    """A running shop on both databases in turn."""
    made = Shop(home, database_setting)
    made.start()
    yield made
    made.kill()


def client_of(package: str, shop: Shop, address: str) -> Any:
    """Return a client of Segment or RudderStack that sends to ``address``."""
    if package == "segment":
        from segment.analytics.client import Client

        return Client(shop.key, host=address, gzip=True, max_retries=20, upload_size=25)
    from rudderstack.analytics.client import Client as RudderClient

    return RudderClient(shop.key, host=address, max_retries=20, upload_size=25)


def send(client: Any, *, pause: float = 0) -> None:
    """Send one person's orders."""
    client.identify("py-user", {"phone": "13911110002", "name": "韩梅梅"})
    for number in range(ORDERS):
        client.track("py-user", "order.paid", {"order_id": f"p{number}", "amount": 100})
        time.sleep(pause)
    client.flush()
    client.shutdown()


def check(shop: Shop, phone: str) -> None:
    """Every order is there once, under one member."""
    assert shop.summary() == {
        "members": 1,
        "orders": ORDERS,
        "gmv": ORDERS * 100,
        "events": ORDERS + 1,
        "dead_letters": 0,
    }
    member = shop.run("member", "show", phone)
    assert (member["orders"], member["spent"]) == (ORDERS, ORDERS * 100)


@pytest.mark.clients
@pytest.mark.parametrize("package", ["segment", "rudder"])
def test_python_clients_deliver_though_answers_are_lost(shop: Shop, package: str) -> None:
    with losing_answers(shop.port, lost=2) as address:
        send(client_of(package, shop, address))
    check(shop, "13911110002")


@pytest.mark.clients
def test_a_python_client_delivers_though_the_server_is_killed(shop: Shop) -> None:
    def kill_twice() -> None:
        for _ in range(2):
            time.sleep(0.7)
            shop.kill()
            shop.start()

    killing = threading.Thread(target=kill_twice)
    killing.start()
    send(client_of("segment", shop, shop.address), pause=0.02)
    killing.join()
    check(shop, "13911110002")


@pytest.mark.clients("node")
def test_the_node_client_delivers_though_answers_are_lost(shop: Shop) -> None:
    with losing_answers(shop.port, lost=2) as address:
        done = subprocess.run(
            ["node", "deliver.mjs", address, shop.key, str(ORDERS)],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    check(shop, "13911110003")
