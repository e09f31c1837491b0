"""Timers on both databases: set, cancelled, fired, isolated, parked, fair."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from guanxi.kernel.clock import DAY, HOUR, SECOND
from guanxi.kernel.errors import Conflict, InvalidInput, TooLarge
from guanxi.runtime.decide import Backoff
from guanxi.runtime.timers import service
from guanxi.runtime.timers.jobs import TimerJob, fire
from guanxi.runtime.timers.model import BACKOFF, NewTimer, Timer, TimerCounts, TimerKey
from tests.installation import NOW
from tests.runtime import effects
from tests.runtime.effects import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.runtime.timers.service import Handlers
    from guanxi.storage.database import Database, Transaction
    from tests.installation import Installation


@pytest.fixture
def database(installation: Installation) -> Database:
    effects.create(installation.database)
    return installation.database


def timer(
    key: str, due_at: int = NOW, kind: str = "step", merchant: str = "shop", payload: bytes = b"{}"
) -> NewTimer:
    return NewTimer(merchant, kind, key, due_at, payload)


def schedule(database: Database, *timers: NewTimer) -> None:
    with database.transaction() as tx:
        service.schedule(tx, timers)


def due(database: Database, now: int, merchant: str = "shop") -> list[Timer]:
    with database.reading() as tx:
        return service.due(tx, merchant, now, 1000)


def counts(database: Database, merchant: str = "shop") -> TimerCounts:
    with database.reading() as tx:
        return service.counts(tx, merchant)


def failing_on(*bad: str) -> tuple[Handlers, list[int]]:
    sizes: list[int] = []

    def handler(tx: Transaction, timers: Sequence[Timer], now: int) -> None:
        sizes.append(len(timers))
        record(tx, timers, now)
        if any(t.key in bad for t in timers):
            raise Conflict(reason_zh="不行", reason_en="no")

    return {"step": handler}, sizes


def test_what_is_due_fires_once_and_is_gone(database: Database) -> None:
    schedule(database, timer("b", NOW - 1), timer("a", NOW - 2), timer("later", NOW + 1))
    assert [t.key for t in due(database, NOW)] == ["a", "b"]
    assert fire(database, {"step": record}, NOW) == 2
    assert effects.keys(database) == ["a", "b"]
    assert fire(database, {"step": record}, NOW) == 0
    assert counts(database) == TimerCounts(pending=1, parked=0)
    assert fire(database, {"step": record}, NOW + 1) == 1
    assert effects.keys(database) == ["a", "b", "later"]


def test_setting_twice_is_setting_once(database: Database) -> None:
    schedule(database, timer("a", NOW), timer("a", NOW), timer("b", NOW + 5))
    schedule(database, timer("a", NOW))
    assert counts(database).pending == 2
    schedule(database, timer("a", NOW + 9, payload=b'{"v":2}'), timer("b", NOW))
    assert [(t.key, t.due_at) for t in due(database, NOW + 9)] == [("b", NOW), ("a", NOW + 9)]
    assert due(database, NOW + 9)[1].payload == b'{"v":2}'


def test_setting_the_same_again_does_not_forget_failures_but_setting_another_does(database: Database) -> None:
    handlers, _ = failing_on("a")
    schedule(database, timer("a"))
    fire(database, handlers, NOW)
    schedule(database, timer("a"))
    assert due(database, NOW) == []
    assert due(database, NOW + 5 * SECOND)[0].attempts == 1
    schedule(database, timer("a", NOW - 1))
    assert due(database, NOW)[0].attempts == 0


def test_a_cancelled_timer_does_not_fire(database: Database) -> None:
    schedule(database, timer("a"), timer("b"))
    with database.transaction() as tx:
        assert service.cancel(tx, [TimerKey("shop", "step", "a"), TimerKey("shop", "step", "none")]) == 1
        assert service.cancel(tx, []) == 0
    fire(database, {"step": record}, NOW)
    assert effects.keys(database) == ["b"]


def test_a_timer_set_in_a_transaction_that_fails_was_never_set(database: Database) -> None:
    with contextlib.suppress(ZeroDivisionError), database.transaction() as tx:
        service.schedule(tx, [timer("a")])
        raise ZeroDivisionError
    assert counts(database).pending == 0


@pytest.mark.parametrize(
    "bad",
    [
        timer(""),
        timer("x" * 256),
        timer("a\x00b"),
        timer("a", kind=""),
        timer("a", kind="k" * 65),
        timer("a", 1 << 63),
    ],
)
def test_a_timer_that_cannot_be_is_refused(database: Database, bad: NewTimer) -> None:
    with pytest.raises(InvalidInput), database.transaction() as tx:
        service.schedule(tx, [timer("good"), bad])
    assert counts(database).pending == 0


def test_an_overlong_payload_is_refused(database: Database) -> None:
    with pytest.raises(TooLarge), database.transaction() as tx:
        service.schedule(tx, [timer("a", payload=b"x" * 65_537)])


def test_more_timers_than_a_batch_can_be_set_at_once(database: Database) -> None:
    with database.transaction() as tx:
        service.schedule(tx, [timer(f"t{n}") for n in range(10_001)])
    assert counts(database).pending == 10_001


def test_a_poisoned_timer_blocks_nobody_and_keeps_its_reason(database: Database) -> None:
    handlers, sizes = failing_on("t013", "t077")
    schedule(database, *(timer(f"t{n:03}") for n in range(100)))
    assert fire(database, handlers, NOW) == 100
    assert sorted(effects.keys(database)) == [f"t{n:03}" for n in range(100) if n not in {13, 77}]
    assert sizes[0] == 100
    assert len(sizes) < 30
    assert counts(database) == TimerCounts(pending=2, parked=0)
    waiting = due(database, NOW + 5 * SECOND)
    assert [(t.key, t.attempts, t.due_at, t.next_at) for t in waiting] == [
        ("t013", 1, NOW, NOW + 5 * SECOND),
        ("t077", 1, NOW, NOW + 5 * SECOND),
    ]


def test_a_timer_that_keeps_failing_is_parked_and_can_be_retried_or_dropped(database: Database) -> None:
    handlers, _ = failing_on("a", "b")
    schedule(database, timer("a"), timer("b"), timer("c", NOW + 10 * DAY))
    now, tried = NOW, []
    while counts(database).parked < 2:
        if fire(database, handlers, now):
            tried.append(now)
        now += SECOND * 5
    assert len(tried) == BACKOFF.attempts
    assert [later - earlier for earlier, later in itertools.pairwise(tried)][:4] == [
        5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND,
    ]  # fmt: skip
    with database.reading() as tx:
        first = service.parked(tx, "shop", limit=1)
        rest = service.parked(tx, "shop", after=first[0], limit=9)
        assert service.parked(tx, "other", limit=9) == []
    assert [parked.timer.key for parked in (*first, *rest)] == ["a", "b"]
    assert (rest[0].reason.code, rest[0].reason.zh, rest[0].reason.en) == (
        "conflict", "与当前状态冲突：不行", "Conflict with the present state: no",
    )  # fmt: skip
    assert rest[0].failed_at == tried[-1]
    with database.transaction() as tx:
        keys = [TimerKey("shop", "step", key) for key in "abc"]
        assert service.drop(tx, [keys[0], keys[2]]) == 1
        assert service.retry(tx, keys, now) == 1
    assert due(database, now)[0].attempts == 0
    assert fire(database, {"step": record}, now) == 1
    assert effects.keys(database) == ["b"]
    assert counts(database) == TimerCounts(pending=1, parked=0)


def test_a_set_that_fails_as_a_whole_is_worked_off_in_bounded_steps(database: Database) -> None:
    calls = 0

    def broken(tx: Transaction, timers: Sequence[Timer], now: int) -> None:
        nonlocal calls
        calls += 1
        raise ZeroDivisionError

    schedule(database, *(timer(f"t{n:03}") for n in range(400)))
    assert fire(database, {"step": broken}, NOW) == 50
    assert calls < 120
    assert len(due(database, NOW)) == 350
    assert [t.attempts for t in due(database, NOW)] == [0] * 350


def test_a_failing_statement_is_undone_and_isolated(database: Database) -> None:
    with database.transaction() as tx:
        tx.conn.exec_driver_sql("CREATE TABLE test_unique (key TEXT PRIMARY KEY)")
        tx.conn.exec_driver_sql("INSERT INTO test_unique VALUES ('t3')")

    def insert(tx: Transaction, timers: Sequence[Timer], now: int) -> None:
        tx.conn.execute(text("INSERT INTO test_unique VALUES (:key)"), [t._asdict() for t in timers])

    def swallowing(tx: Transaction, timers: Sequence[Timer], now: int) -> None:
        with contextlib.suppress(Exception):  # a handler written badly
            insert(tx, timers, now)

    schedule(database, *(timer(f"t{n}") for n in range(6)))
    fire(database, {"step": insert}, NOW)
    with database.reading() as tx:
        kept = tx.conn.exec_driver_sql("SELECT key FROM test_unique ORDER BY key").scalars().all()
    assert kept == [f"t{n}" for n in range(6)]
    assert [t.key for t in due(database, NOW + HOUR)] == ["t3"]
    # On PostgreSQL a swallowed error leaves the savepoint unusable: that is a failure too, never a lost effect.
    schedule(database, timer("u1"))
    fire(database, {"step": swallowing}, NOW)
    with database.reading() as tx:
        kept = tx.conn.exec_driver_sql("SELECT key FROM test_unique ORDER BY key").scalars().all()
    assert kept == [*(f"t{n}" for n in range(6)), "u1"]


def test_an_unknown_kind_is_parked_with_a_reason_and_blocks_nobody(database: Database) -> None:
    schedule(database, timer("x", NOW - 9, kind="unheard.of"), timer("a"))
    fire(database, {"step": record}, NOW)
    assert effects.keys(database) == ["a"]
    with database.reading() as tx:
        (parked,) = service.parked(tx, "shop", limit=9)
    assert parked.reason.code == "no_handler"
    assert "unheard.of" in parked.reason.zh
    assert "unheard.of" in parked.reason.en
    with database.transaction() as tx:
        service.retry(tx, [parked.timer.id], NOW)
    fire(database, {"unheard.of": record}, NOW)
    assert effects.keys(database) == ["a", "x"]


def test_a_handler_may_set_its_own_timer_again_or_cancel_others(database: Database) -> None:
    def daily(tx: Transaction, timers: Sequence[Timer], now: int) -> None:
        record(tx, timers, now)
        service.schedule(tx, [timer(t.key, t.due_at + DAY) for t in timers])
        service.cancel(tx, [TimerKey("shop", "step", "doomed")])

    schedule(database, timer("a"), timer("doomed", NOW + 1))
    for day in range(3):
        assert fire(database, {"step": daily}, NOW + day * DAY) == 1
    assert effects.keys(database) == ["a"] * 3
    assert [t.due_at for t in due(database, NOW + 3 * DAY)] == [NOW + 3 * DAY]


def test_a_new_timer_set_while_its_old_self_fails_stands(database: Database) -> None:
    def handler(tx: Transaction, timers: Sequence[Timer], now: int) -> None:
        if any(t.key == "bad" for t in timers):
            raise ZeroDivisionError
        service.schedule(tx, [timer("bad", NOW + HOUR)])

    schedule(database, timer("bad"), timer("good"))
    fire(database, {"step": handler}, NOW)
    assert [(t.key, t.attempts, t.due_at) for t in due(database, NOW + HOUR)] == [("bad", 0, NOW + HOUR)]


def test_time_going_backwards_delays_and_neither_repeats_nor_loses(database: Database) -> None:
    schedule(database, timer("a", NOW), timer("b", NOW + HOUR))
    assert fire(database, {"step": record}, NOW) == 1
    assert fire(database, {"step": record}, NOW - DAY) == 0
    assert fire(database, {"step": record}, NOW + HOUR) == 1
    assert fire(database, {"step": record}, NOW) == 0
    assert effects.keys(database) == ["a", "b"]


def test_a_flooded_merchant_or_kind_delays_others_by_one_set(database: Database) -> None:
    schedule(
        database,
        *(timer(f"flood{n}", NOW - DAY, merchant="aaa") for n in range(60)),
        *(timer(f"more{n}", NOW - DAY, kind="flood") for n in range(60)),
        timer("mine"),
        timer("other", merchant="zzz"),
    )
    job = TimerJob(database, {"step": record, "flood": record}, set_size=10)
    assert job.round(NOW) == 10 + 10 + 1 + 1
    assert {"mine", "other"} < set(effects.keys(database))
    assert job.lag() == DAY
    turns = 0
    while job.run_once(NOW):
        turns += 1
    assert turns == 10
    assert job.lag() == 0
    assert len(effects.keys(database)) == 122


def test_one_set_a_turn(database: Database) -> None:
    schedule(database, *(timer(f"t{n}") for n in range(25)))
    job = TimerJob(database, {"step": record}, set_size=10)
    assert [job.run_once(NOW) for _ in range(4)] == [10, 10, 5, 0]


def test_another_backoff_parks_at_once(database: Database) -> None:
    handlers, _ = failing_on("a")
    schedule(database, timer("a"))
    TimerJob(database, handlers, backoff=Backoff(1, 1, 1)).round(NOW)
    assert counts(database) == TimerCounts(pending=0, parked=1)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "dialect", ["postgresql"], indirect=True
)  # SQLite has one writer: the other would wait
def test_what_another_worker_fires_is_passed_over(database: Database) -> None:
    schedule(database, *(timer(f"t{n:02}") for n in range(20)))
    inner: list[int] = []

    def slow(tx: Transaction, timers: Sequence[Timer], now: int) -> None:
        record(tx, timers, now)
        if not inner:
            inner.append(0)
            inner.append(TimerJob(database, {"step": record}, set_size=50).round(NOW))

    TimerJob(database, {"step": slow}, set_size=5).round(NOW)
    assert inner[-1] == 15
    assert sorted(effects.keys(database)) == [f"t{n:02}" for n in range(20)]


def test_a_worker_killed_inside_a_handler_leaves_everything_as_it_was(database: Database) -> None:
    def killed(tx: Transaction, timers: Sequence[Timer], now: int) -> None:
        record(tx, timers, now)
        raise effects.Killed

    schedule(database, timer("a"), timer("b"))
    with pytest.raises(effects.Killed):
        fire(database, {"step": killed}, NOW)
    assert effects.keys(database) == []
    assert [t.attempts for t in due(database, NOW)] == [0, 0]
    fire(database, {"step": record}, NOW)
    assert effects.keys(database) == ["a", "b"]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_directory_does_not_grow_with_what_has_fired(database: Database) -> None:
    job = TimerJob(database, {"step": record}, set_size=20)
    for batch in range(20):
        keys = [f"{n * 7919 % 100:02}-{batch}-{n}" if batch % 2 else f"{batch:02}-{n:02}" for n in range(50)]
        schedule(database, *(timer(key, NOW + batch) for key in keys))
        while job.run_once(NOW + batch):
            pass
    with database.reading() as tx:
        entries = tx.conn.exec_driver_sql("SELECT count(*) FROM runtime_timer_key").scalar_one()
    assert len(effects.keys(database)) == 1000
    assert entries <= 100
