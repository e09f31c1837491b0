"""From messages to people, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from tests.customers.state import forget_everything

if TYPE_CHECKING:
    from tests.customers.conftest import Customers


def order(key: str, phone: str, amount: int, at: str = "2026-06-14T10:00:00+08:00") -> dict[str, Any]:
    return {
        "type": "track",
        "event": "order.paid",
        "messageId": key,
        "timestamp": at,
        "context": {"identities": [{"type": "phone", "value": phone}]},
        "properties": {"order_id": key, "amount": amount, "lines": [{"category": "A", "amount": amount}]},
    }


def rows(customers: Customers, sql: str) -> list[tuple[Any, ...]]:
    with customers.installation.database.reading() as tx:
        return [tuple(row) for row in tx.conn.execute(text(sql))]


def test_an_event_counts_once_however_often_it_comes(customers: Customers) -> None:
    first = customers.send(order("o1", "13911110000", 500), order("o1", "13911110000", 500))
    customers.project()
    assert customers.hand_over() == 1
    again = customers.send(order("o1", "13911110000", 500))
    customers.project()
    assert (first.accepted, first.duplicates, again.accepted, again.duplicates) == (1, 1, 0, 1)
    assert (
        rows(customers, "SELECT n, total FROM customer_bucket WHERE fragment = 0 AND total > 0")
        == [(1, 500)] * 3
    )


def test_two_platforms_meet_in_one_member_by_phone(customers: Customers) -> None:
    for scope, value in (("douyin-app", "dy1"), ("wechat-app", "wx1")):
        customers.send(
            {
                "type": "identify",
                "messageId": f"i-{scope}",
                "timestamp": "2026-06-14T10:00:00+08:00",
                "context": {"identities": [{"type": "openid", "scope": scope, "value": value}]},
                "traits": {"phone": "+86 139 1111 0000", "name": "王小明"},
            }
        )
    customers.send(order("o1", "13911110000", 500))
    customers.project()
    assert len(rows(customers, "SELECT 1 FROM customer_member")) == 1
    assert len(rows(customers, "SELECT 1 FROM customer_holding")) == 3


def test_nothing_personal_rests_in_the_open(customers: Customers) -> None:
    customers.send(
        {
            "type": "identify",
            "userId": "u-77",
            "messageId": "i1",
            "timestamp": "2026-06-14T10:00:00+08:00",
            "traits": {"phone": "13911110000", "name": "王小明", "city": "杭州"},
        }
    )
    customers.project()
    customers.hand_over()
    customers.installation.database.dispose()
    found: set[str] = set()
    for path in customers.installation.home.path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found.update(word for word in ("13911110000", "王小明", "杭州") if word.encode() in content)
    assert "13911110000" not in found
    assert "王小明" not in found


def test_all_names_are_found_wherever_sets_are_cut(customers: Customers) -> None:
    def tokens() -> set[tuple[int, int]]:
        with customers.installation.database.reading() as tx:
            rows = tx.conn.execute(text("SELECT token, fragment FROM customer_token"))
            return {(row[0], row[1]) for row in rows}

    named = [
        {"type": "identify", "userId": "u-1", "traits": {"name": name}, "messageId": name}
        for name in ("王小明", "王大明")
    ]
    customers.send(*named)
    customers.project(limit=2)
    together = tokens()
    forget_everything(customers)
    customers.send(*named)
    customers.project(limit=1)
    assert tokens() == together
