"""Group commit: requests that arrive together become durable together.

A disk flush costs the same for one event as for a thousand. One thread takes whatever has been handed in, writes it in
one transaction, and only then tells each caller what became of its part.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

from guanxi.kernel.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.storage.events.dead_letters import DeadLetter
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.events.model import NewEvent

MOST_IN_ONE = 4_000
"""Events in one transaction: enough to amortise a flush, few enough that nobody waits long behind it."""

MOST_WAITING = 60_000
"""Events handed in and not yet written above which new ones are refused, so that a slow disk shows at the sender."""


class _Part(NamedTuple):
    events: Sequence[NewEvent]
    letters: Sequence[DeadLetter]
    done: Future[list[bool]]


class GroupWriter:
    """Writes events of many callers in few transactions. Start it before use; ``stop`` writes what is left."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._parts: deque[_Part] = deque()
        self._waiting = 0
        self._change = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="guanxi-event-writer", daemon=True)

    def start(self) -> None:
        """Start the writing thread."""
        self._thread.start()

    def stop(self) -> None:
        """Write what was handed in and end the thread; later calls to ``submit`` are refused."""
        with self._change:
            self._stopping = True
            self._change.notify()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, events: Sequence[NewEvent], letters: Sequence[DeadLetter] = ()) -> Future[list[bool]]:
        """Hand in events and dead letters; the future tells for each event whether it was new, once all is durable.

        Raises ``Unavailable`` when too much is waiting or the writer is stopping; nothing was taken then.
        """
        done: Future[list[bool]] = Future()
        done.set_running_or_notify_cancel()  # what is handed in gets written: there is no taking it back
        with self._change:
            if self._stopping or self._waiting >= MOST_WAITING:
                raise Unavailable(
                    reason_zh="写入繁忙，请稍后重试。",
                    reason_en="too many events are waiting to be written; try again shortly.",
                )
            self._parts.append(_Part(events, letters, done))
            self._waiting += len(events)
            self._change.notify()
        return done

    def _run(self) -> None:
        while parts := self._take():
            self._write(parts)

    def _take(self) -> list[_Part]:
        with self._change:
            while not self._parts and not self._stopping:
                self._change.wait()
            taken: list[_Part] = []
            size = 0
            while self._parts and (not taken or size + len(self._parts[0].events) <= MOST_IN_ONE):
                part = self._parts.popleft()
                taken.append(part)
                size += len(part.events)
            self._waiting -= size
            return taken

    def _write(self, parts: list[_Part]) -> None:
        try:
            fresh = iter(
                self._log.accept(
                    [event for part in parts for event in part.events],
                    [letter for part in parts for letter in part.letters],
                )
            )
        except Exception as error:  # noqa: BLE001 - whatever it was, the callers must hear of it
            if len(parts) == 1:
                parts[0].done.set_exception(error)
                return
            # One caller's part may be what failed: each gets its own transaction, and its own answer.
            for part in parts:
                self._write([part])
            return
        for part in parts:
            part.done.set_result([next(fresh) for _ in part.events])
