"""The worker: one plain loop that gives every job its turn, for as long as the process lives.

Jobs keep their state in the database, a set per transaction, so a worker may be killed at any moment and as many as one
likes may run at once. ``SIGTERM`` and ``SIGINT`` let the present set finish.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge

from guanxi.kernel.clock import MINUTE, SECOND
from guanxi.runtime import store
from guanxi.runtime.decide import Backoff
from guanxi.runtime.model import NOTHING, JobStatus, Reason

if TYPE_CHECKING:
    from guanxi.kernel.clock import Clock
    from guanxi.storage.database import Database

DONE = Counter("guanxi_job_done", "Items that a job has worked off.", ["merchant", "job"])
FAILURES = Counter("guanxi_job_failures", "Times that a job has failed as a whole.", ["merchant", "job"])
LAG = Gauge("guanxi_job_lag_seconds", "How long the oldest due item has waited.", ["merchant", "job"])

STATUS_EVERY = 5 * SECOND
"""How often (µs) status rows are written; more would cost a durable commit per set."""

_BACKOFF = Backoff(first=SECOND, most=MINUTE, attempts=1)
_NAP = 0.1
"""Seconds; how long a stop may go unnoticed while nothing is to be done."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something that the worker does again and again.

    ``run_once(now)`` does at most one set and says how much it did; 0 means that there is nothing to do until
    ``interval`` (µs) has passed. ``lag()`` says how long (µs) the oldest due item has waited. ``merchant_id`` is empty
    for a job that serves every merchant.
    """

    name: str
    run_once: Callable[[int], int]
    interval: int = SECOND
    lag: Callable[[], int] | None = None
    merchant_id: str = ""


class _Turns:
    """One job's place in the loop, and what has happened since its status was last written."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.next = 0
        self.ran = False
        self.last_run_at = 0
        self.duration = 0
        self.done = 0
        self.failures = 0
        self.failed_at = 0
        self.reason = NOTHING

    def run(self, now: int) -> int:
        """Run the job once; return how much it did. Whatever it raises is kept and logged, and stops nobody else."""
        labels = (self.job.merchant_id, self.job.name)
        started = time.perf_counter_ns()
        self.ran, self.last_run_at = True, now
        done = 0
        try:
            done = self.job.run_once(now)
        except Exception as error:  # noqa: BLE001 - a job may fail in any way, and only for itself
            self.failures += 1
            self.failed_at, self.reason = now, Reason.of(error)
            wait = _BACKOFF.delay(self.failures)
            FAILURES.labels(*labels).inc()
            _log.exception(
                "job_failed", merchant_id=labels[0], job=labels[1], failures=self.failures, wait_us=wait
            )
        else:
            self.failures = 0
            self.done += done
            wait = 0 if done else self.job.interval
            DONE.labels(*labels).inc(done)
        LAG.labels(*labels).set(self.lag() / SECOND)
        ended = time.perf_counter_ns()
        self.duration = (ended - started) // 1_000
        self.next = _monotonic() + wait
        return done

    def lag(self) -> int:
        return self.job.lag() if self.job.lag else 0

    def status(self, worker: str) -> JobStatus:
        return JobStatus(
            self.job.merchant_id,
            self.job.name,
            worker,
            self.last_run_at,
            self.duration,
            self.done,
            self.failures,
            self.lag(),
            self.failed_at,
            self.reason,
        )


class Worker:
    """Runs jobs in turn, without threads: every job whose time has come gets one set, then the next pass begins.

    A job that raises waits 1 s, then 2, up to a minute; the others go on. ``runtime_job`` says how each one fares, at
    most ``STATUS_EVERY`` old; several workers share the rows, whose ``done`` counts the work of all.
    """

    def __init__(
        self,
        database: Database,
        jobs: Sequence[Job],
        clock: Clock,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._turns = [_Turns(job) for job in jobs]
        self._clock = clock
        self._sleep = sleep
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._stopping = False
        self._status_at = 0

    def stop(self) -> None:
        """Let ``run`` return when the present set is finished; may be called from anywhere."""
        self._stopping = True

    def run(self) -> None:
        """Work until ``stop``, ``SIGTERM`` or ``SIGINT``; signals are heard in the main thread only."""
        _log.info("worker_started", worker=self._name, jobs=[turns.job.name for turns in self._turns])
        with _signals(self.stop):
            while not self._stopping:
                if not self.step():
                    self._rest()
        self.write_status(stopped=True)
        _log.info("worker_stopped", worker=self._name)

    def step(self) -> int:
        """Give every job whose time has come one turn; return how much was done."""
        done = 0
        for turns in self._turns:
            if self._stopping:
                break
            if turns.next <= _monotonic():
                done += turns.run(self._clock.now())
        if _monotonic() >= self._status_at:
            self.write_status()
        return done

    def write_status(self, *, stopped: bool = False) -> None:
        """Write what has happened since the last time; a database that is away is logged and tried again later.

        Rows of a worker that has ``stopped`` name none; another one puts its own name there within seconds.
        """
        self._status_at = _monotonic() + STATUS_EVERY
        ran = [turns for turns in self._turns if turns.ran or (stopped and turns.last_run_at)]
        if not ran:
            return
        try:
            with self._database.transaction() as tx:
                store.save_jobs(tx, [turns.status("" if stopped else self._name) for turns in ran])
        except Exception:  # noqa: BLE001 - the jobs go on without their status
            _log.exception("job_status_not_written", worker=self._name)
            return
        for turns in ran:
            turns.done, turns.ran = 0, False

    def _rest(self) -> None:
        until = min((turns.next for turns in self._turns), default=_monotonic() + SECOND)
        while not self._stopping and (left := (until - _monotonic()) / SECOND) > 0:
            self._sleep(min(left, _NAP))


def _monotonic() -> int:
    return time.monotonic_ns() // 1_000


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on the signals that ask a process to end; put back what was there before."""
    before = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                before[number] = signal.signal(number, lambda *_: stop())
            except ValueError:  # not the main thread: whoever runs us there calls stop() instead
                break
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
