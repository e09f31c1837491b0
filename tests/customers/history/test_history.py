"""Looking back: the moves of past weeks are those of each member's definition on those days, told once."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from guanxi.customers.history import service, store
from guanxi.customers.history.decide import first, subject
from guanxi.customers.history.service import round_of
from guanxi.customers.identity.model import Holding
from guanxi.kernel.clock import DAY, to_rfc3339
from guanxi.kernel.ids import fragment_of
from guanxi.rules import Type
from guanxi.rules.model import Attribute
from tests.customers.boards.shop import SHOP

if TYPE_CHECKING:
    from guanxi.customers.history.model import Round
    from guanxi.storage.events.model import LoggedEvent
    from tests.customers.boards.shop import Shop

STAGE = """\
kind: trait
key: stage
history: true
stages:
  - {value: asleep, label: 沉睡, when: "count(order.paid, 60d) > 0 and count(order.paid, 20d) = 0"}
  - {value: again, label: 复购, when: "count(order.paid, 60d) >= 2"}
  - {value: bought, label: 转化, when: "sum(order.paid.amount, 60d) > 0 and today() > date '2026-03-20'"}
  - {value: settled, label: 沉淀, when: "days_since(first_seen) > 30 and today() > date '2026-04-20'"}
"""
LEVEL = """\
kind: trait
key: level
history: true
stages:
  - {value: high, when: "fifth = 5"}
otherwise: {value: low}
---
kind: trait
key: fifth
quintile: {of: "sum(order.paid.amount, 30d)"}
"""


class Told(NamedTuple):
    """What an event that was looked back upon says."""

    day: int
    member: int
    before: str
    after: str
    step: int


def busy(shop: Shop, seed: int) -> None:
    """Let a dozen members come and buy within 120 days, nobody knows why."""
    random = Random(seed)
    for number in range(1, 13):
        came = random.randrange(120)
        shop.send("identify", number, {"city": "杭州"}, days=came)
        for _ in range(random.randrange(5)):
            shop.buys(number, random.randrange(1, 200), days=random.randrange(came + 1))
    shop.project()


def run(shop: Shop, trait: str = "") -> int:
    done = 0
    while step := shop.product.history.run(shop.merchant, trait):
        done += step
    shop.project()
    return done


def round_(shop: Shop, trait: str = "stage") -> Round:
    with shop.product.database.reading() as tx:
        found = round_of(tx, "shop", trait)
    assert found is not None
    return found


def events(shop: Shop, number: int = 1) -> list[LoggedEvent]:
    found = [event for event in shop.tell() if event.type == "trait.changed"]
    return [event for event in found if properties(event).get("round") == number]


def properties(event: LoggedEvent) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(event.payload)["properties"]
    return found


def told(event: LoggedEvent) -> Told:
    said = properties(event)
    assert said["looked_back"] is True
    return Told(event.day, event.subject, said["from"], said["to"], said["step"])


def expected(shop: Shop) -> set[Told]:
    """Ask each member's definition as of each week."""
    product, merchant, one = shop.product, shop.merchant, round_(shop)
    with product.database.reading() as tx:
        vocabulary = product.vocabularies.live(tx, "shop")
        people = product.profiles.people(tx, "shop").to_pylist()
        met = {row["member"]: merchant.days.day(row["first_seen"]) for row in people}
        node = Attribute("stage", Type.TEXT)
        before: dict[int, str] = {}
        found: set[Told] = set()
        for day in range(one.since, one.day + 1, 7):
            there = [member for member, came in met.items() if came <= day]
            said = product.profiles.of(tx, merchant, vocabulary, there, [node], day, {})
            now = {member: said[member]["stage"] or "" for member in there}
            for member in there:
                already = day == one.since and met[member] <= day - 7
                if now[member] != before.get(member, ""):
                    move = Told(day, member, before.get(member, ""), now[member], 0 if already else 7)
                    found.add(move)
            before = now
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_moves_are_those_of_each_member(shop: Shop, seed: int) -> None:
    busy(shop, seed)
    shop.apply(STAGE)
    run(shop)
    found = events(shop)
    assert {told(event) for event in found} == expected(shop)
    assert len(found) == len(expected(shop)) > 10
    now = shop.clock.now()
    for event in found:
        end = shop.merchant.days.start(event.day + 1) - 1
        assert (event.time, event.received_at) == (min(end, now), now)
    assert round_(shop).ended
    assert run(shop) == 0


