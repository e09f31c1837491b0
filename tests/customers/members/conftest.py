"""Members of a shop, as asked for by id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from guanxi.customers.members.model import MemberLine, MemberProfile
from guanxi.customers.members.service import Members
from tests.customers.conftest import Customers

PHONE = "13816203377"
OTHER_PHONE = "13916202299"


def identify(
    user: str | None, phone: str | None = None, at: str = "2026-06-01T10:00:00+08:00", **traits: Any
) -> dict[str, Any]:
    """A message that introduces somebody."""
    said = {**traits, **({"phone": phone} if phone else {})}
    return {
        "type": "identify",
        "userId": user,
        "timestamp": at,
        "traits": said,
        "messageId": f"i-{user}-{phone}-{at}",
    }


def paid(
    user: str | None, amount: int, at: str = "2026-06-02T10:00:00+08:00", **context: Any
) -> dict[str, Any]:
    """A message that says that somebody paid an order."""
    return {
        "type": "track",
        "event": "order.paid",
        "userId": user,
        "timestamp": at,
        "messageId": f"p-{user}-{amount}-{at}-{sorted(context)}",
        "properties": {"order_id": f"o{amount}", "amount": amount},
        "context": context,
    }


def seen(*identities: tuple[str, str]) -> list[dict[str, str]]:
    """Identities as a message's context names them."""
    return [{"type": kind, "value": value} for kind, value in identities]


@dataclass(frozen=True)
class Shop:
    """The customers of a shop, and what one may ask about them."""

    customers: Customers
    members: Members

    def take(self, *messages: dict[str, Any]) -> None:
        """Take messages in and make members of them."""
        assert self.customers.send(*messages).dead_lettered == 0
        self.customers.project()

    def settle(self) -> None:
        """Move on what was written beside the state, and make members of it."""
        self.customers.installation.log.drain_beside("shop")
        self.customers.project()

    def find(self, query: str, **how: Any) -> list[MemberLine]:
        """Return whom a search finds."""
        one = self.customers.installation
        with one.database.reading() as tx:
            return self.members.list_members(tx, one.merchant, query=query, **how).items

    def one(self, query: str) -> MemberProfile:
        """Return the profile of the only one whom a search finds."""
        [line] = self.find(query)
        return self.get(line.member_id)

    def get(self, member_id: str, **how: Any) -> MemberProfile:
        """Return a profile by id."""
        one = self.customers.installation
        with one.database.reading() as tx:
            return self.members.get_member(tx, one.merchant, member_id, **how)

    def decide(self, what: str, a: str, b: str) -> list[str]:
        """Decide about two identities."""
        one = self.customers.installation
        with one.database.transaction() as tx:
            way = getattr(self.members, what)
            found: list[str] = way(tx, one.merchant, a, b, by="staff", now=one.clock.now())
            return found


@pytest.fixture
def shop(customers: Customers) -> Shop:
    """A shop on both databases in turn."""
    one = customers.installation
    return Shop(customers, Members(one.log, customers.intake, one.vault, customers.keys))
