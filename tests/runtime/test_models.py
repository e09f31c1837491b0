"""Timers and outbox against models, with a worker that may die between any two steps."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from unittest import mock

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from guanxi.kernel.clock import HOUR, SECOND
from guanxi.runtime import store as shared
from guanxi.runtime.decide import Backoff
from guanxi.runtime.model import Reason
from guanxi.runtime.outbox import service as outbox, store as outbox_store
from guanxi.runtime.outbox.jobs import OutboxJob
from guanxi.runtime.outbox.model import LEASE, Message, MessageKey, NewMessage, Outcome, Refused, Retry, Sent
from guanxi.runtime.timers import service, store as timer_store
from guanxi.runtime.timers.jobs import TimerJob
from guanxi.runtime.timers.model import NewTimer, Timer, TimerKey
from guanxi.storage.database import Database
from tests.installation import NOW
from tests.runtime import effects
from tests.runtime.effects import Killed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from guanxi.storage.database import Transaction
    from tests.installation import Installation

EFFORT = hypothesis.settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
BACKOFF = Backoff(first=SECOND, most=HOUR, attempts=3)
KEYS = st.sampled_from("abcdefgh")
LANES = st.sampled_from([("shop", "step"), ("shop", "hold"), ("other", "step")])
STEPS = st.one_of(st.none(), st.integers(0, 24))
"""At which step the worker dies; None when it lives."""


@contextmanager
def dying(step: int | None, *modules: ModuleType) -> Iterator[Any]:
    """Raise ``Killed`` at the ``step``-th moment: before or after any call of the store, any commit, any ``tick``."""
    moments = 0

    def tick() -> None:
        nonlocal moments
        if moments == step:
            moments += 1
            raise Killed
        moments += 1

    def stepping(function: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            tick()
            result = function(*args, **kwargs)
            tick()
            return result

        return wrapper

    real = Database.transaction

    @contextmanager
    def transaction(self: Database) -> Iterator[Transaction]:
        tick()
        with real(self) as tx:
            yield tx
            tick()
        tick()

    patched = contextmanager(_patched)(modules, stepping)
    with suppress(Killed), patched, mock.patch.object(Database, "transaction", transaction):
        yield tick


def _patched(modules: Sequence[ModuleType], stepping: Any) -> Iterator[None]:
    names = {"claim", "put_back", "sweep", "lanes", "lease", "leased", "settle", "prune"}
    patches = [
        mock.patch.object(module, name, stepping(getattr(module, name)))
        for module in modules
        for name in names & set(vars(module))
    ]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


Row = tuple[int, str, int, int]
"""Due at, state, attempts, next at."""


class TimerMachine(RuleBasedStateMachine):
    """What is set fires once, whoever dies meanwhile."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.now = NOW
        self.expected: dict[TimerKey, Row] = {}
        self.fired: Counter[TimerKey] = Counter()
        with database.transaction() as tx:
            tx.conn.exec_driver_sql("DELETE FROM runtime_timer")
            tx.conn.exec_driver_sql("DELETE FROM runtime_timer_key")
            tx.conn.exec_driver_sql("DELETE FROM test_effect")

    def rows(self) -> dict[TimerKey, Row]:
        with self.database.reading() as tx:
            found = tx.conn.exec_driver_sql(
                "SELECT merchant_id, kind, key, due_at, state, attempts, next_at FROM runtime_timer"
            )
            return {TimerKey(*row[:3]): (row[3], row[4], row[5], row[6]) for row in found}

    def effects(self) -> Counter[TimerKey]:
        with self.database.reading() as tx:
            found = tx.conn.exec_driver_sql("SELECT merchant_id, kind, key FROM test_effect")
            return Counter(TimerKey(*row) for row in found)

    @rule(lane=LANES, keys=st.lists(KEYS, max_size=5), after=st.integers(-5, 20))
    def schedule(self, lane: tuple[str, str], keys: list[str], after: int) -> None:
        due = NOW + after * SECOND
        with self.database.transaction() as tx:
            service.schedule(tx, [NewTimer(*lane, key, due) for key in keys])
        for key in keys:
            timer = TimerKey(*lane, key)
            if timer not in self.expected or self.expected[timer][0] != due:
                self.expected[timer] = (due, "pending", 0, due)

    @rule(lane=LANES, keys=st.lists(KEYS, max_size=3, unique=True))
    def cancel(self, lane: tuple[str, str], keys: list[str]) -> None:
        timers = [TimerKey(*lane, key) for key in keys]
        with self.database.transaction() as tx:
            assert service.cancel(tx, timers) == len([t for t in timers if self.expected.pop(t, None)])

    @rule(by=st.integers(-10, 30))
    def move_clock(self, by: int) -> None:
        self.now += by * SECOND

    @rule(again=st.booleans())
    def look_after_parked(self, *, again: bool) -> None:
        parked = [timer for timer, row in self.expected.items() if row[1] == "parked"]
        with self.database.transaction() as tx:
            change = service.retry(tx, parked, self.now) if again else service.drop(tx, parked)
        assert change == len(parked)
        for timer in parked:
            due = self.expected.pop(timer)[0]
            if again:
                self.expected[timer] = (due, "pending", 0, self.now)

    @rule(bad=st.sets(KEYS, max_size=2), dies=STEPS, repeats=st.booleans())
    def fire(self, *, bad: set[str], dies: int | None, repeats: bool) -> None:
        def handler(tx: Transaction, timers: Sequence[Timer], now: int) -> None:
            tick()
            effects.record(tx, timers, now)
            tick()
            if any(timer.key in bad for timer in timers):
                raise ZeroDivisionError
            if repeats:
                service.schedule(tx, [NewTimer(*timer.id, timer.due_at + HOUR) for timer in timers])

        job = TimerJob(self.database, {"step": handler}, backoff=BACKOFF)
        with dying(dies, shared, timer_store) as tick:
            job.round(self.now)
        after, fired = self.rows(), self.effects()
        for timer, before in self.expected.items():
            left, took = self.outcome(timer, before, bad=bad, repeats=repeats)
            now = (after.get(timer), fired[timer] - self.fired[timer])
            # A worker that died has either done all of a set or nothing of it.
            assert now in ([(left, took)] if dies is None else [(left, took), (before, 0)]), timer
        assert set(after) <= set(self.expected)
        self.expected, self.fired = after, fired

    def outcome(self, timer: TimerKey, row: Row, *, bad: set[str], repeats: bool) -> tuple[Row | None, int]:
        due, state, attempts, next_at = row
        if state == "parked" or next_at > self.now:
            return row, 0
        if timer.kind == "hold":
            return (due, "parked", attempts, next_at), 0
        if timer.key in bad:
            if attempts + 1 == BACKOFF.attempts:
                return (due, "parked", attempts + 1, next_at), 0
            return (due, "pending", attempts + 1, self.now + BACKOFF.delay(attempts + 1)), 0
        return ((due + HOUR, "pending", 0, due + HOUR), 1) if repeats else (None, 1)

    @invariant()
    def the_table_is_as_expected(self) -> None:
        assert self.rows() == self.expected
        assert self.effects() == self.fired


