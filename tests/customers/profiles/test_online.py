"""What one member's answer reads: days on which they were known, and what was found out before only once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from guanxi.customers.profiles import model, service, store
from tests.customers.privacy.shop import DAY, openid, order
from tests.customers.profiles.questions import Asker

if TYPE_CHECKING:
    from tests.customers.privacy.shop import Shop

ANNA = openid("anna-wx")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many days each look-up of buckets goes through."""
    days: list[int] = []
    found = store.buckets

    def buckets(tx: Any, merchant_id: str, between: tuple[int, int], *rest: Any) -> Any:
        days.append(between[1] - between[0])
        return found(tx, merchant_id, between, *rest)

    monkeypatch.setattr(store, "buckets", buckets)
    return days


def values(asker: Asker, *texts: str) -> list[Any]:
    (found,) = asker.each([asker.window(text) for text in texts], asker.today()).values()
    return [found[asker.window(text).name] for text in texts]


def test_days_before_a_member_was_met_are_not_read(shop: Shop, asker: Asker, read: list[int]) -> None:
    shop.send(order("event-1", ANNA, fen=7, ago=9 * DAY), order("event-2", ANNA, fen=1))
    shop.customers.project()
    assert values(asker, "sum(order.paid.amount, 365d)", "count(order.paid, 10d)") == [8, 2]
    assert read == [10]


def test_long_ago_is_read_only_for_a_last_time_that_is_not_found_nearer(
    shop: Shop, asker: Asker, read: list[int]
) -> None:
    shop.send(order("event-1", ANNA, fen=7, ago=300 * DAY))
    shop.customers.project()
    texts = "last(order.paid, 730d)", "count(order.paid, 30d)"
    assert values(asker, *texts) == [asker.today() - 300, 0]
    assert read == [90, 211]
    read.clear()
    shop.send(order("event-2", ANNA, fen=1, ago=2 * DAY))
    shop.customers.project()
    assert values(asker, *texts) == [asker.today() - 2, 1]
    assert read == [90]


def test_a_question_is_planned_once_until_there_is_something_new_to_read(
    shop: Shop, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[int] = []
    needs = model.needs

    def counted(*given: Any) -> Any:
        planned.append(1)
        return needs(*given)

    monkeypatch.setattr(service, "needs", counted)
    vocabulary, window = asker.vocabulary(), asker.window("count(order.paid where channel = 'live', 30d)")

    def count() -> list[Any]:
        return [found[window.name] for found in asker.each([window], asker.today(), vocabulary).values()]

    shop.send(order("event-1", ANNA))
    shop.customers.project()
    assert [count(), count()] == [[0], [0]]
    assert len(planned) == 1
    live = order("event-2", ANNA)
    live["context"]["channel"] = "live"
    shop.send(live)
    shop.customers.project()
    assert count() == [1]
