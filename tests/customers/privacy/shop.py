"""Customers whose history is told in messages, and everything that is known of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from guanxi.customers.events.model import Seen, Source
from guanxi.customers.events.service import fragment
from guanxi.customers.facts.service import Facts
from guanxi.customers.identity.kinds import Rejection, identify
from guanxi.customers.privacy.jobs import ErasureJob
from guanxi.customers.privacy.service import Privacy
from guanxi.kernel.clock import to_rfc3339
from guanxi.kernel.ids import member_id
from tests.installation import NOW

if TYPE_CHECKING:
    from guanxi.customers.privacy.model import Erasure
    from tests.customers.conftest import Customers

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE
SHOP_SOURCE = Source("system", "shop-web", "web", internal=True)

ANNA, BO, CHEN = "13911110001", "13922220002", "13933330003"
NAMES = {ANNA: "安娜娜", BO: "薄先生", CHEN: "陈小明"}


def message(key: str, identities: list[tuple[str, str, str]], ago: int = DAY, **more: Any) -> dict[str, Any]:
    """A message of somebody; ``ago`` is in microseconds before now."""
    return {
        "type": "track",
        "messageId": key,
        "timestamp": to_rfc3339(NOW - ago),
        "context": {"identities": [{"type": t, "scope": s, "value": v} for t, s, v in identities]},
        **more,
    }


def order(key: str, *identities: tuple[str, str, str], fen: int = 500, ago: int = DAY) -> dict[str, Any]:
    """A paid order with one line."""
    lines = [{"category": "A", "amount": fen, "name": "T恤"}]
    properties = {"order_id": f"no-{key}", "amount": fen, "lines": lines, "receiver": "某人"}
    return message(key, list(identities), ago, event="order.paid", properties=properties)


def profile(key: str, *identities: tuple[str, str, str], ago: int = DAY, **traits: Any) -> dict[str, Any]:
    """What a person says of themselves."""
    return message(key, list(identities), ago, type="identify", traits=traits)


def phone(digits: str) -> tuple[str, str, str]:
    return ("phone", "", digits)


def openid(value: str) -> tuple[str, str, str]:
    return ("openid", "wx", value)


def device(value: str) -> tuple[str, str, str]:
    return ("device", "", value)


@dataclass(frozen=True)
class Shop:
    """The customers capability with the rights of those it knows."""

    customers: Customers
    privacy: Privacy
    job: ErasureJob

    @classmethod
    def of(cls, customers: Customers) -> Shop:
        one = customers.installation
        privacy = Privacy(one.database, one.log, customers.intake, one.vault, customers.keys)
        facts = Facts(one.home, one.database, one.log, one.locks, one.vault)
        job = ErasureJob(
            one.database,
            one.log,
            one.locks,
            customers.handover,
            privacy,
            customers.intake,
            one.vault,
            customers.keys,
            one.clock,
            customers.projection.mend,
            facts.forget,
        )
        return cls(customers, privacy, job)

    def send(self, *messages: dict[str, Any]) -> None:
        receipt = self.customers.send(*messages, source=SHOP_SOURCE)
        assert receipt.dead_lettered == 0

    def fragment(self, identity: tuple[str, str, str]) -> int:
        known = identify(*identity)
        assert not isinstance(known, Rejection)
        return fragment(self.customers.installation.vault.lookup_key("shop"), Seen(*known, ""))

    def member(self, identity: tuple[str, str, str]) -> str:
        return member_id(self.fragment(identity))

    def ask(self, identity: tuple[str, str, str]) -> Erasure:
        one = self.customers.installation
        with one.database.transaction() as tx:
            return self.privacy.request(
                tx, one.merchant, self.member(identity), by="lin", now=one.clock.now()
            )

    def erase(self, identity: tuple[str, str, str]) -> None:
        self.ask(identity)
        assert self.job.run("shop") == 1

    def export(self, identity: tuple[str, str, str]) -> dict[str, Any]:
        one = self.customers.installation
        with one.database.reading() as tx:
            pieces = self.privacy.export_person(tx, one.merchant, self.member(identity), now=NOW)
            document = json.loads(b"".join(pieces))
        assert isinstance(document, dict)
        return document

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.customers.installation.database.reading() as tx:
            return [tuple(row) for row in tx.conn.execute(text(sql))]

    def totals(self) -> list[tuple[Any, ...]]:
        """What the merchant sees in its reports: everybody together, and the sum over all fragments."""
        by_day = "SELECT day, series, sum(n), sum(total), min(low), max(high) FROM customer_bucket"
        everybody = self.rows(f"{by_day} WHERE fragment = 0 GROUP BY day, series ORDER BY 1, 2")
        each = self.rows(f"{by_day} WHERE fragment <> 0 GROUP BY day, series ORDER BY 1, 2")
        assert everybody == each
        return everybody

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that the projection has made; sealed values by their length, since each sealing differs."""
        return {
            "buckets": self.rows("SELECT * FROM customer_bucket ORDER BY 1, 2, 3, 4"),
            "links": self.rows("SELECT * FROM customer_link ORDER BY 1, 2, 3, 4, 5"),
            "members": self.rows("SELECT * FROM customer_member ORDER BY 1, 2"),
            "holdings": self.rows("SELECT * FROM customer_holding ORDER BY 1, 2, 3"),
            "refusals": self.rows("SELECT * FROM customer_refusal ORDER BY 1, 2, 3"),
            "verdicts": self.rows("SELECT * FROM customer_verdict ORDER BY 1, 2, 3"),
            "tokens": self.rows("SELECT * FROM customer_token ORDER BY 1, 2, 3"),
            "consents": self.rows("SELECT * FROM customer_consent ORDER BY 1, 2, 3, 4"),
            "attributes": self.rows(
                "SELECT fragment, name, personal, length(value), time, event_id FROM customer_attribute ORDER BY 1, 2"
            ),
            "identities": self.rows(
                "SELECT fragment, type, scope, mask, length(sealed), first_seen FROM customer_identity ORDER BY 1"
            ),
        }
