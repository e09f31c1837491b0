"""A shop with five members who have bought, and definitions of what is known of them."""

from __future__ import annotations

from typing import Any

from guanxi.customers.events.model import Source
from guanxi.customers.events.service import EventIntake
from guanxi.kernel.clock import DAY, to_rfc3339
from tests.api.client import Client
from tests.api.composed import Composed, projection_of
from tests.installation import NOW
from tests.settling import catch_up

WEB = Source("test", "acc-shop", "web")
CITIES = ["杭州", "上海", "杭州", "=1+1", "北京,朝阳"]
"""Of the members, who have spent 100, 200, … fen."""

DEFINITIONS = """\
kind: attribute
key: city
type: text
---
kind: trait
key: spent_90d
label: {zh: 近 90 天消费, en: Spent in 90 days}
value: sum(order.paid.amount, 90d)
---
kind: trait
key: last_order
value: last(order.paid, 365d)
---
kind: trait
key: loyalty
stages:
  - {value: regular, label: {zh: 常客, en: Regular}, when: spent_90d >= ¥4}
otherwise: {value: guest, label: {zh: 散客, en: Guest}}
---
kind: audience
key: spenders
label: {zh: 消费者, en: Spenders}
rule: spent_90d >= ¥3
---
kind: audience
key: invited
static: true
"""

YAML = {"Content-Type": "text/yaml"}


def phone(number: int) -> str:
    """Return the phone of the member with a number from 0."""
    return f"1381620{number:04d}"


def trade(composed: Composed) -> None:
    """Let five members sign up and pay."""
    messages: list[dict[str, Any]] = []
    for number, city in enumerate(CITIES):
        who = {"userId": f"u-{number}", "timestamp": to_rfc3339(NOW - (number + 1) * DAY)}
        traits = {"phone": phone(number), "city": city}
        messages.append({**who, "type": "identify", "messageId": f"i-{number}", "traits": traits})
        paid = {"order_id": f"o-{number}", "amount": (number + 1) * 100}
        messages.append(
            {**who, "type": "track", "messageId": f"p-{number}", "event": "order.paid", "properties": paid}
        )
    one, intake = composed.installation, composed.context.service(EventIntake)
    intake.accept("shop", WEB, messages)
    catch_up(one.database, one.log, projection_of(one, intake), "shop")


def put(client: Client, text: str = DEFINITIONS, **query: Any) -> dict[str, Any]:
    """Apply definitions and return what was done."""
    answer = client.post(
        "/v1/definitions/apply", content=text.encode(), headers=YAML, params={"why": "试验", **query}
    )
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    return done


def audience(rule: str, key: str = "some") -> str:
    """Return the definition of an audience."""
    return f"kind: audience\nkey: {key}\nrule: |\n  {rule}\n"
