"""The funnel by hand: how many came how far, who went on, and how many days that took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from guanxi.customers.stages.model import Behind, Funnel, Passed, Reached
from guanxi.kernel.clock import DAY

if TYPE_CHECKING:
    from tests.customers.boards.shop import Shop

STAGE = """\
kind: trait
key: stage
history: true
stages:
  - {value: asleep, when: "count(order.paid, 300d) = 1 and count(order.paid, 30d) = 0"}
  - {value: again, when: "count(order.paid, 300d) >= 2"}
  - {value: bought, when: "count(order.paid, 300d) = 1"}
otherwise: {value: met}
"""
ON = ("met", "bought", "again")


def come(shop: Shop) -> None:
    """Four met 60 days ago: 1 bought 50 and 20 days ago, 2 once 25 days ago, 3 never, 4 twice at once; 5 is new."""
    for number in range(1, 5):
        shop.send("identify", number, {}, days=60)
    shop.send("identify", 5, {}, days=5)
    shop.buys(1, 10, days=50)
    shop.buys(1, 10, days=30)
    shop.buys(2, 10, days=25)
    shop.buys(4, 10, days=59)
    shop.buys(4, 10, days=58)
    shop.buys(5, 10, days=3)
    shop.project()
    shop.apply(STAGE)


def look_back(shop: Shop) -> None:
    while shop.product.history.run(shop.merchant):
        pass
    shop.tell()


def funnel(shop: Shop, days: int | None = None) -> Funnel:
    found = shop.product.stages.funnel(shop.merchant, "stage", ON, days)
    assert found is not None
    return found


def behind(shop: Shop, stage: str, onward: bool | None, most: int = 9) -> list[Passed]:
    return shop.product.stages.behind(shop.merchant, "stage", ON, Behind(stage, onward, most))


def test_a_funnel_by_hand(shop: Shop) -> None:
    come(shop)
    assert shop.product.stages.funnel(shop.merchant, "stage", ON) is None
    assert shop.product.stages.looking(shop.merchant, "stage") is None
    shop.product.history.run(shop.merchant)
    looking = shop.product.stages.looking(shop.merchant, "stage")
    today = shop.merchant.days.day(shop.clock.now())
    assert looking == (today - 56, 0, 9, False)
    look_back(shop)
    # Weeks end 56, 49, … days ago. 1 had bought by the second of them, and again by 28 days ago; 2 by 21 days ago.
    assert funnel(shop) == (
        5,
        None,
        today - 56,
        (
            Reached("met", 5, 3, 4, 4, 4, (0.0, 3.5, 14.0)),
            Reached("bought", 4, 3, 2, 2, 2, (5.25, 10.5, 15.75)),
            Reached("again", 2, 2, 0, 0, 0, None),
        ),
    )
    ids = shop.ids()
    assert behind(shop, "bought", True) == [
        Passed(ids[1], today - 49, today - 28),
        Passed(ids[4], today - 56, today - 56),
    ]
    assert behind(shop, "bought", False) == [Passed(ids[5], today, None), Passed(ids[2], today - 21, None)]
    assert [one.member_id for one in behind(shop, "met", None, 1)] == [ids[5]]
    assert behind(shop, "again", True) == []
    new = funnel(shop, 30)
    assert (new.members, new.came) == (1, today - 29)
    assert new.stages[1] == Reached("bought", 1, 1, 0, 0, 0, None)
    assert funnel(shop, 2).stages[0] == Reached("met", 0, 0, 0, 0, 0, None)


def test_boards_go_on_where_looking_back_ends(shop: Shop) -> None:
    come(shop)
    look_back(shop)
    for _ in range(3):
        shop.clock.move(DAY)
        shop.buys(2, 10)
        shop.project()
        shop.product.boards.refresh(shop.merchant)
        shop.tell()
    bought = funnel(shop).stages[1]
    assert (bought.onward, bought.timed) == (3, 3)
    assert bought.days == (10.5, 21.0, 21.5), "one day after 21 days ago"
    moves = {(one.before, one.after): one for one in shop.product.stages.moves(shop.merchant, "stage").moves}
    assert moves["bought", "again"].members == 1, "1 moved 31 days ago"
    assert moves["bought", "again"].days == 21.5
    assert ("", "again") not in moves or moves["", "again"].members == 0


def test_who_was_there_when_the_history_begins_is_counted_but_not_timed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guanxi.customers.history.decide.STEPS", 3)
    come(shop)
    look_back(shop)
    found = funnel(shop)
    # 1 and 4 had bought twice 21 days ago, 2 once; of 5 alone the beginning is known.
    assert [(one.members, one.onward, one.timed) for one in found.stages] == [(5, 4, 1), (4, 2, 0), (2, 0, 0)]
    shop.clock.move(8 * DAY)
    shop.product.boards.refresh(shop.merchant)
    shop.tell()
    asleep = {
        one.after: one for one in shop.product.stages.moves(shop.merchant, "stage").moves if one.members
    }
    assert asleep["asleep"].members == 1


def test_who_returns_from_beside_the_way_had_been_on_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guanxi.customers.history.decide.STEPS", 1)
    shop.send("identify", 1, {}, days=60)
    shop.buys(1, 10, days=50)
    shop.buys(1, 10, days=2)
    shop.project()
    shop.apply(STAGE)
    look_back(shop)
    found = funnel(shop)
    assert [(one.members, one.stayed, one.timed) for one in found.stages] == [(1, 0, 0), (1, 0, 0), (1, 1, 0)]
