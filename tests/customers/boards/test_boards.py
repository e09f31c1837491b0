"""The board: built with the definitions it follows from, renewed when anything moved, and told of as events, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from guanxi.customers.boards import store
from guanxi.customers.facts import store as facts, sums
from guanxi.customers.identity.kinds import Rejection, identify
from guanxi.kernel.clock import DAY
from guanxi.kernel.errors import InvalidInput, Unavailable
from guanxi.kernel.ids import fragment_of
from guanxi.rules import InAudience

if TYPE_CHECKING:
    from guanxi.storage.events.model import LoggedEvent
    from tests.customers.boards.shop import Shop


def identify_reason() -> str:
    found = identify("member_no", "", "x" * 500)
    assert isinstance(found, Rejection)
    return found.text.en


def said(event: LoggedEvent) -> tuple[str, ...]:
    properties = msgspec.json.decode(event.payload)["properties"]
    return (event.type, *(str(value) for name, value in properties.items() if name != "board"))


def test_definitions_go_live_with_a_board_that_was_built_with_them(shop: Shop) -> None:
    shop.apply()
    assert shop.sizes() == {"big": 2, "friends": 0, "big_friends": 0, "town": 1}
    with shop.product.database.reading() as tx:
        board = shop.product.boards.live(tx, "shop")
    assert board is not None
    assert (board.members, board.release) == (6, 1)
    assert shop.product.boards.path("shop", board).exists()


def test_who_entered_and_what_changed_is_told_once(shop: Shop) -> None:
    shop.apply()
    first = [said(event) for event in shop.tell()]
    assert first.count(("audience.entered", "big")) == 2
    assert first.count(("trait.changed", "stage", "", "met")) == 3
    assert len(first) == 2 + 1 + 6
    assert [said(event) for event in shop.tell()] == first
    shop.buys(3, 90)
    shop.project()
    assert shop.product.boards.refresh(shop.merchant)
    new = [said(event) for event in shop.tell()][len(first) :]
    assert ("audience.entered", "big") in new
    assert ("trait.changed", "stage", "bought", "again") in new
    assert shop.sizes()["big"] == 3


def test_telling_goes_on_where_it_was_killed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.apply()
    monkeypatch.setattr("guanxi.customers.boards.service._CHUNK", 4)
    assert shop.product.boards.tell(shop.merchant) == 4
    with monkeypatch.context() as broken:
        broken.setattr(store, "told", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shop.product.boards.tell(shop.merchant)
    events = shop.tell()
    assert len(events) == 9
    assert len({event.event_id for event in events}) == 9


def test_a_day_that_passes_moves_people_out(shop: Shop) -> None:
    shop.apply()
    shop.tell()
    shop.product.boards.refresh(shop.merchant)
    assert not shop.product.boards.refresh(shop.merchant), "nothing has moved"
    shop.clock.move(28 * DAY)
    assert shop.product.boards.refresh(shop.merchant)
    assert shop.sizes()["big"] == 1
    new = [said(event) for event in shop.tell()]
    assert new.count(("audience.left", "big")) == 1
    with shop.product.database.reading() as tx:
        sizes = shop.product.boards.sizes(tx, "shop", "big")
    assert [(one.size, one.entered, one.left) for one in sizes] == [(2, 2, 0), (2, 0, 0), (1, 0, 1)]


def test_the_board_and_one_member_say_the_same(shop: Shop) -> None:
    shop.apply()
    audiences, merchant = shop.product.audiences, shop.merchant
    for rule in ("spent > 0", "stage = 'again'", "fifth = 5", "in_audience('town')", "first_seen < today()"):
        node = audiences.rule(merchant, rule)
        inside = set(audiences.members(merchant, node))
        for number, member in shop.ids().items():
            with shop.product.database.reading() as tx:
                verdict = audiences.why(tx, merchant, member, node)[0].verdict
            assert (verdict is True) == (member in inside), (rule, number)
        assert audiences.count(merchant, node).members == len(inside)
        counted = audiences.count_now(merchant, node, sampled=False)
        assert counted is not None
        assert counted.members == len(inside)


def test_a_list_is_an_audience_like_any_other(shop: Shop) -> None:
    shop.apply()
    audiences, merchant = shop.product.audiences, shop.merchant
    lines = ["m-1", "", "m-3", "m-unknown", "x" * 500]
    done = audiences.put(merchant, "friends", enumerate(lines, 1), "member_no")
    assert (done.rows, done.added, done.known, done.bad) == (3, 3, 2, 1)
    assert [(one.line, one.reason.en) for one in done.examples] == [(5, identify_reason())]
    with pytest.raises(InvalidInput):
        audiences.put(merchant, "friends", [(1, "x" * 500)], "member_no", replace=True)
    assert shop.count("in_audience('friends')") == 2, "a list that names nobody replaces nothing"
    assert shop.count("in_audience('big_friends')") == 1
    shop.project()
    assert shop.product.boards.refresh(merchant), "a list that was filled makes the board out of date"
    assert shop.sizes()["friends"] == 2, "whoever is not a member yet does not count"
    again = audiences.put(merchant, "friends", [(1, "m-3")], "member_no", replace=True)
    assert (again.rows, again.known) == (1, 1)
    assert shop.count("in_audience('friends')") == 1
    shop.send("identify", 77, {"city": "上海"})
    audiences.put(merchant, "friends", [(1, "m-77")], "member_no")
    shop.project()
    assert shop.count("in_audience('friends')") == 2


def test_a_window_of_ones_own_is_counted_on_the_board(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guanxi.customers.boards.service.SAMPLE", 2)
    shop.apply()
    audiences, merchant = shop.product.audiences, shop.merchant
    rule = audiences.rule(merchant, "sum(order.paid.amount, 44d) >= ¥20 and in_audience('big')")
    exact = audiences.count_now(merchant, rule, sampled=False)
    assert exact is not None
    assert (exact.members, exact.of, exact.sample) == (2, 6, 0)
    guess = audiences.count_now(merchant, rule, sampled=True)
    assert guess is not None
    assert guess.of == 6
    assert guess.sample <= 6
    unknown = audiences.rule(merchant, "count(page, 7d) > 0")
    assert audiences.count_now(merchant, unknown, sampled=True) is None, "the sample knows no pages"


def test_a_lost_board_lets_nobody_enter_again(shop: Shop) -> None:
    shop.apply()
    first = shop.tell()
    with shop.product.database.reading() as tx:
        board = shop.product.boards.live(tx, "shop")
    assert board is not None
    shop.product.boards.path("shop", board).unlink()
    assert shop.product.boards.refresh(shop.merchant, force=True)
    assert len(shop.tell()) == len(first)
    assert shop.sizes()["big"] == 2


def test_an_audience_overlaps_another(shop: Shop) -> None:
    shop.apply()
    audiences, merchant = shop.product.audiences, shop.merchant
    found = audiences.overlap(merchant, InAudience("big"), audiences.rule(merchant, "city = '杭州'"))
    assert tuple(found) == (2, 3, 1)


def test_a_rule_that_names_nothing_is_true_of_all_or_of_nobody(shop: Shop) -> None:
    shop.apply()
    audiences, merchant = shop.product.audiences, shop.merchant
    for rule, members in (("true", 6), ("1 = 2", 0), ("today() > date '2020-01-01'", 6)):
        assert shop.count(rule) == members
        node = audiences.rule(merchant, rule)
        assert len(audiences.members(merchant, node)) == members
        counted = audiences.count_now(merchant, node, sampled=False)
        assert counted is not None
        assert counted.members == members
        assert audiences.overlap(merchant, node, InAudience("big")).both == min(2, members)


def test_an_export_has_a_row_for_each_member(shop: Shop) -> None:
    shop.apply()
    audiences, merchant = shop.product.audiences, shop.merchant
    told: list[tuple[int, int]] = []
    rule = audiences.rule(merchant, "spent > 0")
    columns = ["spent", "city", "first_seen", "identities"]
    rows = list(audiences.export(merchant, rule, columns, on_progress=lambda *done: told.append(done)))
    assert rows[0] == ["member_id", *columns]
    assert sorted(row[1:] for row in rows[1:]) == [
        ["12000", "上海", "2026-04-16", "member_no"],
        ["2000", "杭州", "2026-04-16", "member_no"],
        ["30000", "杭州", "2026-04-16", "member_no"],
    ]
    assert told[-1] == (3, 3)


def test_two_boards_at_once_do_not_both_go_live(shop: Shop) -> None:
    shop.apply()
    boards = shop.product.boards
    with shop.product.database.reading() as tx:
        world = shop.product.definitions.live(tx, "shop")
    staged = boards.stage(shop.merchant, world)
    assert boards.refresh(shop.merchant, force=True)
    with shop.product.database.transaction() as tx, pytest.raises(Unavailable):
        boards.publish(tx, "shop", staged)


def test_whoever_is_erased_is_on_no_board_and_no_list(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guanxi.customers.boards.service._CHUNK", 2)
    shop.apply()
    product, merchant = shop.product, shop.merchant
    product.audiences.put(merchant, "friends", [(1, "m-1"), (2, "m-2")], "member_no")
    product.boards.refresh(merchant, force=True)
    assert product.boards.tell(merchant) == 2, "the rest is told after the erasure"
    with product.database.reading() as tx:
        board = product.boards.live(tx, "shop")
    assert board is not None
    member = shop.ids()[1]
    with product.database.transaction() as tx:
        product.privacy.request(tx, merchant, member, by="li", now=shop.clock.now())
    shop.project()
    product.erasures.run("shop", wait=True)
    number = fragment_of(member)
    files = product.boards.files("shop", board)
    with product.profiles.facts.engine() as con:
        for path in (files.wide, files.changes):
            rows = con.execute(f"SELECT member FROM read_parquet('{path}')").fetchall()
            assert rows
            assert (number,) not in rows
    shop.project()
    assert product.boards.refresh(merchant)
    assert {key: shop.sizes()[key] for key in ("big", "friends")} == {"big": 1, "friends": 1}
    assert [said(event) for event in shop.tell() if event.subject == number] == []


def test_a_refresh_says_what_a_board_made_from_nothing_says(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.apply()
    for days, yuan in ((1, 30), (3, 80), (25, 45)):
        shop.hand_over()
        shop.clock.move(days * DAY)
        shop.buys(1, yuan, days=2)
        shop.project()
        assert shop.product.boards.refresh(shop.merchant)
    shop.hand_over()
    assert shop.product.boards.refresh(shop.merchant, force=True)
    refreshed = rows(shop)
    with monkeypatch.context() as forgetful:
        forgetful.setattr(sums, "_FAR", -1)
        assert shop.product.boards.refresh(shop.merchant, force=True)
    assert rows(shop) == refreshed


def test_sums_that_nobody_needs_any_more_are_let_go(shop: Shop) -> None:
    def kept() -> list[bool]:
        folder = shop.product.profiles.facts.folder("shop")
        return [table.sums is not None for table in facts.load(folder).tables.values()]

    shop.apply("kind: trait\nkey: spent\nvalue: sum(order.paid.amount, 30d)\n")
    assert kept() == [True]
    shop.apply("kind: trait\nkey: spent\nvalue: distinct(order.paid.channel, 30d)\n", prune=True)
    assert kept() == [False]


def test_money_on_a_board_is_a_whole_number(shop: Shop) -> None:
    shop.apply()
    with shop.product.database.reading() as tx:
        board = shop.product.boards.live(tx, "shop")
    assert board is not None
    with shop.product.profiles.facts.engine() as con:
        kinds = store.columns(con, shop.product.boards.path("shop", board))
    assert (kinds["spent"], kinds["fifth"]) == ("BIGINT", "BIGINT")


def rows(shop: Shop) -> list[tuple[Any, ...]]:
    """Return everybody as the live board has them."""
    with shop.product.database.reading() as tx:
        board = shop.product.boards.live(tx, "shop")
    assert board is not None
    with shop.product.profiles.facts.engine() as con:
        path = shop.product.boards.path("shop", board)
        return con.execute(f"SELECT * FROM '{path}' ORDER BY member").fetchall()
