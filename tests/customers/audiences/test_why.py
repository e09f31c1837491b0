"""Why somebody is in an audience, how large audiences were, and a look at a rule: on both databases in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from guanxi.customers.boards.trends import trend
from guanxi.customers.profiles.met import values_met
from guanxi.kernel.clock import DAY
from guanxi.kernel.errors import NotFound
from guanxi.rules import InAudience
from tests.customers.boards.shop import Shop, busy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guanxi.rules.explain import Reason
    from tests.installation import Installation

AUDIENCES = """\
kind: audience
key: warm
rule: sum(order.paid.amount, 30d) >= ¥100 and city = '杭州'
---
kind: audience
key: picked
static: true
---
kind: audience
key: wanted
rule: in_audience('picked') or in_audience('warm')
"""


@pytest.fixture
def shop(installation: Installation) -> Iterator[Shop]:
    """A shop with three audiences."""
    made = busy(installation)
    made.apply()
    made.apply(AUDIENCES)
    yield made
    made.product.database.dispose()


def why(shop: Shop, number: int, key: str) -> Reason:
    """Return why a member is in an audience or not."""
    return explained(shop, number, key)[0]


def explained(shop: Shop, number: int, key: str) -> tuple[Reason, int | None]:
    """Return why, and of which day's board what of it is not of now."""
    audiences = shop.product.audiences
    rule = audiences.meaning(shop.merchant, key)
    with shop.product.database.reading() as tx:
        return audiences.why(tx, shop.merchant, shop.ids()[number], rule)


def test_each_condition_says_what_it_found(shop: Shop) -> None:
    reason = why(shop, 1, "warm")
    assert (reason.verdict, [part.verdict for part in reason.parts]) == (True, [True, True])
    assert [part.found[0].value for part in reason.parts] == ["¥300", "杭州"]
    other = why(shop, 2, "warm")
    assert (other.verdict, [part.verdict for part in other.parts]) == (False, [True, False])


def test_the_reason_says_what_counting_says(shop: Shop) -> None:
    shop.product.audiences.put(shop.merchant, "picked", [(1, "m-4")], "member_no")
    for key in ("warm", "picked", "wanted"):
        rule = shop.product.audiences.rule_of(shop.merchant, key)
        inside = set(shop.product.audiences.members(shop.merchant, rule))
        assert {member for number, member in shop.ids().items() if why(shop, number, key).verdict} == inside
    assert why(shop, 4, "wanted").sentence.zh == "属于人群「picked」，或属于人群「warm」"


def test_a_list_means_itself_and_an_unknown_audience_nothing(shop: Shop) -> None:
    assert shop.product.audiences.meaning(shop.merchant, "picked") == InAudience("picked")
    with pytest.raises(NotFound):
        shop.product.audiences.meaning(shop.merchant, "nobody")


def test_a_look_counts_and_names_the_first(shop: Shop) -> None:
    audiences = shop.product.audiences
    rule = audiences.rule(shop.merchant, "sum(order.paid.amount, 90d) > 0")
    counted, some = audiences.look(shop.merchant, rule, limit=3)
    assert (counted.members, counted.of) == (4, 6)
    assert some == audiences.members(shop.merchant, rule)[:3]


def test_a_trend_has_the_last_size_of_each_day_and_all_who_moved(shop: Shop) -> None:
    shop.buys(3, 500)
    shop.project()
    shop.product.boards.refresh(shop.merchant)
    shop.clock.move(29 * DAY)
    shop.product.boards.refresh(shop.merchant)
    today = shop.product.audiences.today(shop.merchant)
    with shop.product.database.reading() as tx:
        daily = trend(tx, shop.merchant, today, 40, "warm")
        short = trend(tx, shop.merchant, today, 5)
    assert [one[1:] for one in daily] == [(today - 29, 2, 2, 0), (today, 1, 0, 1)]
    assert {one.audience for one in short} >= {"warm", "picked", "wanted"}
    assert {one.day for one in short} == {today}


def test_what_dimensions_have_been_is_known(shop: Shop) -> None:
    with shop.product.database.reading() as tx:
        met = values_met(tx, "shop")
    assert met["order.paid", "channel"] == ["web"]


BATCH = """\
kind: audience
key: counter
rule: max(order.paid.amount where store_id = 's-1', 30d) >= ¥50 and sum(order.paid.amount, 30d) > 0
---
kind: audience
key: both
rule: in_audience('counter') and in_audience('warm')
"""


def test_what_only_a_batch_can_know_is_the_last_boards(shop: Shop) -> None:
    shop.send("order.paid", 1, {"order_id": "x", "amount": 9_000, "store_id": "s-1"})
    shop.project()
    shop.apply(BATCH)
    built = shop.product.audiences.today(shop.merchant)
    shop.clock.move(2 * DAY)
    for number, verdict, value in ((1, True, "¥90"), (2, None, None)):
        reason, day = explained(shop, number, "counter")
        assert (reason.verdict, day) == (verdict, built)
        batch, online = reason.parts
        assert (batch.found[0].value, batch.found[0].aged, online.found[0].aged) == (value, True, False)
    reason, day = explained(shop, 1, "both")
    assert (reason.verdict, [part.found[0].aged for part in reason.parts], day) == (
        True,
        [True, False],
        built,
    )
    assert explained(shop, 1, "warm")[1] is None


def test_what_is_known_of_a_member_holds_what_only_a_batch_can_know(shop: Shop) -> None:
    shop.send("order.paid", 1, {"order_id": "x", "amount": 9_000, "store_id": "s-1"})
    shop.project()
    shop.apply(BATCH)
    today = shop.product.audiences.today(shop.merchant)
    with shop.product.database.reading() as tx:
        known = shop.product.audiences.known_of(tx, shop.merchant, shop.ids()[1])
    memberships = {one.name: (one.value, one.day) for one in known if one.membership}
    assert memberships["counter"] == (True, today)
    assert memberships["both"] == (True, today)
    assert memberships["warm"] == (True, None)
    assert {one.day for one in known if not one.membership} == {None}
