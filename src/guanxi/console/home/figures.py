"""What each figure of the overview means: what it counts, over which days, from where, and the query in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from guanxi.console.i18n import N_


@dataclass(frozen=True, slots=True)
class Definition:
    """A figure's definition; every text is a message to be translated. ``query`` is the same said to a program."""

    label: str
    what: str
    period: str
    source: str
    query: str


FIGURES: Final[dict[str, Definition]] = {
    "members": Definition(
        N_("Members"),
        N_(
            "People we know by more than a device: a phone, a member number, a WeChat or Alipay identity. Identities that"
            " belong to one person count once."
        ),
        N_("Everybody met so far; the change counts those met for the first time in the period."),
        N_("The identities of all events, joined by the rules of OneID."),
        "count(member) where known",
    ),
    "orders": Definition(
        N_("Orders"),
        N_("Orders that were paid. Refunds do not take an order away."),
        N_("By the local day of payment, the present day included."),
        N_("Events “Paid an order” (order.paid), each order once."),
        "count(order.paid) by day",
    ),
    "gmv": Definition(
        N_("GMV"),
        N_("What was paid for orders, after discounts and before refunds."),
        N_("By the local day of payment, the present day included."),
        N_("The property “Amount paid” (amount) of events “Paid an order” (order.paid), in fen."),
        "sum(order.paid.amount) by day",
    ),
    "active": Definition(
        N_("Active members"),
        N_(
            "Members who did anything at all on one of the days: paid, looked, answered, redeemed. Each counts once."
        ),
        N_("The days of the period, the present day included."),
        N_("All events of known members."),
        "count(distinct member) where any event in period",
    ),
}
