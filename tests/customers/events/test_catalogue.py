"""Types that a merchant declares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from guanxi.customers.events import service, store
from guanxi.customers.events.catalogue import builtin, check, read_type
from guanxi.customers.events.model import FieldType
from guanxi.kernel.errors import Conflict, InvalidInput
from guanxi.kernel.text import Text
from tests.installation import NOW

if TYPE_CHECKING:
    from tests.customers.conftest import Customers

HAN = re.compile(r"[\u4e00-\u9fff]")
GOOD: dict[str, Any] = {
    "version": 1,
    "label": {"zh": "到店", "en": "Visited"},
    "fields": {
        "store_id": {"type": "text", "required": True},
        "minutes": {"type": "int"},
        "spent": {"type": "money"},
        "tables": {"type": "list", "of": {"kind": {"type": "text"}, "guests": {"type": "int"}}},
        "diary": {"type": "text", "personal": True},
    },
    "measures": {"minutes": {}, "revenue": {"field": "spent"}},
    "dimensions": {
        "store": {"key": "store_id"},
        "channel": {"context": "channel"},
        "table": {"each": "tables", "key": "kind", "measures": {"minutes": "guests"}},
    },
}


def test_a_declaration() -> None:
    kind = read_type("store.visited", GOOD)
    assert (kind.label.zh, kind.measures["revenue"].unit, kind.measures["minutes"].unit) == (
        "到店",
        "fen",
        "",
    )
    assert kind.fields["diary"].personal
    assert check(kind, {"store_id": "s", "unknown": object()}) is None


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("Visited", {}),
        ("a.b.c.d.e", {}),
        ("1a", {}),
        ("", {}),
        ("ok", {"colour": 1}),
        ("ok", {"version": 0}),
        ("ok", {"version": True}),
        ("ok", {"version": "1"}),
        ("ok", {"internal": True}),
        ("ok", {"subject": "none"}),
        ("ok", {"label": {"zh": "只有中文"}}),
        ("ok", {"label": "x"}),
        ("ok", {"fields": []}),
        ("ok", {"fields": {"A": {"type": "text"}}}),
        ("ok", {"fields": {"a": {"type": "texts"}}}),
        ("ok", {"fields": {"a": {"type": "text", "colour": 1}}}),
        ("ok", {"fields": {"a": "text"}}),
        ("ok", {"fields": {5: {"type": "text"}}}),
        ("ok", {"measures": {"x": {"field": "store_id"}}}),
        ("ok", {"measures": {"x": {"field": "nothing"}}}),
        ("ok", {"measures": []}),
        ("ok", {"dimensions": {"x": {"key": "minutes"}}}),
        ("ok", {"dimensions": {"x": {"context": "weather"}}}),
        ("ok", {"dimensions": {"x": {"each": "store_id", "key": "kind"}}}),
        ("ok", {"dimensions": {"x": {"key": "store_id", "measures": {"nothing": "minutes"}}}}),
        ("ok", {"dimensions": {"x": {"key": "store_id", "measures": {"minutes": "store_id"}}}}),
    ],
)
def test_a_bad_declaration_is_refused_with_its_place(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_type(name, {**GOOD, **change})
    assert HAN.search(caught.value.say("zh"))
    assert not HAN.search(caught.value.say("en"))
    assert name in caught.value.say("en")


@pytest.mark.parametrize("spec", [None, [], "x", 5])
def test_a_declaration_is_a_mapping(spec: Any) -> None:
    with pytest.raises(InvalidInput):
        read_type("ok", spec)


@pytest.mark.parametrize(
    ("properties", "zh", "en"),
    [
        (
            {"order_id": "1"},
            "支付订单（order.paid）：实付金额（properties.amount）必填，但没有提供。",
            "Paid an order (order.paid): Amount paid (properties.amount) is required but missing.",
        ),
        (
            {"order_id": "1", "amount": "9.9"},
            "支付订单（order.paid）：实付金额（properties.amount）应为以分为单位的整数金额（money）。",
            (
                "Paid an order (order.paid): Amount paid (properties.amount) should be a whole number of the minor"
                " unit (money)."
            ),
        ),
        (
            {"order_id": "1", "amount": 1, "lines": [{"quantity": "two"}]},
            "支付订单（order.paid）：数量（properties.lines[0].quantity）应为数字（number）。",
            "Paid an order (order.paid): Quantity (properties.lines[0].quantity) should be a number.",
        ),
        (
            {"order_id": "1", "amount": 1, "lines": [3]},
            "支付订单（order.paid）：properties.lines[0] 应为对象。",
            "Paid an order (order.paid): properties.lines[0] should be an object.",
        ),
    ],
)
def test_a_refusal_calls_type_and_property_by_title_and_name(
    properties: dict[str, Any], zh: str, en: str
) -> None:
    kind = builtin().get("order.paid")
    assert kind is not None
    refused = check(kind, properties)
    assert refused is not None
    assert refused.reason == Text(zh, en)


def test_every_type_of_ours_has_a_title_in_both_languages() -> None:
    for kind in builtin().types.values():
        assert HAN.search(kind.label.zh), kind.name
        assert kind.title.zh == f"{kind.label.zh}（{kind.name}）"
        assert kind.title.en == f"{kind.label.en} ({kind.name})"
    assert read_type("own.visit", {}).title == Text("own.visit", "own.visit")
    assert all(HAN.search(one.label.zh) and not HAN.search(one.label.en) for one in FieldType)


def test_versions_count_up_by_one(customers: Customers) -> None:
    def declare(version: int, **change: Any) -> None:
        with customers.installation.database.transaction() as tx:
            service.declare(tx, "shop", "store.visited", {**GOOD, "version": version, **change}, NOW)

    with pytest.raises(Conflict, match="1"):
        declare(2)
    declare(1)
    declare(1)
    with pytest.raises(Conflict, match="2"):
        declare(1, label={"zh": "来访", "en": "Came"})
    with pytest.raises(Conflict):
        declare(3)
    declare(2, label={"zh": "来访", "en": "Came"})
    with customers.installation.database.reading() as tx:
        assert store.own_types(tx, "shop")["store.visited"].version == 2
        assert store.own_types(tx, "other") == {}


@pytest.mark.parametrize("name", sorted(builtin().types))
def test_the_products_own_types_are_its_own(customers: Customers, name: str) -> None:
    with pytest.raises(Conflict) as caught, customers.installation.database.transaction() as tx:
        service.declare(tx, "shop", name, GOOD, NOW)
    assert f"（{name}）是内置类型" in caught.value.say("zh")


def test_a_declared_type_is_checked_and_measured(customers: Customers) -> None:
    with customers.installation.database.transaction() as tx:
        service.declare(tx, "shop", "store.visited", GOOD, NOW)
    message = {
        "type": "track",
        "event": "store.visited",
        "userId": "u-1",
        "timestamp": "2026-06-15T10:00:00+08:00",
    }
    tables = [{"kind": "round", "guests": 2}, {"kind": "round", "guests": 3}, {"kind": "bar"}, {}]
    receipt = customers.send(
        {**message, "messageId": "a", "properties": {"store_id": "s1", "spent": 500, "tables": tables}},
        {**message, "messageId": "b", "properties": {"store_id": "s1", "minutes": 7}},
        {**message, "messageId": "c", "properties": {}},
    )
    assert (receipt.accepted, receipt.dead_lettered) == (2, 1)
    customers.project()
    with customers.installation.database.reading() as tx:
        rows = tx.conn.exec_driver_sql(
            "SELECT measure, dimension, value, n, total FROM customer_bucket NATURAL JOIN customer_series"
            " WHERE fragment = 0 AND type = 'store.visited'"
        ).all()
    assert {tuple(row[:3]): tuple(row[3:]) for row in rows} == {
        ("", "", ""): (2, 0),
        ("minutes", "", ""): (1, 7),
        ("revenue", "", ""): (1, 500),
        ("minutes", "store", "s1"): (1, 7),
        ("revenue", "store", "s1"): (1, 500),
        ("minutes", "channel", "web"): (1, 7),
        ("revenue", "channel", "web"): (1, 500),
        ("minutes", "table", "round"): (1, 5),
        ("minutes", "table", "bar"): (1, 0),
    }


def test_a_paid_amount_is_not_negative() -> None:
    kind = builtin().types["order.paid"]
    wrong = check(kind, {"order_id": "o", "amount": -5})
    assert wrong is not None
    assert (wrong.code, wrong.path) == ("wrong_value", "properties.amount")
    assert "不能小于 0" in wrong.reason.zh
    assert check(kind, {"order_id": "o", "amount": 0}) is None


def test_a_least_value_belongs_to_numbers() -> None:
    for options in ({"type": "text", "min": 0}, {"type": "int", "min": "0"}):
        with pytest.raises(InvalidInput):
            read_type("own.type", {"fields": {"a": options}})
