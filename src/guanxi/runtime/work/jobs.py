"""Running long work: take a piece, do it, write what came of it; beside the worker's loop, in threads of its own."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

import structlog

from guanxi.kernel.clock import MINUTE, SECOND
from guanxi.kernel.errors import GuanxiError
from guanxi.runtime import store as shared
from guanxi.runtime.model import DueLane, Lane, Reason
from guanxi.runtime.rotation import Rotation
from guanxi.runtime.work import decide, store
from guanxi.runtime.work.handle import Handle
from guanxi.runtime.work.model import BACKOFF, LEASE, NoKind, State, Work
from guanxi.storage.database import UNAVAILABLE
from guanxi.storage.engine import stopping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from guanxi.kernel.clock import Clock
    from guanxi.runtime.decide import Backoff
    from guanxi.runtime.work.files import Files
    from guanxi.runtime.work.handle import Kind
    from guanxi.runtime.work.model import Outcome
    from guanxi.storage.database import Database

AT_ONCE = 2
"""Pieces that one process works on at the same time."""

_NAP = 0.15
"""Seconds between two looks for work."""

_RECOVER_EVERY = 5 * SECOND
_SWEEP_EVERY = 10 * MINUTE
_TABLE = ("runtime_work", "kind")

_log = structlog.get_logger(__name__)


class Runner:
    """Does long work, one piece after the other, each by one runner alone however many there are.

    A merchant's and kind's turn comes before any other's second. Killed at any moment, it leaves a lease that runs out;
    the work is then begun again from its start. Asked to stop, it puts down what it is doing, for another to take up.
    """

    def __init__(
        self,
        database: Database,
        files: Files,
        kinds: Mapping[str, Kind],
        clock: Clock,
        *,
        lease: int = LEASE,
        beat: float = 1.0,
        backoff: Backoff = BACKOFF,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``lease`` is in µs; ``beat`` is how many seconds pass until progress is written and a cancellation heard."""
        self._database = database
        self._files = files
        self._kinds = kinds
        self._clock = clock
        self._lease = lease
        self._beat = beat
        self._backoff = backoff
        self._sleep = sleep
        self._rotation = Rotation(self._look, self._take)
        self._stopping = False
        self._handle: Handle | None = None
        self._recover_at = self._sweep_at = 0

    def stop(self) -> None:
        """Put down what is being done and let ``run`` return; may be called from anywhere."""
        self._stopping = True
        if (handle := self._handle) is not None:
            handle.stop()

    def run(self) -> None:
        """Work until ``stop``. A database that is away is waited for."""
        while not self._stopping:
            try:
                done = self._rotation.turn(self._clock.now())
            except Exception:  # noqa: BLE001 - the next look may fare better, and nobody else would do the work
                _log.exception("work_not_taken")
                done = 0
                self._sleep(1)
            if not done:
                self._sleep(_NAP)

    def step(self) -> int:
        """Do one piece, if there is one whose turn it is; returns how many were done."""
        return self._rotation.turn(self._clock.now())

    def _look(self, now: int) -> list[DueLane]:
        if not self._recover_at <= now < self._recover_at + _RECOVER_EVERY:
            self._recover_at = now
            self._recover(now)
        if not self._sweep_at <= now < self._sweep_at + _SWEEP_EVERY:
            self._sweep_at = now
            self._sweep(now)
        return self._due(State.WAITING, now)

    def _due(self, state: State, now: int) -> list[DueLane]:
        with self._database.reading() as tx:
            found = shared.lanes(tx, *_TABLE, state)
        return [lane for lane in found if lane.earliest <= now]

    def _recover(self, now: int) -> None:
        """Let what vanished runners held wait again, or fail."""
        for due in self._due(State.RUNNING, now):
            with self._database.transaction() as tx:
                work = store.first(tx, due.lane, now)
                if work is None:
                    continue
                left = decide.lost(work, now, self._backoff)
                store.save(tx, left)
            _log.warning(
                "work_lost", merchant_id=work.merchant_id, work=work.id, kind=work.kind, state=left.state
            )
            self._tidy(left, work.holder)

    def _sweep(self, now: int) -> None:
        """Forget what ended long ago, and delete files that nobody reads any more."""
        for state in (State.DONE, State.FAILED, State.CANCELLED):
            for due in self._due(state, now):
                with self._database.transaction() as tx:
                    store.prune(tx, due.lane, now)
        for merchant_id in self._files.merchants():
            names = self._files.names(merchant_id)
            with self._database.reading() as tx:
                there = {work.id: decide.parts_needed(work) for work in store.everything(tx, merchant_id)}
            for name in names:
                work_id, _, part = name.partition(".")
                # What was copied here a moment ago has no row yet.
                if part not in there.get(work_id, ()) and self._files.age(merchant_id, name) > MINUTE:
                    self._files.drop(merchant_id, work_id, part)

    def _take(self, lane: Lane, now: int) -> int:
        with self._database.transaction() as tx:
            waiting = store.first(tx, lane, now)
            if waiting is None:
                return 0
            work = decide.begun(waiting, secrets.token_hex(16), now, self._lease)
            store.save(tx, work)
        self._do(work)
        return 1

    def _do(self, work: Work) -> None:
        handle = Handle(self._database, self._files, self._clock, work)
        self._handle = handle
        if self._stopping:
            handle.stop()
        started = time.perf_counter()
        try:
            with self._heart(handle), stopping(handle.stopped):
                try:
                    handle.check()
                    outcome = self._kind(work).run(handle)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is this piece's reason
                    self._failed(handle, error)
                else:
                    self._done(handle, outcome)
        finally:
            self._handle = None
        with self._database.reading() as tx:
            left = store.get(tx, work.merchant_id, work.id)
        state = left.state if left is not None else "forgotten"
        _log.info(
            "work_ran",
            merchant_id=work.merchant_id,
            work=work.id,
            kind=work.kind,
            state=state,
            seconds=round(time.perf_counter() - started, 3),
        )
        if left is None:
            self._files.drop(work.merchant_id, work.id)
        else:
            self._tidy(left, work.holder)

    def _kind(self, work: Work) -> Kind:
        if (kind := self._kinds.get(work.kind)) is None:
            raise NoKind(kind=work.kind)
        return kind

    def _tidy(self, work: Work, holder: str) -> None:
        """Delete the files of a piece of work that its state does not need: its own input, and what was written in vain."""
        needed = decide.parts_needed(work)
        for part in {"in", decide.written_by(holder)} - needed:
            self._files.drop(work.merchant_id, work.id, part)

    def _done(self, handle: Handle, outcome: Outcome) -> None:
        if handle.finished:
            return
        try:
            with self._database.transaction() as tx:
                handle.finish(tx, outcome)
        except Exception as error:  # noqa: BLE001 - cancelled at the last moment, or the database is away
            self._failed(handle, error)

    def _failed(self, handle: Handle, error: Exception) -> None:
        """Write why a piece was not done, unless it is in other hands by now."""
        mine, now = handle.work, self._clock.now()
        put_down = self._stopping and handle.stopped.is_set()
        again = isinstance(error, UNAVAILABLE) or (isinstance(error, GuanxiError) and error.status == 503)
        reason = Reason.of(error)
        with self._database.transaction() as tx:
            found = store.get(tx, mine.merchant_id, mine.id, for_change=True)
            if found is None or found.holder != mine.holder or found.state is not State.RUNNING:
                return
            if put_down:
                left = decide.put_down(found, now)
            elif again:
                left = decide.hindered(found, reason, now, self._backoff)
            else:
                left = decide.ended(found, State.FAILED, now, found.outcome, reason)
            store.save(tx, left)
        if not put_down:
            _log.warning(
                "work_failed",
                merchant_id=mine.merchant_id,
                work=mine.id,
                kind=mine.kind,
                state=left.state,
                reason=reason.en,
                exc_info=not isinstance(error, GuanxiError),
            )

    @contextmanager
    def _heart(self, handle: Handle) -> Iterator[None]:
        """Beat in a thread: keep the lease, write progress, hear of a cancellation."""
        ended = Event()

        def beat() -> None:
            while not ended.wait(self._beat):
                try:
                    handle.beat(self._lease)
                except Exception:  # noqa: BLE001 - the database is away; the next beat may reach it before the lease is over
                    _log.warning("work_beat_missed", work=handle.work.id, exc_info=True)

        heart = Thread(target=beat, name="guanxi-work-heart", daemon=True)
        heart.start()
        try:
            yield
        finally:
            ended.set()
            heart.join()


class Crew:
    """A few runners, each in a thread of its own; in one more, ``warm`` loads what the first work would wait for."""

    def __init__(
        self, make: Callable[[], Runner], size: int = AT_ONCE, warm: Callable[[], None] = lambda: None
    ) -> None:
        self._runners = [make() for _ in range(size)]
        self._warming = Thread(target=warm, name="guanxi-work-warm", daemon=True)
        self._threads = [
            Thread(target=runner.run, name=f"guanxi-work-{number}")
            for number, runner in enumerate(self._runners)
        ]

    def start(self) -> None:
        """Let them begin."""
        self._warming.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Have them put down what they do, and wait until they have."""
        for runner in self._runners:
            runner.stop()
        for thread in self._threads:
            thread.join()
