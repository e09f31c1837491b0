"""Values that timers, outbox and worker share: why something did not work, and where it waits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from guanxi.kernel.errors import GuanxiError
from guanxi.kernel.text import Language, Text

_LONG_NUMBER = re.compile(r"\d{7,}")
_DETAIL = 200


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something failed, in both languages; ``code`` is stable and empty when nothing did."""

    code: str = ""
    zh: str = ""
    en: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Reason:
        """Return the reason of any error.

        Of one that is not ours only the type and the first line are kept, with long numbers blotted out: databases and
        libraries like to quote the value that they stumbled over, and it may be somebody's phone number.
        """
        if isinstance(error, GuanxiError):
            return cls(error.code, error.message.zh, error.message.en)
        # A database driver's error is wrapped in one that goes on to list every parameter of the statement.
        error = getattr(error, "orig", None) or error
        first = (str(error).strip().splitlines() or [""])[0][:_DETAIL]
        detail = ": ".join(part for part in (type(error).__name__, _LONG_NUMBER.sub("…", first)) if part)
        return cls("internal", f"内部错误：{detail}", f"Internal error: {detail}")

    def say(self, language: Language) -> str:
        """Return the reason in ``language``; empty when nothing failed."""
        return self.zh if language == "zh" else self.en


NOTHING = Reason()
"""Nothing failed."""


class NoHandler(GuanxiError):
    """Nothing in this installation knows what to do with a timer of this kind or a message of this topic."""

    code = "no_handler"
    status = 500
    text = Text(
        "没有程序处理“{kind}”；请升级后在数据健康页重试。",
        "Nothing here handles “{kind}”; upgrade, then retry on the data-health page.",
    )


class WorkerLost(GuanxiError):
    """The worker that was sending a message did not come back, again and again."""

    code = "worker_lost"
    status = 500
    text = Text(
        "发送它的进程 {attempts} 次中断，未能确认结果。",
        "The worker sending it was lost {attempts} times before the result was known.",
    )


class Lane(NamedTuple):
    """One merchant's rows of one kind (or topic) in one state: the unit among which turns are taken."""

    merchant_id: str
    state: str
    kind: str


class DueLane(NamedTuple):
    """A lane and the first and last instant (µs) at which a row of it has its turn."""

    lane: Lane
    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What the worker last said about one of its jobs; instants and durations in µs. One that has stopped has no name.

    ``merchant_id`` is empty for a job that serves the whole installation, ``done`` counts since the beginning,
    ``failures`` counts those since the last success, ``lag`` is how long the oldest due item has waited.
    """

    merchant_id: str
    name: str
    worker: str
    last_run_at: int
    duration: int
    done: int
    failures: int
    lag: int
    failed_at: int
    reason: Reason
