"""A database restored on another PostgreSQL server, whose transaction ids begin low: positions go on where they were."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guanxi.storage.database import Database
from guanxi.storage.events import epochs, erasing, tail
from guanxi.storage.events.handover import Handover
from guanxi.storage.events.log import EventLog
from guanxi.storage.events.model import START, Position
from guanxi.storage.home import Home
from guanxi.storage.locks import locks_of
from tests.servers import address, age, dump, restore
from tests.storage.events import advance, event, follow, handover, in_lake, in_tail, keys, move
from tests.storage.test_isolation import all_tables
from tools import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.installation import Installation

pytestmark = pytest.mark.postgres


@pytest.fixture
def dialect() -> str:
    """Transaction ids are PostgreSQL's."""
    return "postgresql"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[postgres.Server]:
    """A server that has hardly given out any transaction ids."""
    with postgres.server() as started:
        yield started


@contextmanager
def restored(one: Installation, server: postgres.Server, folder: Path) -> Iterator[Installation]:
    """Dump an installation's database, restore it on ``server``, and open it there with a copy of its lake."""
    folder.mkdir()
    file = folder / "guanxi.dump"
    dump(one.home.main_url, file)
    with server.database() as url:
        restore(file, url)
        shutil.copytree(one.home.path / "lake", folder / "home" / "lake")
        home = Home.create(folder / "home", database=address(url))
        database = Database.of(home)
        try:
            log = EventLog(home, database, one.clock)
            yield replace(one, home=home, database=database, log=log, locks=locks_of(database, home.locks))
        finally:
            database.dispose()


def fill(one: Installation) -> Position:
    """Three events in the lake, two read and still in the tail, two that nobody has read; returns the reader's place."""
    age(one.home.main_url, 3_000)
    one.log.accept([event("lake-1"), event("lake-2"), event("lake-3", day=0)])
    assert move(one) == 3
    one.log.accept([event("read-1"), event("read-2")])
    place = follow(one.log)[-1].position
    advance(one, "r", place)
    one.log.accept([event("unread-1")])
    one.log.accept([event("unread-2")])
    return place


EVERYTHING = ["lake-1", "lake-2", "lake-3", "read-1", "read-2", "unread-1", "unread-2"]


def test_nothing_is_skipped_and_nothing_read_twice(
    installation: Installation, elsewhere: postgres.Server, tmp_path: Path
) -> None:
    place = fill(installation)
    with restored(installation, elsewhere, tmp_path / "there") as there:
        for _ in range(
            8
        ):  # so often that the driver has prepared the statement when the base changes beneath it
            assert there.log.read("shop", place, 10) == [], (
                "readers wait for transactions that are not to come"
            )
        assert epochs.mend(there.database, there.log)
        assert not epochs.mend(there.database, there.log), "once is enough"
        assert keys(follow(there.log, after=place)) == ["unread-1", "unread-2"]
        assert follow(there.log) == follow(installation.log), "every position is what it was"

        again = [event(key, day=0) if key == "lake-3" else event(key) for key in EVERYTHING]
        assert there.log.accept([*again, event("new-1")]) == [False] * 7 + [True]
        there.log.accept([event("new-2")])
        unread = follow(there.log, after=place)
        assert keys(unread) == ["unread-1", "unread-2", "new-1", "new-2"]
        advance(there, "r", unread[2].position)
        assert handover(there).run("shop", ["r"]) == 5
        assert in_lake(there) == [*EVERYTHING, "new-1"]
        assert in_tail(there) == ["new-2"]
        assert keys(follow(there.log)) == [*EVERYTHING, "new-1", "new-2"]
        assert keys(follow(there.log, after=unread[2].position)) == ["new-2"]


