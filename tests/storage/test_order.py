"""The order of events under concurrent writers (PostgreSQL): nobody who follows it overtakes a late commit."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

import pytest

from guanxi.storage.events import tail
from guanxi.storage.events.model import START, LoggedEvent, Position
from tests.storage.events import event, follow, keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guanxi.storage.database import Database
    from tests.installation import Installation

WRITERS, TRANSACTIONS = 6, 60


@pytest.fixture
def dialect() -> str:
    """Order is a question only where several write at once."""
    return "postgresql"


@pytest.mark.postgres
def test_a_late_commit_is_not_overtaken(installation: Installation) -> None:
    """Two connections: the first takes its place, the second commits before it."""
    log, database = installation.log, installation.database
    slow = database.tail.transaction()
    with slow as early:
        tail.accept(early, [event("early")])
        log.accept([event("quick")])
        assert _naive(database, 0) == ["quick"], "whoever follows numbers has passed the early one now"
        assert log.read("shop", START, 10) == [], "the quick one waits for everybody who began before it"
        log.accept([event("quicker")])
        assert log.read("shop", START, 10) == []
    read = follow(log)
    assert keys(read) == ["early", "quick", "quicker"]
    assert _naive(database, read[1].number) == ["quicker"], "and so never sees it"


@pytest.mark.postgres
def test_a_rollback_holds_nobody_back(installation: Installation) -> None:
    log, database = installation.log, installation.database
    with pytest.raises(ZeroDivisionError), database.tail.transaction() as tx:  # noqa: PT012
        tail.accept(tx, [event("undone")])
        log.accept([event("done")])
        raise ZeroDivisionError
    assert keys(follow(log)) == ["done"]
    assert log.accept([event("undone")]) == [True]


@pytest.mark.postgres
def test_two_writers_of_one_id_wait_for_each_other(installation: Installation) -> None:
    log, database = installation.log, installation.database
    said: list[list[bool]] = []
    for undo in (True, False):
        name = f"twice-{undo}"
        other = threading.Thread(target=lambda key=name: said.append(log.accept([event(key)])))
        try:
            with database.tail.transaction() as tx:
                assert tail.accept(tx, [event(name)]) == [True]
                other.start()
                time.sleep(0.2)
                assert other.is_alive(), "nobody can say yet whether it is new"
                assert 1 / (not undo)
        except ZeroDivisionError:
            pass
        other.join(timeout=10)
    assert said == [[True], [False]]


@pytest.mark.postgres
def test_six_writers_with_slow_commits_and_rollbacks(installation: Installation) -> None:
    log, database = installation.log, installation.database
    committed: set[str] = set()
    guard, done = threading.Lock(), threading.Event()

    def write(writer: int) -> None:
        chance = random.Random(writer)
        for n in range(TRANSACTIONS):
            name = f"{writer}-{n}"
            try:
                with database.tail.transaction() as tx:
                    tail.accept(tx, [event(f"{name}-{part}") for part in range(3)])
                    time.sleep(chance.choice((0, 0, 0.001, 0.01)))
                    assert 1 / (chance.random() >= 0.2)
            except ZeroDivisionError:
                continue
            with guard:
                committed.update(f"{name}-{part}" for part in range(3))

    seen: list[LoggedEvent] = []
    naive: list[str] = []

    def read() -> Iterator[None]:
        after, number = START, 0
        while True:
            page = log.read("shop", after, 50)
            seen.extend(page)
            after = page[-1].position if page else after
            passed = _naive(database, number, with_numbers=True)
            naive.extend(name for name, _ in passed)
            number = max([number, *(at for _, at in passed)])
            yield

    writers = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    steps = read()
    for thread in writers:
        thread.start()
    while any(thread.is_alive() for thread in writers):
        next(steps)
    done.set()
    while len(seen) < len(committed):
        next(steps)
    assert sorted(keys(seen)) == sorted(committed)
    positions = [one.position for one in seen]
    assert positions == sorted(positions)
    assert len(set(naive)) < len(committed), "the foil must fail, or the test has shown nothing"


def _naive(database: Database, number: int, *, with_numbers: bool = False) -> list:  # type: ignore[type-arg]
    """What a reader that follows the sequence alone would see next."""
    with database.tail.reading() as tx:
        rows = tx.conn.exec_driver_sql(
            "SELECT event_id, number FROM event_tail WHERE number > %s ORDER BY number", (number,)
        ).all()
    return [tuple(row) for row in rows] if with_numbers else [name for name, _ in rows]


@pytest.mark.postgres
def test_positions_sort_by_transaction_first() -> None:
    assert Position(1, 9) < Position(2, 1) < Position(2, 2)
