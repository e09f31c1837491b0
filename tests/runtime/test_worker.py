"""The worker's loop: turns, failures, status rows, signals."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from prometheus_client import REGISTRY

from guanxi.kernel.clock import SECOND
from guanxi.kernel.errors import Unavailable
from guanxi.runtime import service
from guanxi.runtime.model import JobStatus
from guanxi.runtime.timers.jobs import TimerJob
from guanxi.runtime.timers.model import NewTimer
from guanxi.runtime.timers.service import schedule
from guanxi.runtime.worker import Job, Worker
from tests.installation import NOW
from tests.runtime import effects

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.installation import Installation


def work(*amounts: int) -> Callable[[int], int]:
    """A job that does these amounts, one a turn, and then nothing."""
    left = list(amounts)
    return lambda now: left.pop(0) if left else 0


def statuses(installation: Installation, merchant: str = "shop") -> dict[str, JobStatus]:
    with installation.database.reading() as tx:
        return {status.name: status for status in service.job_statuses(tx, merchant)}


def metric(name: str, job: str, merchant: str = "") -> float:
    return REGISTRY.get_sample_value(name, {"merchant": merchant, "job": job}) or 0


def broken(now: int) -> int:
    raise Unavailable(reason_zh="坏了", reason_en="broken")


def test_every_job_gets_one_turn_a_pass(installation: Installation) -> None:
    order: list[str] = []

    def job(name: str, turns: int) -> Job:
        done = work(*[1] * turns)

        def run(now: int) -> int:
            order.append(name)
            assert now == NOW
            return done(now)

        return Job(name, run)

    worker = Worker(installation.database, [job("a", 3), job("b", 1)], installation.clock)
    assert [worker.step() for _ in range(5)] == [2, 1, 1, 0, 0]
    # One that had nothing to do waits for its interval, which has not passed.
    assert order == ["a", "b", "a", "b", "a", "a"]


def test_a_job_that_raises_waits_and_stops_nobody(installation: Installation) -> None:
    before = metric("guanxi_job_failures_total", "broken")
    worker = Worker(
        installation.database, [Job("broken", broken), Job("fine", work(2, 2))], installation.clock
    )
    assert [worker.step() for _ in range(3)] == [2, 2, 0]
    worker.write_status()
    found = statuses(installation)
    assert metric("guanxi_job_failures_total", "broken") == before + 1
    assert metric("guanxi_job_done_total", "fine") >= 4
    assert (found["broken"].failures, found["broken"].failed_at, found["broken"].reason.zh) == (
        1,
        NOW,
        "暂时不可用：坏了",
    )
    assert (found["fine"].failures, found["fine"].done, found["fine"].reason.code) == (0, 4, "")


def test_status_rows_say_how_jobs_fare_to_those_they_concern(installation: Installation) -> None:
    jobs = [
        Job("common", work(5), lag=lambda: 3 * SECOND),
        Job("mine", work(1), merchant_id="shop"),
        Job("theirs", work(1), merchant_id="other"),
    ]
    worker = Worker(installation.database, jobs, installation.clock)
    worker.step()
    worker.write_status()
    installation.clock.move(SECOND)
    again = Worker(installation.database, [Job("common", work(2))], installation.clock)
    again.step()
    again.write_status()
    again.write_status()
    found = statuses(installation)
    assert list(found) == ["common", "mine"]
    common = found["common"]
    assert (common.done, common.last_run_at, common.lag) == (7, NOW + SECOND, 0)
    assert common.duration >= 0
    assert common.worker.endswith(f":{os.getpid()}")
    assert list(statuses(installation, "other")) == ["common", "theirs"]


def test_lag_is_measured(installation: Installation) -> None:
    job = Job("lagging", work(1), lag=lambda: 90 * SECOND)
    worker = Worker(installation.database, [job], installation.clock)
    worker.step()
    assert metric("guanxi_job_lag_seconds", "lagging") == 90
    worker.write_status()
    assert statuses(installation)["lagging"].lag == 90 * SECOND


def test_a_status_that_cannot_be_written_stops_nobody(installation: Installation) -> None:
    with installation.database.transaction() as tx:
        tx.conn.exec_driver_sql("ALTER TABLE runtime_job RENAME TO runtime_job_away")
    worker = Worker(installation.database, [Job("a", work(1, 1))], installation.clock)
    assert worker.step() == 1
    with installation.database.transaction() as tx:
        tx.conn.exec_driver_sql("ALTER TABLE runtime_job_away RENAME TO runtime_job")
    assert worker.step() == 1
    worker.write_status()
    assert statuses(installation)["a"].done == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_present_set_finish(installation: Installation, number: signal.Signals) -> None:
    effects.create(installation.database)
    with installation.database.transaction() as tx:
        schedule(tx, [NewTimer("shop", "step", f"t{n}", NOW) for n in range(30)])

    def handler(tx: object, timers: object, now: int) -> None:
        effects.record(tx, timers, now)  # type: ignore[arg-type]
        signal.raise_signal(number)

    other = work(1)
    timers = TimerJob(installation.database, {"step": handler}, set_size=10)
    before = signal.getsignal(number)
    Worker(
        installation.database, [Job("timers", timers.run_once), Job("other", other)], installation.clock
    ).run()
    assert signal.getsignal(number) is before
    assert len(effects.keys(installation.database)) == 10
    assert other(0) == 1
    assert statuses(installation)["timers"].done == 10


def test_an_idle_worker_sleeps_and_hears_stop(installation: Installation) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            worker.stop()

    worker = Worker(installation.database, [Job("idle", work())], installation.clock, sleep=sleep)
    worker.run()
    assert statuses(installation)["idle"].worker == "", "it says that it has gone"
    assert len(slept) == 3
    assert all(0 < seconds <= 0.1 for seconds in slept)


def test_a_worker_may_run_in_a_thread_of_the_server(installation: Installation) -> None:
    worker = Worker(installation.database, [Job("a", work(1))], installation.clock)
    thread = threading.Thread(target=worker.run)
    thread.start()
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()