def test_timers(installation: Installation) -> None:
    effects.create(installation.database)
    run_state_machine_as_test(lambda: TimerMachine(installation.database), settings=EFFORT)  # type: ignore[arg-type]


class OutboxMachine(RuleBasedStateMachine):
    """What is put arrives at least once, and exactly once where nobody died."""

    def __init__(self, installation: Installation) -> None:
        super().__init__()
        self.installation = installation
        self.now = NOW
        self.put_keys: set[MessageKey] = set()
        self.refused: set[MessageKey] = set()
        self.taken: Counter[MessageKey] = Counter()
        self.names: dict[str, MessageKey] = {}
        self.deaths = False

    @initialize()
    def clean(self) -> None:
        with self.installation.database.transaction() as tx:
            tx.conn.exec_driver_sql("DELETE FROM runtime_outbox")

    @rule(lane=LANES, keys=st.lists(KEYS, max_size=5), after=st.integers(-5, 20))
    def put(self, lane: tuple[str, str], keys: list[str], after: int) -> None:
        with self.installation.database.transaction() as tx:
            outbox.put(
                tx, [NewMessage(*lane, key, b"{}", self.now + after * SECOND) for key in keys], self.now
            )
        self.put_keys |= {MessageKey(*lane, key) for key in keys}

    @rule(by=st.integers(-10, 400))
    def move_clock(self, by: int) -> None:
        self.now += by * SECOND

    @rule(says=st.dictionaries(KEYS, st.sampled_from(["retry", "refuse", "raise"]), max_size=3), dies=STEPS)
    def deliver(self, says: dict[str, str], dies: int | None) -> None:
        answers: dict[str | None, Outcome] = {
            "retry": Retry(Reason()),
            "refuse": Refused(Reason()),
            None: Sent(),
        }

        def sender(messages: Sequence[Message]) -> list[Outcome]:
            outcomes: list[Outcome] = []
            for message in messages:
                tick()
                said = says.get(message.key)
                if said == "raise":
                    raise ConnectionError
                if said is None:
                    self.taken[message.id] += 1
                    assert self.names.setdefault(message.idempotency_key, message.id) == message.id
                outcomes.append(answers[said])
            tick()
            self.refused |= {message.id for message in messages if says.get(message.key) == "refuse"}
            return outcomes

        self.deaths |= dies is not None or "raise" in says.values()
        self.installation.clock.move(self.now - self.installation.clock.now())
        backoff = Backoff(first=SECOND, most=HOUR, attempts=1_000)
        job = OutboxJob(
            self.installation.database,
            {"step": sender, "hold": sender},
            self.installation.clock,
            backoff=backoff,
        )
        with dying(dies, shared, outbox_store) as tick:
            job.round(self.now)

    @invariant()
    def nothing_is_sent_that_was_not_put_nor_twice_without_a_death(self) -> None:
        assert set(self.taken) <= self.put_keys
        assert self.deaths or set(self.taken.values()) <= {1}

    def teardown(self) -> None:
        for _ in range(40):
            self.deliver({}, None)
            self.now += LEASE
        with self.installation.database.reading() as tx:
            rows = tx.conn.exec_driver_sql("SELECT merchant_id, topic, key, state FROM runtime_outbox").all()
        states = {MessageKey(*row[:3]): row[3] for row in rows}
        assert set(states) == self.put_keys
        assert set(states.values()) <= {"done", "parked"}
        assert {key for key, state in states.items() if state == "done"} <= set(self.taken)
        assert {key for key, state in states.items() if state == "parked"} <= self.refused


def test_outbox(installation: Installation) -> None:
    run_state_machine_as_test(lambda: OutboxMachine(installation), settings=EFFORT)  # type: ignore[arg-type]
