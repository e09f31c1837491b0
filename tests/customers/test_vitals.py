"""What came in lately, and what waits: each event once, whether it lies in the tail or in the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guanxi.customers.events.model import Source
from guanxi.customers.projection.jobs import READER
from guanxi.kernel.clock import DAY, HOUR, MINUTE
from guanxi.storage.events.vitals import Arrivals, Waiting, arrivals, lake_state, waiting

if TYPE_CHECKING:
    from tests.customers.conftest import Customers

STORE = Source("till", "store-1", "store")


def seen(number: int) -> dict[str, Any]:
    return {"type": "page", "messageId": f"m-{number}", "userId": f"u-{number}"}


def test_an_event_counts_once_before_and_after_its_hand_over(customers: Customers) -> None:
    made = customers.installation
    first = made.clock.now()
    assert arrivals(made.database, made.log, "shop", first) == []
    customers.send(seen(1), seen(2))
    made.clock.move(2 * MINUTE)
    customers.send(seen(3), source=STORE)
    now = made.clock.now()
    expected = [
        Arrivals("shop-web", "web", 0, 2, 2, first),
        Arrivals("store-1", "store", 1, 1, 1, now),
    ]
    assert arrivals(made.database, made.log, "shop", now) == expected
    assert waiting(made.database, made.log, "shop", READER) == Waiting(3, first)
    customers.project()
    assert waiting(made.database, made.log, "shop", READER) == Waiting(0, 0)
    assert customers.hand_over() == 3
    assert arrivals(made.database, made.log, "shop", now) == expected
    customers.send(seen(4))
    assert arrivals(made.database, made.log, "shop", now)[0] == Arrivals("shop-web", "web", 1, 3, 3, now)
    assert arrivals(made.database, made.log, "shop", now + HOUR)[0].hour == 0


def test_what_is_a_day_old_no_longer_counts(customers: Customers) -> None:
    made = customers.installation
    customers.send(seen(1))
    made.clock.move(DAY)
    assert arrivals(made.database, made.log, "shop", made.clock.now()) == []


def test_a_lake_says_how_it_lies(customers: Customers) -> None:
    made = customers.installation
    assert lake_state(made.log, "shop") == (0, 0, 0)
    customers.send(seen(1))
    customers.project()
    customers.hand_over()
    state = lake_state(made.log, "shop")
    assert state.files == 1
    assert state.size > 0
    assert state.written_at > 0
