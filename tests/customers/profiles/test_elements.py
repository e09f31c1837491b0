"""Windows restricted to several values of a list's elements: an event that has several of them is one event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guanxi.kernel.clock import DAY, to_rfc3339
from tests.customers.profiles.questions import Asker
from tests.installation import NOW

if TYPE_CHECKING:
    from tests.customers.conftest import Customers


def order(number: int, *lines: tuple[str, int], days: int = 0) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "order.paid",
        "messageId": f"o-{number}",
        "timestamp": to_rfc3339(NOW - days * DAY),
        "context": {"identities": [{"type": "member_no", "value": "m-1"}]},
        "properties": {
            "order_id": f"o-{number}",
            "amount": sum(amount for _, amount in lines),
            "lines": [{"category": category, "amount": amount} for category, amount in lines],
        },
    }


def test_an_event_with_several_of_the_values_counts_once(customers: Customers) -> None:
    customers.send(
        order(1, ("tea", 100), ("cake", 50), ("tea", 25)),
        order(2, ("tea", 300), days=3),
        order(3, ("cake", 40), ("soap", 5), days=3),
        order(4, ("soap", 9)),
        order(5, ("tea", 1), ("cake", 1), days=40),
    )
    customers.project()
    asker = Asker(customers)
    texts = {
        "count(order.paid where category in ('tea', 'cake'), 30d)": 3,
        "sum(order.paid.amount where category in ('tea', 'cake'), 30d)": 515,
        "avg(order.paid.amount where category in ('tea', 'cake'), 30d)": 515 / 3,
        "min(order.paid.amount where category in ('tea', 'cake'), 30d)": 40,
        "max(order.paid.amount where category in ('tea', 'cake'), 30d)": 300,
        "distinct(order.paid.category where category in ('tea', 'cake'), 30d)": 2,
        "count(order.paid where category in ('tea', 'cake'), 60d)": 4,
        "count(order.paid where category = 'tea', 30d)": 2,
    }
    windows = [asker.window(text) for text in texts]
    for _ in range(2):
        (values,) = asker.all(windows, asker.today()).values()
        assert values == {window.name: texts[text] for window, text in zip(windows, texts, strict=True)}
        customers.hand_over()
