"""A lake that lost what it was given, or is of another backup: nobody is told that there is nothing, and nothing spins."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from guanxi.storage.events import log as log_module
from guanxi.storage.events.erasing import carrying
from guanxi.storage.events.lake import LakeAhead, LakeMissing
from guanxi.storage.events.model import START
from guanxi.storage.events.vitals import check_lake
from tests.storage.events import advance, event, handover, in_tail, move

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.installation import Installation

OLD = 20_000
"""A day whose ids only the lake remembers."""


def delete_all(lake: Path, _earlier: Path) -> None:
    shutil.rmtree(lake)


def delete_log(lake: Path, _earlier: Path) -> None:
    shutil.rmtree(lake / "_delta_log")


def restore_earlier(lake: Path, earlier: Path) -> None:
    shutil.rmtree(lake)
    shutil.copytree(earlier, lake)


def delete_file(lake: Path, _earlier: Path) -> None:
    next(lake.rglob("*.parquet")).unlink()


def spoil_log(lake: Path, _earlier: Path) -> None:
    for file in (lake / "_delta_log").glob("*.json"):
        file.write_text("{", "utf-8")


def fill(one: Installation, folder: Path) -> tuple[Path, Path]:
    """Two hand-overs and two events in the tail; returns the lake and a copy of it after the first hand-over."""
    lake, earlier = one.log.lake("shop").path, folder / "earlier"
    one.log.accept([event("a", day=OLD)])
    assert move(one) == 1
    shutil.copytree(lake, earlier)
    one.log.accept([event("b", day=OLD)])
    assert move(one) == 1
    one.log.accept([event("c"), event("d")])
    check_lake(one.database, one.log, "shop")
    return lake, earlier


@pytest.mark.parametrize("lose", [delete_all, delete_log, restore_earlier, delete_file, spoil_log])
def test_every_question_to_a_lake_that_lost_events_is_refused(
    installation: Installation, tmp_path: Path, lose: Callable[[Path, Path], None]
) -> None:
    one = installation
    lake, earlier = fill(one, tmp_path)
    last = one.log.end("shop")
    lose(lake, earlier)
    questions: list[Callable[[], object]] = [
        lambda: one.log.read("shop", START, 10),
        lambda: one.log.newest("shop", limit=10),
        lambda: one.log.latest_of("shop", {7}, {OLD}, None, 10),
        lambda: list(carrying(one.database, one.log, "shop", {7})),
        lambda: one.log.accept([event("a", day=OLD)]),
        lambda: one.log.accounts("shop"),
        lambda: check_lake(one.database, one.log, "shop"),
    ]
    for ask in questions:
        with pytest.raises(LakeMissing):
            ask()
    assert one.log.newest("shop", limit=1)[0].position == last, "what the tail has is still to be had"
    if lose is not delete_file:
        with pytest.raises(LakeMissing):
            one.log.count("shop")
        advance(one, "r", last)
        with pytest.raises(LakeMissing):
            handover(one).run("shop", ["r"])
        assert sorted(in_tail(one)) == ["c", "d"]


def test_counting_gives_up_on_a_lake_that_stays_ahead(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = installation
    fill(one, tmp_path)
    with one.database.tail.transaction() as tx:
        tx.conn.execute(text("UPDATE event_handover SET n = 1"))
    monkeypatch.setattr(log_module, "_PAUSE", 0)
    with pytest.raises(LakeAhead):
        one.log.count("shop")
