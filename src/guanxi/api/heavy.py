"""Work that keeps a processor busy: questions about everybody, plans. A few at a time, so that all else stays quick."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from anyio import CapacityLimiter, to_thread

from guanxi.kernel.errors import Unavailable
from guanxi.kernel.text import Text
from guanxi.storage.engine import patience

T = TypeVar("T")

AT_ONCE = 2
"""Questions worked on at the same time; each uses all processors there are."""

WAITING = 16
"""Questions that may wait for their turn."""

PATIENCE = 30.0
"""Seconds after which a question is given up on."""


class Busy(Unavailable):
    """So many questions wait that another one would be answered too late; ``retry_after`` is in whole seconds."""

    code: ClassVar[str] = "busy"
    text: ClassVar[Text] = Text(
        "正在进行的统计太多，请在 {retry_after} 秒后重试。",
        "Too many questions are being worked on; try again in {retry_after} seconds.",
    )


class Heavy:
    """Runs heavy work in threads, beside those that answer everything else. Used on the event loop only."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, seconds: float = PATIENCE) -> None:
        self._limiter = CapacityLimiter(at_once)
        self._most = at_once + waiting
        self._seconds = seconds
        self._under_way = 0

    async def ask(self, question: Callable[[], T]) -> T:
        """Return the answer to a question about everybody; raises ``Busy``, and ``TookTooLong`` after ``PATIENCE``."""

        def patiently() -> T:
            with patience(self._seconds):
                return question()

        return await self.do(patiently)

    async def do(self, work: Callable[[], T]) -> T:
        """Do something that may take as long as it needs; raises ``Busy``."""
        if self._under_way >= self._most:
            raise Busy(retry_after=5)
        self._under_way += 1
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._under_way -= 1
