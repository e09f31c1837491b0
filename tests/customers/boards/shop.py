"""A shop with definitions: its members bought, were met, and are asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guanxi.bootstrap import LAKE_READERS, Product, build
from guanxi.customers.events.model import Source
from guanxi.definitions.text import parse
from guanxi.kernel.clock import DAY, to_rfc3339
from guanxi.storage.events.model import LoggedEvent
from tests.installation import NOW
from tests.settling import catch_up
from tests.storage.events import follow

if TYPE_CHECKING:
    from guanxi.kernel.clock import FixedClock
    from guanxi.storage.merchants import Merchant
    from tests.installation import Installation

SHOP = Source("test", "shop-web", "web")

DEFINITIONS = """\
kind: attribute
key: city
type: text
values: [杭州, 上海]
---
kind: trait
key: spent
value: sum(order.paid.amount, 30d)
---
kind: trait
key: stage
history: true
stages:
  - {value: again, label: {zh: 复购, en: Again}, when: "count(order.paid, 30d) >= 2"}
  - {value: bought, label: {zh: 转化, en: Bought}, when: "count(order.paid, 30d) = 1"}
otherwise: {value: met, label: {zh: 新增, en: Met}}
---
kind: trait
key: fifth
quintile: {of: spent, among: spent > 0}
---
kind: audience
key: big
rule: spent >= ¥100
---
kind: audience
key: friends
static: true
---
kind: audience
key: big_friends
rule: in_audience('big') and in_audience('friends')
---
kind: audience
key: town
rule: city = '杭州' and fifth >= 3
"""


@dataclass
class Shop:
    """A product on an installation, with one merchant."""

    product: Product
    clock: FixedClock
    messages: int = 0

    @classmethod
    def on(cls, installation: Installation) -> Shop:
        """Open the product."""
        return cls(build(installation.home, installation.clock), installation.clock)

    @property
    def merchant(self) -> Merchant:
        return self.product.intake.merchant("shop")[0]

    def send(self, kind: str, number: int, properties: dict[str, Any], *, days: int = 0) -> None:
        """Take in something about the member with a number, some days ago."""
        self.messages += 1
        said = {"traits": properties} if kind == "identify" else {"event": kind, "properties": properties}
        identity = {"type": "member_no", "value": f"m-{number}"}
        receipt = self.product.intake.accept(
            "shop",
            SHOP,
            [
                {
                    "type": "identify" if kind == "identify" else "track",
                    "messageId": f"test-{self.messages}",
                    "timestamp": to_rfc3339(self.clock.now() - days * DAY),
                    "context": {"identities": [identity]},
                    **said,
                }
            ],
        )
        assert receipt.accepted == 1, receipt

    def buys(self, number: int, yuan: int, *, days: int = 0) -> None:
        """Take in an order."""
        self.send("order.paid", number, {"order_id": f"o-{self.messages}", "amount": yuan * 100}, days=days)

    def project(self) -> None:
        """Let everything that came be taken in."""
        product = self.product
        product.log.drain_beside("shop")
        catch_up(product.database, product.log, product.projection, "shop")

    def hand_over(self) -> None:
        """Move everything that was taken in to the lake."""
        while self.product.handover.run("shop", LAKE_READERS):
            pass

    def apply(self, text: str = DEFINITIONS, *, prune: bool = False) -> None:
        """Make definitions live."""
        definitions = self.product.definitions
        plan = definitions.plan("shop", parse(text), prune=prune, effects=False)
        definitions.apply("shop", plan, by="li", why="test")

    def tell(self) -> list[LoggedEvent]:
        """Write everything that changed as events, and return all there are of them."""
        while self.product.boards.tell(self.merchant):
            pass
        self.project()
        told = ("audience.entered", "audience.left", "trait.changed")
        return [event for event in follow(self.product.log) if event.type in told]

    def sizes(self) -> dict[str, int]:
        """Return how large audiences are on the board."""
        with self.product.database.reading() as tx:
            return {key: one.size for key, one in self.product.boards.newest_sizes(tx, "shop").items()}

    def count(self, rule: str) -> int:
        """Return how many members a rule is true of now."""
        audiences = self.product.audiences
        return audiences.count(self.merchant, audiences.rule(self.merchant, rule)).members

    def ids(self) -> dict[int, str]:
        """Return the members' ids by their numbers."""
        with self.product.database.reading() as tx:
            page = self.product.members.list_members(tx, self.merchant, limit=200)
            found = {}
            for line in page.items:
                profile = self.product.members.get_member(tx, self.merchant, line.member_id)
                for one in profile.identities:
                    if one.type == "member_no":
                        found[int(one.masked[-1])] = line.member_id
        return found


def busy(installation: Installation) -> Shop:
    """A shop with six members: 1 bought for ¥300 in two orders, 2 for ¥120, 3 for ¥20, 4 long ago, 5 and 6 never."""
    shop = Shop.on(installation)
    for number in range(1, 7):
        shop.send("identify", number, {"city": "杭州" if number % 2 else "上海"}, days=60)
    shop.buys(1, 100, days=3)
    shop.buys(1, 200, days=1)
    shop.buys(2, 120, days=2)
    shop.buys(3, 20, days=29)
    shop.buys(4, 500, days=45)
    shop.project()
    return shop


__all__ = ["DEFINITIONS", "NOW", "Shop", "busy"]