def test_a_database_may_move_again_and_again(
    installation: Installation, elsewhere: postgres.Server, tmp_path: Path
) -> None:
    fill(installation)
    with restored(installation, elsewhere, tmp_path / "there") as there:
        assert epochs.mend(there.database, there.log)
        there.log.accept([event("there")])
        assert move(there, limit=3) == 3
        with postgres.server() as third, restored(there, third, tmp_path / "third") as further:
            assert epochs.mend(further.database, further.log)
            further.log.accept([event("further")])
            assert keys(follow(further.log)) == [*EVERYTHING, "there", "further"]
            # And home, where more transactions have gone by than anywhere else.
            age(installation.home.main_url, 10_000)
            with restored(further, server_of(installation), tmp_path / "home-again") as back:
                assert not epochs.mend(back.database, back.log)
                back.log.accept([event("back")])
                assert keys(follow(back.log)) == [*EVERYTHING, "there", "further", "back"]
                assert move(back) == 4


def server_of(one: Installation) -> postgres.Server:
    with one.database.reading() as tx:
        return postgres.Server(
            Path(str(tx.conn.exec_driver_sql("SHOW unix_socket_directories").scalar_one()))
        )


def test_a_hand_over_under_way_is_finished_elsewhere(
    installation: Installation,
    elsewhere: postgres.Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(installation)
    with monkeypatch.context() as patch:
        patch.setattr(Handover, "_finish", lambda *_: 0)
        assert handover(installation).run("shop", ["r"]) == 0
    with restored(installation, elsewhere, tmp_path / "there") as there:
        with there.database.tail.reading() as tx:
            assert tail.plan(tx, "shop") is not None
        assert epochs.mend(there.database, there.log)
        assert handover(there).recover("shop") == 2
        assert in_lake(there) == EVERYTHING[:5]
        assert in_tail(there) == EVERYTHING[5:]


def test_what_was_written_before_the_mending_is_read_after_it(
    installation: Installation, elsewhere: postgres.Server, tmp_path: Path
) -> None:
    """A server that was left running while the database was restored beneath it."""
    place = fill(installation)
    with restored(installation, elsewhere, tmp_path / "there") as there:
        there.log.accept([event("early-1"), event("early-2")])
        assert epochs.mend(there.database, there.log)
        assert keys(follow(there.log)) == [*EVERYTHING, "early-1", "early-2"]
        assert keys(follow(there.log, after=place)) == ["unread-1", "unread-2", "early-1", "early-2"]
        assert move(there) == 6


def test_the_past_of_somebody_to_be_forgotten_ends_where_it_did(
    installation: Installation, elsewhere: postgres.Server, tmp_path: Path
) -> None:
    fill(installation)
    with restored(installation, elsewhere, tmp_path / "there") as there:
        assert epochs.mend(there.database, there.log)
        with there.database.transaction() as tx:
            bound = erasing.bound(tx, there.database, "shop")
            assert not erasing.is_settled(tx, bound)
        there.log.accept([event("later")])
        with there.database.reading() as tx:
            assert erasing.is_settled(tx, bound)
        assert [one.event_id for one in follow(there.log) if one.position > bound] == ["later"]


def test_a_lake_that_is_further_than_its_database_is_not_overtaken(
    installation: Installation, elsewhere: postgres.Server, tmp_path: Path
) -> None:
    fill(installation)
    with restored(installation, elsewhere, tmp_path / "there") as there:
        age(installation.home.main_url, 2_000)
        installation.log.accept([event("too-late")])
        assert move(installation) == 5
        shutil.rmtree(there.home.path / "lake")
        shutil.copytree(installation.home.path / "lake", there.home.path / "lake")
        assert epochs.mend(there.database, there.log)
        there.log.accept([event("new")])
        in_lake_already = there.log.lake("shop").read("shop", START, Position(2**62, 0), 100)
        assert follow(there.log)[-1].position > in_lake_already[-1].position


def test_a_server_that_runs_on_needs_no_mending(installation: Installation) -> None:
    fill(installation)
    with installation.database.transaction() as tx:  # somebody is always writing
        tail.accept(tx, [event("busy")])
        assert not epochs.mend(installation.database, installation.log)


def test_every_column_that_holds_an_epoch_is_known() -> None:
    all_tables()
    found = {f"{table}.{column}" for table, column in epochs._columns()}
    assert found == {
        "event_tail.epoch",
        "event_reader.epoch",
        "event_handover.upto_epoch",
        "event_handover_plan.upto_epoch",
        "customer_board.epoch",
        "customer_erasure.upto_epoch",
    }
