"""What changes under an answer: who is who, what is forgotten, which columns there are, and who else is at work."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from guanxi.customers.facts import store
from guanxi.customers.identity.model import Decision
from guanxi.customers.privacy.model import State
from tests.customers.privacy.shop import (
    ANNA,
    BO,
    DAY,
    openid,
    order,
    phone,
    profile,
)
from tests.customers.profiles.questions import Asker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.customers.privacy.shop import Shop

COUNT, SPENT = "count(order.paid, 60d)", "sum(order.paid.amount, 60d)"
FEN = "sum(order.paid.amount where category = 'A', 60d)"
ANNA_WX, BO_WX = openid("anna-wx"), openid("bo-wx")


def said(asker: Asker, text: str) -> list[Any]:
    """What everybody has of an aggregate, in order, where there is something."""
    return sorted(values[asker.window(text).name] or 0 for values in asker.agreed(text).values())


def moved(shop: Shop) -> list[tuple[Any, ...]]:
    """All buckets, and the files of facts."""
    facts = shop.customers.installation.home.lake("shop").parent / "facts"
    return [
        *shop.rows("SELECT * FROM customer_bucket ORDER BY 1, 2, 3, 4"),
        *sorted((path.name,) for path in facts.glob("*.parquet")),
    ]


def test_a_merge_and_its_undoing_move_nothing(shop: Shop, asker: Asker) -> None:
    shop.send(order("event-1", phone(ANNA), fen=1), order("event-2", openid("anna-wx"), fen=20))
    shop.customers.project()
    shop.customers.hand_over()
    assert said(asker, SPENT) == [1, 20]
    before = moved(shop)
    for decision, together in (
        (Decision.JOINED, [21]),
        (Decision.SEPARATED, [1, 20]),
        (Decision.JOINED, [21]),
    ):
        _decide(shop, decision)
        assert said(asker, SPENT) == together
        assert moved(shop) == before
    shop.customers.hand_over()
    assert said(asker, SPENT) == [21]


def _decide(shop: Shop, decision: Decision) -> None:
    one = shop.customers.installation
    one.clock.move(1_000_000)
    pair = [shop.fragment(phone(ANNA)), shop.fragment(ANNA_WX)]
    type_ = f"identity.{decision.value}"
    event = shop.customers.intake.internal_event(
        one.merchant, type_, f"e{one.clock.now()}", [], {"by": "an", "with": "x", "from": "x"}, fragments=pair
    )
    one.log.accept([event])
    shop.customers.project()


def test_a_late_event_counts_on_its_day(shop: Shop, asker: Asker) -> None:
    shop.send(order("event-1", ANNA_WX, fen=1, ago=DAY))
    shop.customers.project()
    shop.customers.hand_over()
    assert said(asker, SPENT) == [1]
    shop.send(order("event-2", ANNA_WX, fen=20, ago=40 * DAY))
    shop.customers.project()
    for _ in range(2):
        texts = SPENT, "sum(order.paid.amount, 40d)", "first(order.paid, 60d)"
        (values,) = asker.agreed(*texts).values()
        assert values == dict(zip(texts, (21, 1, asker.today() - 40), strict=True))
        (before,) = asker.agreed(SPENT, as_of=asker.today() - 40).values()
        assert before == {SPENT: 20}
        assert asker.agreed(SPENT, as_of=asker.today() - 41) == {}
        shop.customers.hand_over()


@pytest.mark.parametrize("handed_over", [False, True])
def test_who_was_forgotten_is_gone_and_who_comes_back_starts_at_nothing(
    shop: Shop, asker: Asker, handed_over: bool
) -> None:
    shop.send(profile("event-p", ANNA_WX, ago=9 * DAY, phone=ANNA), profile("event-q", BO_WX, phone=BO))
    shop.send(
        order("event-1", ANNA_WX, fen=1), order("event-2", BO_WX, fen=20), order("event-3", phone(ANNA))
    )
    shop.customers.project()
    if handed_over:
        shop.customers.hand_over()
    assert said(asker, SPENT) == [20, 501]
    shop.ask(ANNA_WX)
    assert said(asker, SPENT) == [20]
    shop.send(order("event-4", ANNA_WX, fen=300))
    shop.customers.project()
    # The log has not been rewritten yet.
    assert said(asker, SPENT) == [20, 300]
    assert said(asker, COUNT) == [1, 1]
    shop.customers.hand_over()
    assert said(asker, SPENT) == [20, 300]
    assert shop.job.run("shop") == 1
    assert said(asker, SPENT) == [20, 300]
    shop.send(order("event-5", phone(ANNA), fen=4_000))
    shop.customers.project()
    shop.customers.hand_over()
    assert said(asker, SPENT) == [20, 300, 4_000]


def test_no_state_of_an_erasure_brings_anybody_back(
    shop: Shop, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.send(order("event-1", ANNA_WX, fen=1), order("event-2", BO_WX, fen=20))
    shop.customers.project()
    shop.customers.hand_over()
    shop.ask(ANNA_WX)
    shop.send(order("event-3", ANNA_WX, fen=300))
    shop.customers.project()
    rewrite = shop.job._rewrite

    def between(merchant_id: str) -> None:
        assert [one.state for one in shop.job.waiting(merchant_id)] == [State.MENDED]
        assert said(asker, SPENT) == [20, 300]
        rewrite(merchant_id)
        assert said(asker, SPENT) == [20, 300]

    monkeypatch.setattr(shop.job, "_rewrite", between)
    assert shop.job.run("shop") == 1
    assert said(asker, SPENT) == [20, 300]


def test_no_file_of_facts_knows_who_was_forgotten(shop: Shop, asker: Asker) -> None:
    shop.send(order("event-1", ANNA_WX, fen=1), order("event-2", BO_WX, fen=20))
    shop.customers.project()
    shop.customers.hand_over()
    assert said(asker, SPENT) == [1, 20]
    shop.ask(ANNA_WX)
    assert said(asker, SPENT) == [20]
    assert known(asker) == {shop.fragment(ANNA_WX), shop.fragment(BO_WX)}
    assert shop.job.run("shop") == 1
    assert known(asker) == set()
    assert said(asker, SPENT) == [20]
    assert shop.fragment(ANNA_WX) not in known(asker)
    assert shop.fragment(BO_WX) in known(asker)
    assert len(asker.all([asker.rule("1 = 1")], asker.today())) == 1
    # And if nobody asked in between:
    shop.erase(BO_WX)
    assert known(asker) == set()
    assert said(asker, SPENT) == []


def known(asker: Asker) -> set[int]:
    """Return whose facts lie on disk."""
    files = asker.facts.folder("shop").glob("*.parquet")
    return {one for file in files for one in pq.read_table(file)["fragment"].to_pylist()}


def test_a_new_column_makes_the_facts_anew(shop: Shop, asker: Asker) -> None:
    for number, place in enumerate(["s-1", "s-2", None]):
        one = order(f"event-{number}", ANNA_WX, fen=10**number)
        one["properties"] |= {"store_id": place} if place else {}
        shop.send(one)
    shop.customers.project()
    shop.customers.hand_over()
    assert said(asker, SPENT) == [111]
    (before,) = _tables(asker).values()
    rule = asker.rule("sum(order.paid.amount where store_id = 's-2', 60d) = 10")
    assert asker.matching(rule, asker.today()) == {shop.fragment(ANNA_WX)}
    rule = asker.rule("distinct(order.paid.store_id, 60d) = 2 and sum(order.paid.amount, 60d) = 111")
    assert asker.matching(rule, asker.today()) == {shop.fragment(ANNA_WX)}
    (after,) = _tables(asker).values()
    assert set(before.shape.columns) < set(after.shape.columns)
    assert not set(before.files) & set(after.files)
    # The column stays for those who do not ask for it.
    assert said(asker, SPENT) == [111]
    assert _tables(asker) == {"order.paid": after}


def _tables(asker: Asker) -> dict[str, store.Table]:
    return store.load(asker.facts.folder("shop")).tables


def test_files_of_many_hand_overs_become_few_and_nothing_counts_twice(shop: Shop, asker: Asker) -> None:
    most = 0
    for number in range(30):
        shop.send(order(f"event-{number:02}", ANNA_WX, fen=1 << number, ago=number * DAY))
        shop.customers.project()
        shop.customers.hand_over()
        values = asker.all([asker.window(SPENT), asker.window(FEN)], asker.today())
        assert list(values[shop.fragment(ANNA_WX)].values()) == [(2 << number) - 1] * 2
        most = max(most, *(len(table.files) for table in _tables(asker).values()))
    assert most > 20
    assert max(len(table.files) for table in _tables(asker).values()) < 10
    asker.agreed(SPENT, COUNT, FEN)


def test_a_lake_that_is_compacted_is_not_read_again(shop: Shop, asker: Asker) -> None:
    for number in range(3):
        shop.send(order(f"event-{number}", ANNA_WX, fen=10**number))
        shop.customers.project()
        shop.customers.hand_over()
    assert said(asker, SPENT) == [111]
    before = _tables(asker)
    one = shop.customers.installation
    with one.database.tail.reading() as tx:
        assert one.log.lake_in(tx, "shop").compact(small_files=1) == 1
        one.log.lake_in(tx, "shop").vacuum(hours=0)
    assert said(asker, SPENT) == [111]
    assert _tables(asker) == before
    assert said(asker, FEN) == [111]


class Killed(Exception):
    """Stands for ``kill -9``."""


def test_a_refresh_that_is_killed_leaves_what_there_was(
    shop: Shop, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.send(order("event-1", ANNA_WX, fen=1))
    shop.customers.project()
    shop.customers.hand_over()
    assert said(asker, SPENT) == [1]
    before = _tables(asker)
    shop.send(order("event-2", ANNA_WX, fen=20))
    shop.customers.project()
    shop.customers.hand_over()

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(store, "save", killed)
        with pytest.raises(Killed):
            said(asker, SPENT)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", killed)
        with pytest.raises(Killed):
            said(asker, SPENT)
    assert _tables(asker) == before
    assert said(asker, SPENT) == [21]
    assert len(list(asker.facts.folder("shop").glob("*.parquet"))) > len(_tables(asker)["order.paid"].files)


def test_what_nobody_names_is_deleted_an_hour_later(shop: Shop, asker: Asker) -> None:
    shop.send(order("event-1", ANNA_WX, fen=1))
    shop.customers.project()
    shop.customers.hand_over()
    assert said(asker, SPENT) == [1]
    (kept,) = _tables(asker)["order.paid"].files
    folder = asker.facts.folder("shop")
    for name in ("old.parquet", "young.parquet"):
        (folder / name).write_bytes(b"")
    for name in ("old.parquet", kept):
        os.utime(folder / name, (0, 0))
    store.save(folder, store.load(folder))
    assert sorted(path.name for path in folder.glob("*.parquet")) == sorted([kept, "young.parquet"])


def test_two_who_ask_at_once_are_answered_alike(shop: Shop, asker: Asker) -> None:
    for number in range(4):
        shop.send(order(f"event-{number}", ANNA_WX, fen=10**number))
        shop.customers.project()
        shop.customers.hand_over()
    answers: list[list[Any]] = []
    start = threading.Barrier(4)

    def ask(text: str, expected: int) -> Callable[[], None]:
        def asked() -> None:
            mine = Asker(shop.customers)
            start.wait()
            answers.extend([*said(mine, text), expected] for _ in range(3))

        return asked

    asked = [ask(SPENT, 1_111), ask(FEN, 1_111), ask(COUNT, 4), ask(SPENT, 1_111)]
    threads = [threading.Thread(target=one) for one in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12
    assert all(got == expected for got, expected in answers)
