"""Values of long work.

A piece of work is ``waiting`` until a runner takes it, ``running`` while it holds the lease, and in the end ``done``,
``failed`` or ``cancelled`` for good. A runner that vanishes loses its lease: the work waits again and is done from its
start, so whatever a kind does it must be able to do twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from guanxi.kernel.clock import DAY, MINUTE, SECOND
from guanxi.kernel.errors import GuanxiError, InvalidInput
from guanxi.kernel.text import Text
from guanxi.runtime.decide import Backoff
from guanxi.runtime.model import NOTHING, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

LEASE = MINUTE
"""How long (µs) a runner may be silent before another assumes that it is gone."""

REMEMBERED = 7 * DAY
"""How long (µs) a piece of work and its file are kept after its end."""

BACKOFF = Backoff(first=2 * SECOND, most=30 * SECOND, attempts=3)
"""How often a piece of work is begun, and how long it waits after it could not be done just then."""

ARGUMENTS_LIMIT = 1 << 20
"""Bytes of a piece of work's arguments."""


class State(StrEnum):
    """How far a piece of work has come."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def label(self) -> Text:
        """What people call it."""
        return _LABELS[self]

    @property
    def ended(self) -> bool:
        """Say whether it stays so for ever."""
        return self not in UNFINISHED


_LABELS = {
    State.WAITING: Text("等待中", "Waiting"),
    State.RUNNING: Text("进行中", "Running"),
    State.DONE: Text("已完成", "Done"),
    State.FAILED: Text("失败", "Failed"),
    State.CANCELLED: Text("已取消", "Cancelled"),
}

UNFINISHED = frozenset({State.WAITING, State.RUNNING})


class Unit(StrEnum):
    """What ``done`` and ``whole`` count."""

    ROWS = "rows"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked for a piece of work, as the audit trail tells it; ``kind`` is ``person``, ``key`` or ``system``."""

    kind: str
    id: str
    name: str
    address: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class NewWork:
    """A piece of work to be done: its kind, what people call it, what the kind is told, and who asked.

    ``permission`` is what one must be allowed to do to see it and to cancel it. ``link`` is the address that shows what
    came of it, ``{id}`` in it stands for the work's own id. Of pieces of one asker with the same ``topic`` a new one
    cancels those before; the empty topic cancels nothing.
    """

    kind: str
    title: Text
    arguments: Mapping[str, Any]
    asker: Asker
    permission: str
    link: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a piece of work: one sentence, figures by name, and what the kind wants to be shown.

    ``file`` is what people are to call the file that it wrote, of ``size`` bytes, and ``part`` where it lies among the
    work's files; empty if it wrote none, or if the file is gone.
    """

    said: Text = field(default_factory=lambda: Text("", ""))
    counts: Mapping[str, int] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    size: int = 0
    part: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work. Instants are µs, 0 where there is none yet; ``attempts`` counts how often it was begun.

    ``done`` and ``whole`` count rows, or µs where nothing can be counted and ``whole`` is how long it took the last
    time; a ``whole`` of 0 is unknown. ``memo`` is what the kind noted for another try. ``told`` means that whoever asked
    had their answer at once, so that no tray needs to tell it.
    """

    merchant_id: str
    id: str
    state: State
    kind: str
    title: Text
    asker: Asker
    permission: str
    arguments: Mapping[str, Any]
    memo: Mapping[str, Any]
    link: str
    topic: str
    asked_at: int
    started_at: int
    ended_at: int
    next_at: int
    holder: str
    attempts: int
    unit: Unit
    done: int
    whole: int
    told: bool
    outcome: Outcome
    reason: Reason = NOTHING


@dataclass(frozen=True, slots=True)
class Progress:
    """How far: ``share`` from 0 to 1, ``rate`` in rows a second, ``left`` in µs; ``None`` where nobody can know."""

    share: float | None
    rate: float | None
    left: int | None


class Cancelled(GuanxiError):
    """Somebody cancelled the work, or it is in other hands: whoever does it stops."""

    code = "cancelled"
    status = 409
    text = Text("这项任务已被取消。", "This was cancelled.")


class RunnerLost(GuanxiError):
    """The process that did the work did not come back, again and again."""

    code = "runner_lost"
    status = 500
    text = Text(
        "处理它的进程 {attempts} 次中断。请查看日志，或把任务拆小后重试。",
        "The process doing it was lost {attempts} times. Look at its log, or make the task smaller and try again.",
    )


class NoKind(GuanxiError):
    """Nothing in this installation knows how to do work of this kind."""

    code = "no_kind"
    status = 500
    text = Text("没有程序处理“{kind}”；请升级后重试。", "Nothing here does “{kind}”; upgrade and try again.")


class FileGone(InvalidInput):
    """The file is no longer kept."""

    code = "file_gone"
    status = 410
    text = Text(
        "文件已不再保留（7 天后，或有会员行使删除权时删除），请重新生成。",
        "The file is no longer kept (files go after 7 days, or when a member is erased); make it again.",
    )
