"""What a burst of events leaves in the tail's file is given back, and nothing else is lost by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from guanxi.storage import scrub
from guanxi.storage.scrub import shrink
from tests.storage.events import event, follow, in_tail, keys, move

if TYPE_CHECKING:
    from tests.installation import Installation

MANY = [event(f"e{n}", payload=b'"' + b"x" * 2_000 + b'"') for n in range(1_000)]


def size(one: Installation) -> int:
    with one.database.tail.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint").all()
    return (one.home.path / "tail.db").stat().st_size


@pytest.fixture
def grown(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation whose tail has held a thousand events and holds one."""
    monkeypatch.setattr(scrub, "SPARE", 1 << 20)
    installation.log.accept(MANY)
    assert move(installation) == 1_000
    installation.log.accept([event("last")])
    return installation


def test_a_tail_that_was_large_gives_its_space_back(grown: Installation) -> None:
    everything = follow(grown.log)
    if grown.database.dialect == "postgresql":
        assert shrink(grown.database) == 0
        return
    before = size(grown)
    assert shrink(grown.database) > 1 << 20
    assert size(grown) < before - (1 << 20)
    assert shrink(grown.database) == 0, "there is nothing left to give"
    assert follow(grown.log) == everything
    assert grown.log.accept([*MANY, event("last"), event("next")]) == [False] * 1_001 + [True]
    assert in_tail(grown) == ["last", "next"]
    assert keys(follow(grown.log))[-2:] == ["last", "next"]


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_tail_in_use_is_left_alone(grown: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrub, "MOST_USED", 10)
    assert shrink(grown.database) == 0, "writers would wait too long"
    monkeypatch.undo()
    assert shrink(grown.database) == 0, "so little is not worth it"
    monkeypatch.setattr(scrub, "SPARE", 1 << 20)
    with grown.database.tail.reading() as tx:
        tx.conn.exec_driver_sql("SELECT count(*) FROM event_tail").scalar_one()
        shrink(grown.database)  # a reader of an old snapshot neither fails nor is failed
        assert tx.conn.exec_driver_sql("SELECT count(*) FROM event_tail").scalar_one() == 1
    assert in_tail(grown) == ["last"]
