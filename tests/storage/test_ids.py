"""The ids that SQLite keeps in memory: whatever happens, what is stored is known, and what is not stored is not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guanxi.storage.database import Database
from guanxi.storage.events import ids as ids_module
from guanxi.storage.events.log import EventLog
from tests.installation import Installation
from tests.storage.events import TODAY, advance, event, handover, in_lake

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def one(home: Path, migrated_files: Path) -> Iterator[Installation]:
    home.mkdir()
    for file in migrated_files.glob("*.db"):
        (home / file.name).write_bytes(file.read_bytes())
    with Installation.fresh(home, "sqlite") as made:
        yield made


def another_process(one: Installation) -> EventLog:
    """What another process would have: connections and a memory of its own."""
    return EventLog(one.home, Database.of(one.home), one.clock)


def move_on(one: Installation) -> None:
    advance(one, "r", one.log.end("shop"))
    assert handover(one).run("shop", ["r"])


def test_two_processes_know_what_the_other_wrote(one: Installation) -> None:
    other = another_process(one)
    assert one.log.accept([event("a"), event("a"), event("b")]) == [True, False, True]
    assert other.accept([event("b"), event("c")]) == [False, True]
    assert one.log.accept([event("c"), event("a"), event("d")]) == [False, False, True]


def test_a_process_that_slept_through_hand_overs_knows_what_left(one: Installation) -> None:
    asleep = another_process(one)
    assert asleep.accept([event("before")]) == [True]
    one.log.accept([event("gone"), event("gone too", day=TODAY - 3)])
    move_on(one)
    one.log.accept([event("here")])
    again = [event("before"), event("gone"), event("gone too", day=TODAY - 3), event("here"), event("new")]
    assert asleep.accept(again) == [False, False, False, False, True]


def test_a_process_that_starts_later_knows_everything(one: Installation) -> None:
    for number in range(3):
        one.log.accept([event(f"moved {number}"), event(f"late {number}", day=TODAY - 100)])
        move_on(one)
    one.log.accept([event("in the tail"), event("late in the tail", day=TODAY - 100)])
    names = [*(f"moved {number}" for number in range(3)), "in the tail"]
    late = [*(f"late {number}" for number in range(3)), "late in the tail"]
    again = [event(name) for name in names] + [event(name, day=TODAY - 100) for name in late]
    assert another_process(one).accept(again) == [False] * 8


def test_what_was_rolled_back_is_not_known(one: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    one.log.accept([event("first")])
    with monkeypatch.context() as broken:
        broken.setattr("guanxi.storage.events.tail._insert_on_sqlite", fail)
        with pytest.raises(OSError, match="full"):
            one.log.accept([event("second")])
    assert one.log.accept([event("first"), event("second")]) == [False, True]


def test_late_ids_are_let_go_once_the_lake_has_them(one: Installation) -> None:
    old = [event(f"{number}", day=TODAY - 100) for number in range(20)]
    assert all(one.log.accept(old))
    assert not any(one.log.accept(old))
    taken = one.log._taken["shop"]
    assert len(taken._days[TODAY - 100].recent) == 20
    move_on(one)
    assert not any(one.log.accept(old))
    one.log.accept([event("another day")])
    assert TODAY - 100 not in taken._days
    assert len(in_lake(one)) == 20


def test_many_ids_are_packed_and_found(one: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids_module, "RECENT", 50)
    chance = random.Random(5)
    names = [f"{number}" for number in range(3_000)]
    stored: set[str] = set()
    for step in range(40):
        batch = chance.sample(names, 100)
        fresh = one.log.accept([event(name, day=TODAY - int(name) % 3) for name in batch])
        assert fresh == [name not in stored for name in batch]
        stored.update(batch)
        if step % 7 == 3:
            move_on(one)
    days = one.log._taken["shop"]._days
    assert any(day.runs for day in days.values())
    assert all(len(day.runs) < 8 for day in days.values())


def test_ids_that_share_their_first_half_are_told_apart() -> None:
    first = bytes(8)
    held = [first + number.to_bytes(8, "big") for number in (1, 3, 5)]
    run = ids_module._Run(ids_module._halves(b"".join(held)))
    wanted = [first + number.to_bytes(8, "big") for number in (0, 1, 2, 5)] + [b"\xff" * 16]
    assert run.holds(ids_module._halves(b"".join(wanted))) == [1, 3]
