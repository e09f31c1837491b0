"""Heavy work is done a little at a time and not for ever."""

from __future__ import annotations

import asyncio
from threading import Event
from typing import TYPE_CHECKING

import pytest

from guanxi.api.heavy import Busy, Heavy
from guanxi.storage.engine import TookTooLong, engine
from guanxi.storage.home import Home
from tests.waiting import run

if TYPE_CHECKING:
    from pathlib import Path

ENDLESS = "SELECT sum(a.range * b.range) FROM range(10000000) AS a, range(1000000) AS b"


@pytest.fixture
def scratch(tmp_path: Path) -> Home:
    """A home for the engine's temporary files."""
    return Home.create(tmp_path / "home")


def test_a_question_is_given_up_on(scratch: Home) -> None:
    def ask() -> None:
        with engine(scratch) as con:
            con.execute(ENDLESS).fetchall()

    with pytest.raises(TookTooLong) as lost:
        run(Heavy(seconds=0.1).ask(ask))
    assert (lost.value.status, lost.value.code) == (503, "took_too_long")
    with engine(scratch) as con:
        assert con.execute("SELECT 1").fetchall() == [(1,)]


def test_patience_is_lost_between_questions_too(scratch: Home) -> None:
    late = Event()

    def ask() -> None:
        with engine(scratch) as con:
            late.wait(0.3)
            con.execute(ENDLESS).fetchall()

    with pytest.raises(TookTooLong):
        run(Heavy(seconds=0.1).ask(ask))


def test_no_more_wait_than_will_be_answered() -> None:
    go, begun = Event(), Event()

    def work() -> int:
        begun.set()
        assert go.wait(30)
        return 1

    async def three() -> list[int | BaseException]:
        heavy = Heavy(at_once=1, waiting=1)
        first = asyncio.create_task(heavy.do(work))
        await asyncio.to_thread(begun.wait, 30)
        second = asyncio.create_task(heavy.do(lambda: 2))
        await asyncio.sleep(0)
        with pytest.raises(Busy) as refused:
            await heavy.do(lambda: 3)
        assert (refused.value.status, refused.value.params) == (503, {"retry_after": 5})
        go.set()
        answers = await asyncio.gather(first, second, return_exceptions=True)
        return [*answers, await heavy.do(lambda: 4)]

    assert run(three()) == [1, 2, 4]
