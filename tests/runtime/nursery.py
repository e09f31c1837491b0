"""A process that raises workers and kills them, again and again: ``python -m tests.runtime.nursery HOME KILLS``.

Workers are forked, not started, so that each is at work within milliseconds; ``SIGKILL`` comes at a random moment. New
timers and messages are added at every kill. The first dies at the most awkward moment there is. When enough have died,
one worker is asked to end by ``SIGTERM`` and the last one finishes the work.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from guanxi.kernel.clock import HOUR, MILLISECOND, SystemClock
from guanxi.runtime.decide import Backoff
from guanxi.runtime.outbox import service as outbox
from guanxi.runtime.outbox.jobs import OutboxJob
from guanxi.runtime.outbox.model import Message, NewMessage, Outcome, Sent
from guanxi.runtime.timers import service as timers
from guanxi.runtime.timers.jobs import TimerJob
from guanxi.runtime.timers.model import NewTimer, Timer
from guanxi.runtime.worker import Job, Worker
from guanxi.storage.database import Database
from guanxi.storage.home import Home
from tests.runtime import effects

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guanxi.storage.database import Transaction

WORKERS = 2
TIMERS, MESSAGES = 40, 20
"""Added at every kill."""

RECEIVED = "received.txt"
"""What has come out of the outbox: one idempotency key and message key a line, in the home."""

_AGAIN = Backoff(first=20 * MILLISECOND, most=200 * MILLISECOND, attempts=1_000)


def handler(tx: Transaction, due: Sequence[Timer], now: int) -> None:
    effects.record(tx, due, now)
    time.sleep(0.002)
    if any(timer.key.endswith("13") and timer.attempts == 0 for timer in due):
        raise ZeroDivisionError  # poisoned the first time


@dataclass(frozen=True)
class Child:
    """A worker at work, and when it is to be killed."""

    pid: int
    ready: int
    deadline: float

    def kill(self) -> None:
        time.sleep(max(0, self.deadline - time.monotonic()))
        os.kill(self.pid, signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(self.pid, 0)[1]) == signal.SIGKILL

    def stop(self) -> None:
        assert os.read(self.ready, 1), "it died by itself"
        os.kill(self.pid, signal.SIGTERM)
        assert os.waitpid(self.pid, 0)[1] == 0


def work(home: Home, ready: int, *, awkward: bool = False) -> None:
    """Be a worker until told to stop; an ``awkward`` one dies when a message is out and not written down as sent."""
    database = Database.of(home)
    received = os.open(home.path / RECEIVED, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def send(messages: Sequence[Message]) -> list[Outcome]:
        for message in messages:
            os.write(received, f"{message.idempotency_key} {message.key}\n".encode())
            if awkward:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.001)
        return [Sent()] * len(messages)

    def tell(now: int) -> int:
        os.write(ready, b"!")
        return 0

    clock = SystemClock()
    fired = TimerJob(database, {"step": handler}, set_size=10, backoff=_AGAIN)
    sent = OutboxJob(database, {"hook": send}, clock, set_size=10, lease=300 * MILLISECOND, backoff=_AGAIN)
    jobs = [
        Job("timers", fired.run_once, 5 * MILLISECOND, fired.lag),
        Job("outbox", sent.run_once, 5 * MILLISECOND, sent.lag),
        Job("ready", tell, HOUR),
    ]
    Worker(database, jobs, clock).run()


def fork(home: Home, chance: random.Random) -> Child:
    told, ready = os.pipe()
    pid = _fork(lambda: work(home, ready))
    os.close(ready)
    return Child(pid, told, time.monotonic() + chance.uniform(0.01, 0.15))


def _fork(do: Callable[[], None]) -> int:
    """Do something in a process of its own; database connections do not survive a fork."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            do()
            code = 0
        finally:
            os._exit(code)
    return pid


def add(database: Database, batch: int) -> None:
    now = SystemClock().now()
    with database.transaction() as tx:
        timers.schedule(tx, [NewTimer("shop", "step", f"t{batch}-{n}", now) for n in range(TIMERS)])
        outbox.put(
            tx, [NewMessage("shop", "hook", f"m{batch}-{n}", b"{}", now) for n in range(MESSAGES)], now
        )


def waiting(database: Database) -> int:
    with database.reading() as tx:
        ours, theirs = timers.counts(tx, "shop"), outbox.counts(tx, "shop")
    return ours.pending + theirs.pending + theirs.leased


def main() -> int:
    home, kills = Home.open(Path(sys.argv[1])), int(sys.argv[2])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    chance = random.Random(kills)
    assert os.waitpid(_fork(partial(add, Database.of(home), 0)), 0)[1] == 0
    first = _fork(partial(work, home, os.open(os.devnull, os.O_WRONLY), awkward=True))
    assert os.WTERMSIG(os.waitpid(first, 0)[1]) == signal.SIGKILL
    workers = [fork(home, chance) for _ in range(WORKERS)]
    try:
        for batch in range(1, kills + 1):
            assert os.waitpid(_fork(partial(add, Database.of(home), batch)), 0)[1] == 0
            if batch < kills:
                workers.sort(key=lambda worker: worker.deadline, reverse=True)
                workers.pop().kill()
                workers.append(fork(home, chance))
        workers.pop().stop()
        database = Database.of(home)
        until = time.monotonic() + 60
        while waiting(database):
            assert time.monotonic() < until
            time.sleep(0.05)
        while workers:
            workers.pop().stop()
    finally:
        for worker in workers:
            os.kill(worker.pid, signal.SIGKILL)
    print(kills)
    return 0


if __name__ == "__main__":
    sys.exit(main())
