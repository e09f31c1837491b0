"""What a kind of work holds while it works: arguments, files, progress, and word that it should stop."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from guanxi.runtime.work import decide, store
from guanxi.runtime.work.model import Cancelled, Outcome, State, Unit, Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from guanxi.kernel.clock import Clock
    from guanxi.runtime.work.files import Files, Writing
    from guanxi.storage.database import Database, Transaction


class Kind(Protocol):
    """A kind of long work. Whatever it does it must be able to do twice, from the start."""

    name: str

    def run(self, handle: Handle) -> Outcome:
        """Do a piece of work and say what came of it.

        It calls ``handle.step`` often. Whatever it raises fails the work, with its reason; ``Unavailable`` and errors of
        the database are tried again a few times first. It may ``finish`` in a transaction of its own.
        """
        ...


class Record(Protocol):
    """Writes into the audit trail that whoever asked for a piece of work did something, in the transaction of that."""

    def __call__(
        self,
        tx: Transaction,
        work: Work,
        action: str,
        *,
        target: str,
        reason: str,
        detail: Mapping[str, object],
    ) -> None:
        """``action`` is one of the trail's own words."""
        ...


class Handle:
    """One try at a piece of work. ``step`` and ``stopped`` cost nothing; a heart beside it writes and asks."""

    def __init__(self, database: Database, files: Files, clock: Clock, work: Work) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._work = work
        self._guard = Lock()
        self.stopped = Event()
        """Set once the work is to stop: it was cancelled, or is in other hands, or the process ends."""
        self.finished = False

    @property
    def work(self) -> Work:
        """The piece of work as this try knows it."""
        with self._guard:
            return self._work

    @property
    def merchant_id(self) -> str:
        """Whose it is."""
        return self._work.merchant_id

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What the kind was told."""
        return self._work.arguments

    def step(self, done: int, whole: int = 0) -> None:
        """Say how many rows are done, and of how many, if that is known; raises ``Cancelled``."""
        with self._guard:
            self._work = replace(self._work, unit=Unit.ROWS, done=done, whole=max(whole, 0))
        self.check()

    def expect(self, length: int) -> None:
        """Say how long (µs) this took the last time, where nothing can be counted; 0 if nobody knows."""
        with self._guard:
            self._work = replace(self._work, unit=Unit.TIME, done=0, whole=max(length, 0))
        self.check()

    def check(self) -> None:
        """Raise ``Cancelled`` if the work is to stop."""
        if self.stopped.is_set():
            raise Cancelled

    def stop(self) -> None:
        """Have the work stop at its next step; may be called from anywhere."""
        self.stopped.set()

    def input(self) -> BinaryIO:
        """Open the file that came with the question; raises ``FileNotFoundError``."""
        return self._files.input(self.merchant_id, self._work.id)

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Open the file that the work writes: whole at the end of the block, gone if that raises."""
        part = decide.written_by(self._work.holder)
        with self._files.writing(self.merchant_id, self._work.id, part) as out:
            yield out

    def wrote(self, outcome: Outcome, name: str, size: int) -> Outcome:
        """Return an outcome with the file that was written: what people are to call it, and its bytes."""
        return replace(outcome, file=name, size=size, part=decide.written_by(self._work.holder))

    def remember(self, tx: Transaction, memo: Mapping[str, Any]) -> None:
        """Note something for another try, in the transaction of what it is about; raises ``Cancelled``."""
        kept = self._mine(tx)
        store.save(tx, replace(kept, memo={**kept.memo, **memo}))
        with self._guard:
            self._work = replace(self._work, memo={**self._work.memo, **memo})

    def finish(self, tx: Transaction, outcome: Outcome) -> None:
        """End the work in the transaction of its effect, so that both are there or neither; raises ``Cancelled``."""
        now = self._clock.now()
        store.save(tx, decide.ended(self._mine(tx), State.DONE, now, outcome))
        self.finished = True

    def _mine(self, tx: Transaction) -> Work:
        """Return the work as it stands, with this try's progress; raises ``Cancelled`` if it is in other hands."""
        mine = self.work
        found = store.get(tx, mine.merchant_id, mine.id, for_change=True)
        if found is None or found.holder != mine.holder or found.state is not State.RUNNING:
            self.stop()
            raise Cancelled
        return replace(found, done=mine.done, whole=mine.whole, unit=mine.unit)

    def beat(self, lease: int) -> None:
        """Write how far the work is and lengthen the lease; stop the work if it is in other hands."""
        work = self.work
        until = self._clock.now() + lease
        with self._database.transaction() as tx:
            if store.beat(tx, work, until):
                return
        self.stop()
