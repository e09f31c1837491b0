"""The log: every event once, in order, from the tail or the lake."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest

from guanxi.kernel.clock import DAY
from guanxi.storage.events.log import SEEN_DAYS
from guanxi.storage.events.model import START, Position
from guanxi.storage.merchants import Merchant, add_merchant
from tests.installation import NOW
from tests.storage.events import (
    TODAY,
    advance,
    content,
    event,
    follow,
    handover,
    in_lake,
    in_tail,
    keys,
    move,
    pass_all,
    remembered,
)

if TYPE_CHECKING:
    from tests.installation import Installation

OLD = TODAY - SEEN_DAYS - 20


def test_an_id_is_taken_once_in_a_batch_and_across_batches(installation: Installation) -> None:
    log = installation.log
    assert log.accept([event("a"), event("b"), event("a")]) == [True, True, False]
    assert log.accept([event("b"), event("c"), event("c"), event("a")]) == [False, True, False, False]
    assert log.accept([]) == []
    assert keys(follow(log)) == ["a", "b", "c"]


def test_the_same_id_on_another_day_is_another_event(installation: Installation) -> None:
    log = installation.log
    assert log.accept([event("a"), event("a", day=TODAY - 1), event("a", day=OLD)]) == [True] * 3


@pytest.mark.parametrize("day", [TODAY, TODAY + 300, TODAY - SEEN_DAYS, TODAY - SEEN_DAYS - 1, OLD, 0])
def test_a_retry_is_known_in_the_tail_and_in_the_lake(installation: Installation, day: int) -> None:
    log = installation.log
    assert log.accept([event("a", day=day)]) == [True]
    assert log.accept([event("a", day=day), event("b", day=day)]) == [False, True]
    assert move(installation) == 2
    assert (in_tail(installation), sorted(in_lake(installation))) == ([], ["a", "b"])
    assert log.accept([event("a", day=day), event("c", day=day), event("b", day=day)]) == [False, True, False]
    assert sorted(keys(follow(log))) == ["a", "b", "c"]


def test_ids_are_forgotten_when_the_lake_answers_for_them(installation: Installation) -> None:
    log, clock = installation.log, installation.clock
    log.accept([event("old", day=OLD), event("new"), event("timeless", day=0)])
    assert remembered(installation) == {0, OLD, TODAY}
    assert move(installation, limit=1) == 1
    assert remembered(installation) == {0, TODAY}, "an event still in the tail keeps its id"
    assert move(installation) == 2
    assert remembered(installation) == {TODAY}
    assert log.accept([event("old", day=OLD), event("new"), event("timeless", day=0)]) == [False] * 3
    clock.move((SEEN_DAYS + 2) * DAY)
    log.accept([event("later", day=TODAY + SEEN_DAYS + 2)])
    move(installation)
    assert remembered(installation) == {TODAY + SEEN_DAYS + 2}
    assert log.accept([event("new")]) == [False]


def test_midnight_between_look_up_and_insert_lets_no_duplicate_in(installation: Installation) -> None:
    """The writer has read the clock and sees an id as recent; a hand-over then moves the horizon."""
    log, clock = installation.log, installation.clock
    edge = TODAY - SEEN_DAYS
    log.accept([event("a", day=edge)])
    pass_all(installation)
    clock.move(DAY)
    assert handover(installation).run("shop", ["r"]) == 1
    clock.move(-DAY)
    assert log.accept([event("a", day=edge)]) == [False]


def test_events_come_out_as_they_went_in(installation: Installation) -> None:
    log = installation.log
    sent = [
        event(f"e{n}", day=OLD + n, subject=-n, payload='{"店": "\\u0000 😀"}'.encode()) for n in range(30)
    ]
    log.accept(sent)
    from_tail = follow(log)
    assert [content(one) for one in from_tail] == [content(one) for one in sent]
    assert move(installation, limit=20) == 20
    assert follow(log, limit=7) == from_tail
    move(installation)
    assert follow(log, limit=7) == from_tail


def test_order_and_crossing_from_lake_to_tail(installation: Installation) -> None:
    """At every cut between lake and tail, with every page size, a reader sees each event once and in order."""
    log, chance = installation.log, random.Random(1)
    for batch in range(6):
        log.accept([event(f"{batch}-{n}", day=TODAY - chance.randrange(40)) for n in range(5)])
    everything = follow(log)
    positions = [one.position for one in everything]
    assert positions == sorted(set(positions))
    for _ in range(6):
        assert move(installation, limit=5) == 5
        for limit in (1, 3, 4, 100):
            assert follow(log, limit=limit) == everything
        assert follow(log, after=positions[17], limit=2) == everything[18:]
    assert log.read("shop", positions[-1], 5) == []


def test_only_what_every_reader_has_passed_is_moved(installation: Installation) -> None:
    log = installation.log
    log.accept([event(f"e{n}") for n in range(10)])
    run = handover(installation).run
    assert run("shop", ["fast", "slow"]) == 0
    all_of_them = follow(log)
    advance(installation, "fast", all_of_them[-1].position)
    assert run("shop", ["fast", "slow"]) == 0
    advance(installation, "slow", all_of_them[3].position)
    assert run("shop", ["fast", "slow"]) == 4
    assert in_lake(installation) == ["e0", "e1", "e2", "e3"]
    assert in_tail(installation) == [f"e{n}" for n in range(4, 10)]
    assert run("shop", ["fast", "slow"]) == 0


def test_a_limit_above_what_is_read_at_once_loses_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guanxi.storage.events.handover.BATCH", 10)
    installation.log.accept([event(f"e{n:02}") for n in range(25)])
    assert [move(installation, limit=1_000) for _ in range(4)] == [10, 10, 5, 0]
    assert in_lake(installation) == [f"e{n:02}" for n in range(25)]


def test_only_one_hands_over_at_a_time(installation: Installation) -> None:
    installation.log.accept([event("a")])
    pass_all(installation)
    with installation.locks.hold("lake/shop", wait=False) as mine:
        assert mine
        assert handover(installation).run("shop", ["r"]) == 0
    assert handover(installation).run("shop", ["r"]) == 1


def test_writers_and_hand_overs_at_once(installation: Installation) -> None:
    """Late and recent events, retried by two writers while the lake is filled; each is stored once."""
    log = installation.log
    answers: dict[str, list[bool]] = {}
    guard, stop, trouble = threading.Lock(), threading.Event(), []

    def write(seed: int) -> None:
        chance = random.Random(seed)
        try:
            for batch in range(12):
                days = (TODAY, TODAY - 3, OLD, OLD - 1, 0)
                sent = [event(f"{batch}-{n}", day=days[n % 5]) for n in range(10)]
                chance.shuffle(sent)
                fresh = log.accept(sent)
                with guard:
                    for one, new in zip(sent, fresh, strict=True):
                        answers.setdefault(one.event_id, []).append(new)
        except Exception as error:  # noqa: BLE001 - told below
            trouble.append(error)

    def hand() -> None:
        try:
            while not stop.is_set():
                move(installation, limit=17)
        except Exception as error:  # noqa: BLE001
            trouble.append(error)

    writers = [threading.Thread(target=write, args=(seed,)) for seed in (1, 2)]
    mover = threading.Thread(target=hand)
    for thread in (*writers, mover):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    mover.join()
    assert not trouble
    assert all(sorted(said) == [False, True] for said in answers.values())
    tail, lake = in_tail(installation), in_lake(installation)
    assert sorted(tail + lake) == sorted(answers)
    assert len(answers) == 120
    assert keys(follow(log, limit=9)) == lake + tail


def test_merchants_do_not_meet(installation: Installation) -> None:
    log = installation.log
    with installation.database.transaction() as tx:
        add_merchant(tx, Merchant("other", "邻家", "Asia/Shanghai", "CNY", "", NOW))
    both = [event("a"), event("a", merchant="other"), event("b", merchant="other")]
    assert log.accept(both) == [True] * 3
    assert log.accept(both) == [False] * 3
    assert move(installation) == 1
    assert (in_lake(installation), in_tail(installation)) == (["a"], [])
    assert (in_lake(installation, "other"), in_tail(installation, "other")) == ([], ["a", "b"])
    assert keys(follow(log)) == ["a"]
    assert keys(follow(log, "other")) == ["a", "b"]
    assert {one.merchant_id for one in follow(log, "other")} == {"other"}
    assert log.backlog("other")["rows"] == 2
    assert log.backlog("nobody") == {"rows": 0, "oldest": 0}
    assert log.read("nobody", START, 10) == []


def test_events_beside_the_state_move_on_once(installation: Installation) -> None:
    log, database = installation.log, installation.database
    with database.transaction() as tx:
        log.append(tx, [event("a"), event("x", merchant="other"), event("b")])
        log.append(tx, [])
    with database.transaction() as tx:
        log.append(tx, [event("y", merchant="other"), event("b"), event("c")])
    with pytest.raises(ZeroDivisionError), database.transaction() as tx:  # noqa: PT012
        log.append(tx, [event("never")])
        raise ZeroDivisionError
    waiting = database.dialect == "sqlite"
    assert log.drain_beside("shop") == (4 if waiting else 0)
    assert log.drain_beside("shop") == 0
    log.drain_beside("other")
    assert keys(follow(log)) == ["a", "b", "c"]
    assert keys(follow(log, "other")) == ["x", "y"]


def test_draining_twice_after_a_crash_changes_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = installation.log
    if installation.database.dialect == "postgresql":
        assert log.drain_beside("shop") == 0  # nothing ever waits there
        return
    with installation.database.transaction() as tx:
        log.append(tx, [event("a"), event("late", day=OLD)])
    with monkeypatch.context() as patch:
        patch.setattr("guanxi.storage.events.tail.delete_beside", _crash)
        with pytest.raises(ZeroDivisionError):
            log.drain_beside("shop")
    assert move(installation) == 2
    assert log.drain_beside("shop") == 2
    assert follow(log) == follow(log)
    assert (in_tail(installation), sorted(in_lake(installation))) == ([], ["a", "late"])
    # Queue numbers are used again; a slow drainer must not take a newcomer for what it has moved.
    with installation.database.transaction() as tx:
        log.append(tx, [event("new")])
    assert log.drain_beside("shop") == 1
    assert keys(follow(log))[-1] == "new"


def _crash(*_args: object) -> None:
    raise ZeroDivisionError


def test_a_reader_stands_where_it_was_put(installation: Installation) -> None:
    log, database = installation.log, installation.database
    with database.transaction() as tx:
        assert log.position(tx, "shop", "r") == START
    advance(installation, "r", Position(3, 9))
    with database.transaction() as tx:
        assert log.position(tx, "shop", "r") == Position(3, 9)
        assert log.peek(tx, "shop", "other") == START
        assert log.peek(tx, "other", "r") == START
    with pytest.raises(ZeroDivisionError), database.transaction() as tx:  # noqa: PT012
        log.advance(tx, "shop", "r", Position(4, 1))
        raise ZeroDivisionError
    with database.reading() as tx:
        assert log.peek(tx, "shop", "r") == Position(3, 9)
