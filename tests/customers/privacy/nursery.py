"""Processes that forget people and are killed at it: ``python -m tests.customers.privacy.nursery HOME HOW NUMBER``.

Each child finishes what the one before it left, takes in an order of somebody else's, lets the projection and now and
then the hand-over have a turn, asks to forget the next person who is still known, and does what there is to do for it. ``HOW`` is
``random``, NUMBER kills at random moments, or ``steps``: the child kills itself right before or after its k-th step, for
every k until one comes through. Prints how many died. What children were told is accepted stands in ``accepted.txt``.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guanxi.customers.events.model import Source
from guanxi.customers.events.sealing import resealer
from guanxi.customers.events.service import EventIntake
from guanxi.customers.privacy import jobs
from guanxi.customers.privacy.service import Privacy
from guanxi.customers.projection.jobs import READER, Projection
from guanxi.kernel.clock import FixedClock, to_rfc3339
from guanxi.kernel.errors import NotFound
from guanxi.kernel.ids import fresh
from guanxi.storage.database import Database, Store
from guanxi.storage.events.handover import Handover
from guanxi.storage.events.lake import Lake
from guanxi.storage.events.log import EventLog
from guanxi.storage.home import Home
from guanxi.storage.locks import locks_of
from guanxi.storage.merchants import get_merchant
from guanxi.storage.person_keys import PersonKeys
from guanxi.storage.vault import Vault
from tests.installation import NOW
from tests.settling import catch_up

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction

ACCEPTED = "accepted.txt"
PEOPLE = "people.txt"
"""The members to be forgotten, one id a line."""


def work(home: Home, dying: Callable[[], None] = lambda: None) -> None:
    """Do one child's work; from the erasure on it is ``dying``."""
    clock, chance = FixedClock(NOW), random.Random(os.getpid())
    database = Database.of(home)
    vault = Vault(home.master_key)
    keys = PersonKeys(vault)
    log = EventLog(home, database, clock)
    locks = locks_of(database, home.locks)
    intake = EventIntake(database, log, vault, clock)
    privacy = Privacy(database, log, intake, vault, keys)
    projection = Projection(database, log, intake, vault, keys)
    handover = Handover(database, log, locks, resealer(database, vault, keys), clock)
    job = jobs.ErasureJob(
        database, log, locks, handover, privacy, intake, vault, keys, clock, projection.mend
    )
    finish(job)
    take_in(home, intake, clock.now())
    log.drain_beside("shop")
    catch_up(database, log, projection, "shop")
    if chance.random() < 0.3:
        handover.run("shop", [READER])
    dying()
    with database.transaction() as tx:
        ask(home, tx, privacy, clock.now())
    finish(job)


def finish(job: jobs.ErasureJob) -> None:
    while job.waiting("shop"):
        job.run("shop", wait=True)


def ask(home: Home, tx: Transaction, privacy: Privacy, now: int) -> None:
    merchant = get_merchant(tx, "shop")
    for member in (home.path / PEOPLE).read_text().split():
        try:
            privacy.request(tx, merchant, member, by="lin", now=now)
        except NotFound:
            continue
        return


def take_in(home: Home, intake: EventIntake, now: int) -> None:
    key = fresh("evt")
    message = {
        "type": "track",
        "event": "order.paid",
        "messageId": key,
        "timestamp": to_rfc3339(now),
        "context": {"identities": [{"type": "phone", "value": "13922220002"}]},
        "properties": {"order_id": key, "amount": 100},
    }
    assert intake.accept("shop", Source("test", "", ""), [message]).accepted == 1
    with (home.path / ACCEPTED).open("a") as file:
        file.write(f"{key}\n")


def die_at(step: int) -> None:
    """Kill this process right before or after its ``step``-th step."""
    left = [step]

    def tick() -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            tick()
            done = function(*args, **kwargs)
            tick()
            return done

        return call

    opened = Store.transaction

    @contextmanager
    def transaction(store: Store) -> Iterator[Any]:
        with opened(store) as tx:
            yield tx
            tick()
        tick()

    patched: Any = Store
    patched.transaction = transaction
    lake: Any = Lake
    lake.rewrite, lake.vacuum = around(Lake.rewrite), around(Lake.vacuum)
    room: Any = jobs
    room.scrub = around(room.scrub)


def fork(do: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            do()
            code = 0
        except Exception:  # noqa: BLE001 - whatever it was, the parent must read it
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def died(pid: int) -> bool:
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    assert status == 0, "it failed by itself"
    return False


def at_random(home: Home, kills: int) -> int:
    chance = random.Random(kills)
    done = 0
    while done < kills:
        pid = fork(lambda: work(home))
        time.sleep(chance.uniform(0.05, 0.9))
        os.kill(pid, signal.SIGKILL)
        done += died(pid)
    return done


def at_each_step(home: Home) -> int:
    step = 0
    while True:
        step += 1
        if not died(fork(partial(work, home, partial(die_at, step)))):
            return step - 1


def main() -> int:
    home, how = Home.open(Path(sys.argv[1])), sys.argv[2]
    done = at_random(home, int(sys.argv[3])) if how == "random" else at_each_step(home)
    assert not died(fork(lambda: work(home)))
    print(done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
