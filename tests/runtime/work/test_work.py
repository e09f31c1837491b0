"""Long work on both databases: done once by whoever takes it, cancelled, put down, tried again, forgotten."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from guanxi.kernel.clock import DAY, MINUTE, SECOND
from guanxi.kernel.errors import InvalidInput, NotFound, TooLarge, Unavailable
from guanxi.runtime.work.jobs import Crew
from guanxi.runtime.work.model import LEASE, REMEMBERED, Cancelled, FileGone, Outcome, State
from guanxi.storage.engine import engine
from guanxi.storage.vault import SealBroken
from tests.runtime.work.shop import WHO, Count, Desk, Gate, asking, desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guanxi.runtime.work.handle import Handle
    from guanxi.runtime.work.jobs import Runner
    from tests.installation import Installation


@pytest.fixture
def made(installation: Installation) -> Desk:
    return desk(installation)


class Beside:
    """A runner in a thread, which is through at the end of the block."""

    def __init__(self, runner: Runner) -> None:
        self._thread = threading.Thread(target=runner.step)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_work_is_asked_for_done_and_shown(made: Desk) -> None:
    asked = made.ask(to=3)
    assert made.get(asked).state is State.WAITING
    assert made.runner(Count()).step() == 1
    done = made.get(asked)
    assert (done.state, done.done, done.whole, done.attempts) == (State.DONE, 3, 3, 1)
    assert (done.outcome.counts, done.outcome.file, done.outcome.size) == ({"numbers": 3}, "numbers.csv", 6)
    assert done.asker == WHO
    assert done.link == f"/console/{done.id}"
    assert b"".join(made.works.read(done)) == b"0\n1\n2\n"
    assert made.runner(Count()).step() == 0
    with made.installation.database.reading() as tx:
        assert [one.id for one in made.works.of(tx, "shop", "per_1", 0)] == [asked.id]
        assert made.works.of(tx, "shop", "per_2", 0) == []
        assert made.works.of(tx, "other", "per_1", 0) == []
    made.works.told(asked)
    with made.installation.database.reading() as tx:
        assert made.works.of(tx, "shop", "per_1", 0) == []


def test_pages_hold_what_one_may_see(made: Desk) -> None:
    asked = []
    for _ in range(5):
        asked.append(made.ask().id)
        made.installation.clock.move(SECOND)
    found: list[str] = []
    cursor = None
    with made.installation.database.reading() as tx:
        while True:
            page = made.works.page(tx, "shop", permissions={"audiences.export"}, cursor=cursor, limit=2)
            found += [one.id for one in page.items]
            if (cursor := page.next_cursor) is None:
                break
        assert made.works.page(tx, "shop", permissions={"events.read"}).items == []
        assert made.works.page(tx, "other").items == []
        with pytest.raises(NotFound):
            made.works.get(tx, "other", asked[0])
    assert found == asked[::-1]


def test_many_runners_do_each_piece_once(made: Desk) -> None:
    asked = [made.ask(to=2).id for _ in range(8)]
    kind = Count()
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: _exhaust(made.runner(kind)), range(4)))
    assert sum(counts) == 8
    assert sorted(kind.runs) == sorted(asked)


def _exhaust(runner: Runner) -> int:
    done = 0
    while runner.step():
        done += 1
    return done


def test_progress_is_written_while_work_runs(made: Desk) -> None:
    gate = Gate(2)
    asked = made.ask(to=4)
    with Beside(made.runner(Count(gate))):
        assert gate.reached.wait(10)
        _until(lambda: made.get(asked).done == 2)
        running = made.get(asked)
        assert (running.state, running.whole) == (State.RUNNING, 4)
        before = running.next_at
        made.installation.clock.move(SECOND)
        _until(lambda: made.get(asked).next_at > before)
        gate.open.set()
    assert made.get(asked).state is State.DONE


def _until(is_so: Any) -> None:
    for _ in range(1_000):
        if is_so():
            return
        threading.Event().wait(0.01)
    pytest.fail("it never became so")


def test_cancelled_work_stops_and_leaves_nothing(made: Desk) -> None:
    waiting = made.ask()
    assert made.cancel(waiting).state is State.CANCELLED
    gate = Gate(1)
    running = made.works.start("shop", asking(to=3), io.BytesIO(b"1\n2\n"))
    with Beside(made.runner(Count(gate))):
        assert gate.reached.wait(10)
        assert made.files() != []
        made.cancel(running)
    assert made.get(running).state is State.CANCELLED
    assert made.files() == []
    done = made.ask()
    made.runner(Count()).step()
    assert made.cancel(done).state is State.DONE, "what has ended stays as it is"
    with pytest.raises(NotFound), made.installation.database.transaction() as tx:
        made.works.cancel(tx, "shop", "wrk_nobody")


def test_cancelled_at_the_last_moment_its_effect_is_undone(made: Desk) -> None:
    class Late(Count):
        def run(self, handle: Handle) -> Outcome:
            made.cancel(handle.work)
            with made.installation.database.transaction() as tx:
                tx.conn.exec_driver_sql(
                    "UPDATE storage_merchant SET name = '改名' WHERE merchant_id = 'shop'"
                )
                handle.finish(tx, Outcome())
            return Outcome()

    asked = made.ask()
    made.runner(Late()).step()
    assert made.get(asked).state is State.CANCELLED
    with made.installation.database.reading() as tx:
        assert tx.conn.exec_driver_sql("SELECT name FROM storage_merchant").scalar_one() == "小店"


def test_a_new_question_on_a_topic_drops_the_one_before(made: Desk) -> None:
    first = made.works.start("shop", asking(topic="effect-1"))
    other = made.works.start("shop", asking(topic="effect-2"))
    second = made.works.start("shop", asking(topic="effect-1"))
    assert [made.get(one).state for one in (first, other, second)] == [
        State.CANCELLED, State.WAITING, State.WAITING,
    ]  # fmt: skip
    assert made.get(first).told


def test_a_runner_that_is_silent_is_followed_by_another(made: Desk) -> None:
    asked, gate = made.ask(), Gate(1)
    with Beside(made.runner(Count(gate), beat=1_000)):
        assert gate.reached.wait(10)
        made.installation.clock.move(LEASE - SECOND)
        assert made.runner(Count()).step() == 0, "its lease is not over"
        made.installation.clock.move(2 * SECOND)
        assert made.runner(Count()).step() == 1
        before = made.get(asked)
        gate.open.set()
    assert (before.state, before.attempts) == (State.DONE, 2)
    assert made.get(asked) == before, "the one that came back late changes nothing"
    assert len(made.files()) == 1
    assert b"".join(made.works.read(before)) == b"0\n1\n2\n"


def test_after_three_lost_runners_it_has_failed(made: Desk) -> None:
    class Dies(Count):
        def run(self, handle: Handle) -> Outcome:
            raise SystemExit

    asked = made.ask()
    for attempt in (1, 2, 3):
        with pytest.raises(SystemExit):
            made.runner(Dies()).step()
        assert made.get(asked).attempts == attempt
        made.installation.clock.move(LEASE + SECOND)
    assert made.runner(Count()).step() == 0
    failed = made.get(asked)
    assert (failed.state, failed.reason.code) == (State.FAILED, "runner_lost")


def test_what_is_wrong_fails_with_its_reason_and_what_is_away_is_tried_again(made: Desk) -> None:
    errors: list[Exception] = [InvalidInput(reason_zh="名单是空的", reason_en="the list is empty")]

    def at(_handle: Handle, _number: int) -> None:
        if errors:
            raise errors.pop()

    bad = made.ask()
    made.runner(Count(at)).step()
    found = made.get(bad)
    assert (found.state, found.attempts) == (State.FAILED, 1)
    assert "名单是空的" in found.reason.zh
    assert made.files() == []
    errors.append(Unavailable(reason_zh="等一下", reason_en="wait"))
    away = made.ask()
    runner = made.runner(Count(at))
    runner.step()
    assert made.get(away).state is State.WAITING
    assert runner.step() == 0, "not at once"
    made.installation.clock.move(MINUTE)
    runner.step()
    assert made.get(away).state is State.DONE
    unknown = made.works.start("shop", asking("nobody_knows"))
    made.runner(Count()).step()
    assert made.get(unknown).reason.code == "no_kind"


def test_a_crew_that_is_stopped_puts_work_down(made: Desk) -> None:
    gate = Gate(1)
    asked = made.ask()
    crew = Crew(lambda: made.runner(Count(gate)), 2)
    crew.start()
    assert gate.reached.wait(10)
    crew.stop()
    found = made.get(asked)
    assert (found.state, found.attempts, made.files()) == (State.WAITING, 0, [])
    made.runner(Count()).step()
    assert made.get(asked).state is State.DONE


def test_a_long_query_is_interrupted(made: Desk) -> None:
    begun = threading.Event()

    class Slow(Count):
        def run(self, handle: Handle) -> Outcome:
            with engine(made.installation.home) as con:
                begun.set()
                con.execute("SELECT count(*) FROM range(10000000000) a, range(1000) b").fetchall()
            return Outcome()

    asked = made.ask()
    with Beside(made.runner(Slow())):
        assert begun.wait(10)
        made.cancel(asked)
    assert made.get(asked).state is State.CANCELLED


def test_memory_outlives_a_try_and_goes_with_its_transaction(made: Desk) -> None:
    class Remembers(Count):
        def run(self, handle: Handle) -> Outcome:
            with made.installation.database.transaction() as tx:
                handle.remember(tx, {"before": handle.work.memo.get("before", 7)})
            if handle.work.attempts == 1:
                raise Unavailable(reason_zh="等", reason_en="wait")
            return Outcome(counts=dict(handle.work.memo))

    asked = made.ask()
    made.runner(Remembers()).step()
    made.installation.clock.move(MINUTE)
    made.runner(Remembers()).step()
    assert made.get(asked).outcome.counts == {"before": 7}


def test_files_are_sealed_whole_and_read_again_from_their_beginning(made: Desk) -> None:
    text = b"".join(b"1390000%04d\n" % number for number in range(60_000))
    asked = made.works.start("shop", asking("reads"), io.BytesIO(text))
    assert (asked.arguments["lines"], asked.arguments["bytes"]) == (60_000, len(text))
    (name,) = made.files()
    raw = (made.installation.home.path / "work" / "shop" / name).read_bytes()
    assert b"1390000" not in raw

    class Reads(Count):
        def run(self, handle: Handle) -> Outcome:
            with handle.input() as file:
                start = file.read(1_000)
                file.seek(0)
                assert file.read(1_000) == start
                file.seek(0)
                lines = io.TextIOWrapper(file, "utf-8").readlines()
            return Outcome(counts={"lines": len(lines)})

    runner = made.runner(Reads(name="reads"))
    runner.step()
    assert made.get(asked).reason.en == ""
    assert made.get(asked).outcome.counts == {"lines": 60_000}
    assert made.files() == [], "what was read is not needed any more"


@pytest.mark.parametrize(
    ("text", "lines"), [(b"", 0), (b"1", 1), (b"1\n", 1), (b"1\n2", 2), (b"1\r\n2\r\n", 2)]
)
def test_lines_are_counted(made: Desk, text: bytes, lines: int) -> None:
    assert made.works.files.save_input("shop", "wrk_1", io.BytesIO(text)) == (len(text), lines)


def test_a_file_cut_short_is_noticed(made: Desk) -> None:
    asked = made.ask(to=200_000)
    made.runner(Count()).step()
    (name,) = made.files()
    path = made.installation.home.path / "work" / "shop" / name
    path.write_bytes(path.read_bytes()[:300_000])
    with pytest.raises(SealBroken):
        list(made.works.read(made.get(asked)))


def test_what_was_fetched_once_is_gone(made: Desk) -> None:
    asked = made.ask()
    made.runner(Count()).step()
    with made.works.reading_once(made.get(asked)) as pieces:
        assert b"".join(pieces) == b"0\n1\n2\n"
    assert made.files() == []
    with pytest.raises(FileGone):
        made.works.read(made.get(asked))


def test_who_is_erased_is_in_no_file_and_running_work_begins_again(made: Desk) -> None:
    done = made.ask()
    made.runner(Count()).step()
    gate = Gate(1)
    running = made.ask()
    with Beside(made.runner(Count(gate))):
        assert gate.reached.wait(10)
        made.works.forget("shop")
        assert made.files() == []
    assert made.get(done).state is State.DONE
    with pytest.raises(FileGone):
        made.works.read(made.get(done))
    again = made.get(running)
    assert (again.state, again.attempts, made.files()) == (State.WAITING, 0, [])
    made.runner(Count()).step()
    assert b"".join(made.works.read(made.get(running))) == b"0\n1\n2\n"


def test_work_is_forgotten_after_a_week(made: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = made.ask()
    made.runner(Count()).step()
    made.installation.clock.move(REMEMBERED - MINUTE)
    made.runner(Count()).step()
    assert len(made.files()) == 1
    made.installation.clock.move(2 * MINUTE)
    # The files' own clock stands elsewhere than the test's.
    monkeypatch.setattr(made.works.files, "age", lambda _merchant, _name: DAY)
    made.runner(Count()).step()
    assert made.files() == []
    with pytest.raises(NotFound):
        made.get(asked)


def test_waiting_ends_with_the_work_or_with_patience(made: Desk) -> None:
    asked = made.ask()
    assert made.works.wait("shop", asked.id, 0.01).state is State.WAITING
    with Beside(made.runner(Count())):
        assert made.works.wait("shop", asked.id, 20).state is State.DONE


def test_arguments_have_a_limit(made: Desk) -> None:
    with pytest.raises(TooLarge):
        made.works.start("shop", asking(text="长" * 500_000), io.BytesIO(b"x"))
    assert made.files() == []


def test_stopped_work_says_so(made: Desk) -> None:
    seen: list[type[Exception]] = []

    def at(handle: Handle, _number: int) -> None:
        handle.stop()
        try:
            handle.step(1, 2)
        except Cancelled as error:
            seen.append(type(error))
            raise

    made.ask()
    made.runner(Count(at)).step()
    assert seen == [Cancelled]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lost and failed work is what these tests are about; the log need not tell."""
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            lambda *_: (_ for _ in ()).throw(structlog.DropEvent),
        ]
    )
    yield
    structlog.reset_defaults()
