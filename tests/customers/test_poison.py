"""One event that cannot be taken in stops nobody behind it, and is not lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from guanxi.customers.events.measures import Extract, extractor
from guanxi.customers.projection import jobs
from guanxi.storage.database import UNAVAILABLE
from tests.customers.test_projection import order, rows
from tests.settling import read_to_end

if TYPE_CHECKING:
    from tests.customers.conftest import Customers


def poison(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let taking in an event of type ``bad`` fail."""
    whole = extractor

    def failing(name: str, kind: Any, numbering: Any) -> Extract:
        if name == "bad":
            raise error
        return whole(name, kind, numbering)

    monkeypatch.setattr(jobs, "extractor", failing)


def send_with_a_bad_one(customers: Customers) -> None:
    bad = {**order("bad-1", "13911110001", 1), "event": "bad"}
    customers.send(*(order(f"o{number}", "13911110000", 100) for number in range(40)))
    customers.send(bad)
    customers.send(*(order(f"p{number}", "13911110000", 100) for number in range(40)))


def test_a_poisoned_event_is_set_aside(customers: Customers, monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, ValueError("it does not add up"))
    send_with_a_bad_one(customers)
    customers.project()
    assert (
        rows(customers, "SELECT n, total FROM customer_bucket WHERE fragment = 0 AND total > 0")
        == [(80, 8000)] * 3
    )
    installation = customers.installation
    assert installation.log.dead_letters("shop") == {"open": 1}
    monkeypatch.undo()
    assert customers.projection.rebuild("shop") == 81
    assert len(rows(customers, "SELECT 1 FROM customer_member")) == 2


def test_a_database_that_is_away_sets_nothing_aside(
    customers: Customers, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, UNAVAILABLE[-1]("the disk is full"))
    send_with_a_bad_one(customers)
    assert len(read_to_end(customers.installation.log, "shop")) == 81
    with pytest.raises(OSError, match="the disk is full"):
        customers.projection.run("shop")
    assert customers.installation.log.dead_letters("shop") == {}
    monkeypatch.undo()
    customers.project()
    assert len(rows(customers, "SELECT 1 FROM customer_member")) == 2
