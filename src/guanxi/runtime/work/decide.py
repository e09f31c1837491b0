"""How a piece of work goes from state to state, how far it is, and how long it will take. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from guanxi.kernel.clock import SECOND
from guanxi.runtime.model import NOTHING, Reason
from guanxi.runtime.work.model import (
    BACKOFF,
    REMEMBERED,
    UNFINISHED,
    Outcome,
    Progress,
    RunnerLost,
    State,
    Unit,
    Work,
)

if TYPE_CHECKING:
    from guanxi.runtime.decide import Backoff

_SURE_AFTER = SECOND
"""How long (µs) something runs before its rate says anything."""

_ALMOST = 0.97
"""How full a bar may be that only guesses by the time."""


def begun(work: Work, holder: str, now: int, lease: int) -> Work:
    """Return a waiting piece of work in the hands of a runner, from its start."""
    return replace(
        work,
        state=State.RUNNING,
        holder=holder,
        attempts=work.attempts + 1,
        started_at=now,
        next_at=now + lease,
        unit=Unit.ROWS,
        done=0,
        whole=0,
        reason=NOTHING,
    )


def ended(work: Work, state: State, now: int, outcome: Outcome, reason: Reason = NOTHING) -> Work:
    """Return a piece of work at its end; one that has ended already stays as it is."""
    if work.state not in UNFINISHED:
        return work
    return replace(
        work,
        state=state,
        holder="",
        ended_at=now,
        next_at=now + REMEMBERED,
        outcome=outcome,
        reason=reason,
        done=max(work.done, work.whole) if state is State.DONE and work.unit is Unit.ROWS else work.done,
    )


def put_down(work: Work, now: int) -> Work:
    """Return a running piece of work that waits again through no fault of its own: the try does not count."""
    return replace(work, state=State.WAITING, holder="", attempts=max(0, work.attempts - 1), next_at=now)


def lost(work: Work, now: int, backoff: Backoff = BACKOFF) -> Work:
    """Return a piece of work whose runner vanished: it waits for another, or has failed after too many."""
    if backoff.exhausted(work.attempts):
        return ended(work, State.FAILED, now, work.outcome, Reason.of(RunnerLost(attempts=work.attempts)))
    return replace(work, state=State.WAITING, holder="", next_at=now)


def hindered(work: Work, reason: Reason, now: int, backoff: Backoff = BACKOFF) -> Work:
    """Return a piece of work that could not be done just now: it is tried again after a while, or has failed."""
    if backoff.exhausted(work.attempts):
        return ended(work, State.FAILED, now, work.outcome, reason)
    waited = backoff.delay(max(1, work.attempts))
    return replace(work, state=State.WAITING, holder="", next_at=now + waited, reason=reason)


def progress(work: Work, now: int) -> Progress:
    """Return how far a piece of work is at ``now``; its rate is that of the whole of this try."""
    if work.state is not State.RUNNING:
        return Progress(1.0 if work.state is State.DONE else None, None, None)
    took = max(0, now - work.started_at)
    if work.unit is Unit.TIME:
        if work.whole <= 0:
            return Progress(None, None, None)
        return Progress(
            min(_ALMOST, took / work.whole), None, work.whole - took if took < work.whole else None
        )
    share = min(1.0, work.done / work.whole) if work.whole > 0 else None
    if took < _SURE_AFTER or work.done <= 0:
        return Progress(share, None, None)
    rate = work.done * SECOND / took
    return Progress(
        share, rate, round((work.whole - work.done) * SECOND / rate) if work.whole > work.done else None
    )


def parts_needed(work: Work) -> frozenset[str]:
    """Return which files of a piece of work somebody still reads or writes."""
    if work.state is State.RUNNING:
        return frozenset({"in", written_by(work.holder)})
    if work.state is State.WAITING:
        return frozenset({"in"})
    return frozenset({work.outcome.part} - {""})


def written_by(holder: str) -> str:
    """Return the part that a runner writes: one of its own, so that one that comes back late spoils nothing."""
    return f"out-{holder}"
