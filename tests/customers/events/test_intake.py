"""The door: what comes in a batch with bad company, and what becomes of the bad."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from guanxi.customers.events.model import Source
from guanxi.kernel.clock import to_rfc3339
from guanxi.storage.events import dead_letters
from guanxi.storage.events.dead_letters import DeadLetter
from guanxi.storage.merchants import Merchant, add_merchant
from tests.customers.conftest import SHOP
from tests.customers.state import rows, state_of
from tests.installation import NOW
from tests.storage.events import follow, in_tail

if TYPE_CHECKING:
    from tests.customers.conftest import Customers


def message(key: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "seen",
        "messageId": key,
        "userId": "u-1",
        "timestamp": to_rfc3339(NOW),
        **more,
    }


def letters(customers: Customers, state: Any = "open") -> list[DeadLetter]:
    with customers.installation.database.tail.reading() as tx:
        return dead_letters.page(tx, "shop", state, None, 100)


def deep(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(levels):
        made = {"a": made}
    return made


ODD: dict[str, dict[str, Any]] = {
    "a NUL in the time": {"timestamp": "\x00"},
    "half a letter": {"properties": {"x": "\ud800"}},
    "half a letter in the id": {"messageId": "\ud800"},
    "half a letter in the time": {"timestamp": "\ud800"},
    "a clock in the year 9999": {"sentAt": "9999-12-31T23:59:59Z"},
    "an id of five thousand digits": {"userId": 10**5_000},
    "a thousand levels": {"properties": deep(1_000)},
    "a thousand levels without an id": {"properties": deep(1_000), "messageId": None},
    "no JSON value": {"properties": {"x": object()}},
    "ten megabytes": {"event": "x" * 10_000_000},
}


@pytest.mark.parametrize("odd", ODD)
def test_a_bad_message_never_takes_the_good_ones_with_it(customers: Customers, odd: str) -> None:
    receipt = customers.send(message("before"), message("bad", **ODD[odd]), message("after"))
    assert (receipt.accepted, receipt.duplicates, receipt.dead_lettered) == (2, 0, 1)
    (letter,) = letters(customers)
    assert letter.reason_zh != letter.reason_en
    assert len(letter.raw) < 100_000
    assert in_tail(customers.installation) == ["before", "after"]
    again = customers.send(message("before"), message("bad", **ODD[odd]), message("after"))
    assert (again.accepted, again.duplicates, again.dead_lettered) == (0, 2, 1)
    assert [letter.times for letter in letters(customers)] == [2]


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "identify", "traits": {"a\x00b": "c\x00d", "name": "王\x00", "e" * 5_000: 1}},
        {"event": "consent.given", "properties": {"purpose": "p\x00" + "x" * 9_000, "channel": "\x00", "evidence": "\x00" * 9}},
        {"context": {"consent": [{"purpose": "\x00", "channel": "c" * 500, "granted": True}]}},
        {"event": "order.paid", "properties": {"order_id": "o", "amount": 1 << 53,
                                               "lines": [{"category": "茶\x00" * 200, "amount": -(1 << 53)}] * 3}},
        {"event": "\u2028".strip() or "x", "properties": {"x": 10**300, "y": 1e308}},
    ],
)  # fmt: skip
def test_no_accepted_event_stops_the_projection(customers: Customers, odd: dict[str, Any]) -> None:
    assert customers.send(message("odd", **odd), message("next")).accepted == 2
    customers.project()
    assert customers.hand_over() == 2
    assert [event.event_id for event in follow(customers.installation.log)] == ["odd", "next"]


def test_a_sum_that_nothing_can_hold_stays_at_the_most(customers: Customers) -> None:
    for sign in (1, -1):
        lines = [{"category": f"c{sign}", "amount": sign << 53}] * 800
        for n in range(3):
            properties = {"order_id": "o", "amount": 1 << 53, "lines": lines}
            customers.send(message(f"{sign}-{n}", event="order.paid", properties=properties))
            customers.project()
    with customers.installation.database.reading() as tx:
        found = rows(
            tx,
            "SELECT value, n, total FROM customer_bucket NATURAL JOIN customer_series"
            " WHERE dimension = 'category' AND fragment = 0",
        )
    assert found == [("c-1", 3, -(1 << 63) + 1), ("c1", 3, (1 << 63) - 1)]


def test_a_mended_letter_becomes_an_event_of_whoever_sent_it(customers: Customers) -> None:
    source = Source("till", "shop-hangzhou", "store")
    bad = {
        "type": "track",
        "event": "order.paid",
        "messageId": "m",
        "userId": "u-1",
        "properties": {"order_id": "o"},
    }
    customers.send(bad, source=source)
    (letter,) = letters(customers)
    assert (letter.source, letter.account, letter.channel) == ("till", "shop-hangzhou", "store")
    refused = customers.intake.replay("shop", letter.letter_id)
    assert refused is not None
    assert refused.code == "missing_property"
    mended = customers.intake.raw_letter(letter).replace(b'"order_id":"o"', b'"order_id":"o","amount":5')
    assert customers.intake.replay("shop", letter.letter_id, mended) is None
    settled = customers.intake.replay("shop", letter.letter_id, mended)
    assert settled is not None
    assert settled.code == "settled"
    (event,) = follow(customers.installation.log)
    assert (event.account, event.channel, event.event_id) == ("shop-hangzhou", "store", "m")
    customers.send({**bad, "messageId": "n", "properties": {"order_id": "o", "amount": 5}}, source=source)
    assert follow(customers.installation.log)[1].subject == event.subject, (
        "the same user id of the same account"
    )
    assert letters(customers) == []
    assert len(letters(customers, "mended")) == 1


def test_a_letter_that_nobody_knows(customers: Customers) -> None:
    refused = customers.intake.replay("shop", b"x" * 16)
    assert refused is not None
    assert refused.code == "not_found"


def test_a_trait_of_which_a_part_is_personal_loses_no_part(customers: Customers) -> None:
    family = {"size": 3, "contact": {"phone": "13822220000", "since": "2020"}}
    customers.send(
        {"type": "identify", "messageId": "i", "userId": "u-1", "traits": {"family": family, "city": "杭州"}}
    )
    customers.project()
    found = {row[1]: (bool(row[2]), row[5]) for row in state_of(customers)["attributes"]}
    assert found["city"] == (False, '"杭州"'.encode())
    assert found["family"][0]
    assert msgspec.json.decode(found["family"][1]) == family


def test_a_phone_that_came_hashed_becomes_readable_and_found(customers: Customers) -> None:
    digest = hashlib.sha256(b"13911110000").hexdigest()
    for key, value in (("a", digest), ("b", "13911110000"), ("c", digest)):
        customers.send({**message(key), "context": {"identities": [{"type": "phone", "value": value}]}})
        customers.project()
    with customers.installation.database.reading() as tx:
        assert ("phone", "139****0000") in rows(tx, "SELECT type, mask FROM customer_identity")
        assert len(rows(tx, "SELECT token FROM customer_token")) == 3, (
            "its number, its last digits, the user id"
        )


def test_two_merchants_with_the_same_customers(customers: Customers) -> None:
    one = customers.installation
    with one.database.transaction() as tx:
        add_merchant(tx, Merchant("other", "邻家", "Asia/Shanghai", "CNY", "", NOW))
    for merchant_id in ("shop", "other"):
        assert customers.intake.accept(merchant_id, SHOP, [message("same")]).accepted == 1
    first, second = follow(one.log)[0], follow(one.log, "other")[0]
    assert first.subject != second.subject, "nobody can tell across merchants that two customers are one"
    assert first.sealed != second.sealed