def test_killed_anywhere_it_goes_on_where_it_was(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    busy(shop, 3)
    shop.apply(STAGE)
    monkeypatch.setattr(service, "_CHUNK", 2)
    monkeypatch.setattr(service, "_PATIENCE", 0.0)
    save, calls = store.save, 0

    def dying(*args: Any) -> None:
        nonlocal calls
        calls += 1
        save(*args)
        if calls % 2:
            raise ZeroDivisionError

    monkeypatch.setattr(store, "save", dying)
    while True:
        try:
            if not shop.product.history.run(shop.merchant):
                break
        except ZeroDivisionError:
            continue
    found = events(shop)
    assert len({event.event_id for event in found}) == len(found)
    assert {told(event) for event in found} == expected(shop)
    assert len(found) == len(expected(shop))


def test_lost_files_begin_a_new_round(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    busy(shop, 4)
    shop.apply(STAGE)
    monkeypatch.setattr(service, "_PATIENCE", 0.0)
    history, folder = shop.product.history, shop.product.boards.folder("shop").parent / "history"
    for _ in range(6):
        history.run(shop.merchant)
    for path in folder.glob("*/*"):
        path.unlink()
    run(shop)
    assert (round_(shop).number, round_(shop).ended) == (2, True)
    assert {told(event) for event in events(shop, 2)} == expected(shop)
    assert not list(folder.glob("*1/*.parquet"))


def test_a_rule_that_changes_is_looked_back_upon_anew(shop: Shop) -> None:
    busy(shop, 5)
    shop.apply(STAGE)
    run(shop)
    first_round, before = round_(shop), events(shop)
    shop.apply(STAGE.replace("沉睡", "很久没来"))
    assert run(shop) == 0, "a label is no rule"
    shop.apply(STAGE.replace("count(order.paid, 60d) >= 2", "count(order.paid, 60d) >= 3"))
    run(shop)
    after = round_(shop)
    assert (after.number, after.ended) == (2, True)
    assert after.rule != first_round.rule
    assert [event.event_id for event in events(shop)] == [event.event_id for event in before]
    assert {told(event) for event in events(shop, 2)} == expected(shop)
    moves = shop.product.stages.moves(shop.merchant, "stage", 400)
    fresh = [one for event in events(shop, 2) if (one := told(event)).step]
    assert sum(one.members for one in moves.moves) == len(fresh)


def test_what_was_done_stays_as_it_was(shop: Shop) -> None:
    busy(shop, 6)
    shop.apply(STAGE)
    shop.tell()

    def lines() -> list[object]:
        with shop.product.database.reading() as tx:
            page = shop.product.members.list_members(tx, shop.merchant, limit=200)
            known = shop.product.members.overview(tx, shop.merchant, shop.merchant.days.day(shop.clock.now()))
        return [*page.items, known]

    before = lines()
    run(shop)
    assert lines() == before
    assert shop.product.boards.refresh(shop.merchant)
    assert [event for event in shop.tell() if properties(event).get("board", 1) > 1] == []


def test_whoever_is_erased_is_told_of_no_more(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    busy(shop, 7)
    shop.apply(STAGE)
    monkeypatch.setattr(service, "_CHUNK", 1)
    product, merchant = shop.product, shop.merchant
    for _ in range(4):
        product.history.run(merchant)
    shop.project()
    member = shop.ids()[1]
    with product.database.transaction() as tx:
        product.privacy.request(tx, merchant, member, by="li", now=shop.clock.now())
    shop.project()
    product.erasures.run("shop", wait=True)
    number = fragment_of(member)
    files = list((product.boards.folder("shop").parent / "history").glob("*/*.parquet"))
    assert files
    with product.profiles.facts.engine() as con:
        for path in files:
            assert (number,) not in con.execute(f"SELECT member FROM read_parquet('{path}')").fetchall()
    shop.project()
    product.boards.refresh(merchant)
    run(shop)
    assert round_(shop).ended
    assert [event for event in events(shop) if event.subject == number] == []


def test_whoever_was_met_under_another_name_first_is_told_of_under_it(shop: Shop) -> None:
    phone = {"type": "phone", "value": "13910014007"}
    number = {"type": "member_no", "value": "m-1"}
    for days, kind, who in ((60, "order.paid", [phone]), (10, "order.paid", [phone, number])):
        message = {
            "type": "track",
            "event": kind,
            "messageId": f"o-{days}",
            "timestamp": to_rfc3339(shop.clock.now() - days * DAY),
            "properties": {"order_id": f"o-{days}", "amount": 100},
            "context": {"identities": who},
        }
        assert shop.product.intake.accept("shop", SHOP, [message]).accepted == 1
    shop.project()
    shop.apply(STAGE)
    with shop.product.database.reading() as tx:
        before = shop.product.profiles.people(tx, "shop").to_pylist()
    run(shop)
    found = events(shop)
    assert len({event.subject for event in found}) == 2, "the phone before the number was known"
    member = before[0]["member"]
    assert {told(event)._replace(member=member) for event in found} == expected(shop)
    with shop.product.database.reading() as tx:
        assert shop.product.profiles.people(tx, "shop").to_pylist() == before
    funnel = shop.product.stages.funnel(shop.merchant, "stage", ["settled", "bought", "again"])
    assert funnel is not None
    assert (funnel.members, funnel.stages[1].members, funnel.stages[1].timed) == (1, 1, 1)


def test_ranks_are_not_looked_back_upon(shop: Shop) -> None:
    busy(shop, 8)
    shop.apply(LEVEL)
    assert run(shop) == 0
    with shop.product.database.reading() as tx:
        assert shop.product.stages.traits(tx, shop.merchant)["level"].ranked


def test_days_that_pass_meanwhile_are_looked_back_upon_too(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy(shop, 9)
    shop.apply(STAGE)
    monkeypatch.setattr(service, "_PATIENCE", 0.0)
    for _ in range(5):
        shop.product.history.run(shop.merchant)
    shop.clock.move(10 * DAY)
    assert shop.product.history.run(shop.merchant)
    shop.product.boards.refresh(shop.merchant)
    run(shop)
    one = round_(shop)
    assert one.day == shop.merchant.days.day(shop.clock.now())
    assert one.ended


def test_a_number_that_was_somebody_elses_makes_nobody_older() -> None:
    met = {1: 100, 2: 150}
    assert subject(2, 140, 145, [Holding(1, 130, 999), Holding(2, -999, 999)], met) == 1
    assert subject(2, 160, 165, [Holding(1, 130, 999), Holding(2, -999, 999)], met) == 2
    assert subject(2, 120, 125, [Holding(1, 130, 999), Holding(2, -999, 999)], met) is None


def test_looking_back_begins_when_somebody_had_been_met() -> None:
    assert first(20_000, None) == 20_000
    assert first(20_000, 20_000) == 20_000
    assert first(20_000, 19_993) == 19_993
    assert first(20_000, 19_985) == 19_986
    assert first(20_000, 15_000) == 20_000 - 52 * 7
