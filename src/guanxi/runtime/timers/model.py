"""Values of timers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from guanxi.kernel.clock import HOUR, SECOND
from guanxi.runtime.decide import Backoff
from guanxi.runtime.model import Reason

PENDING = "pending"
PARKED = "parked"

KIND_LIMIT = 64
KEY_LIMIT = 255
PAYLOAD_LIMIT = 65_536
"""Bytes. A timer says what to look at when it fires; what is to be done is decided from the state of that moment."""

BACKOFF = Backoff(first=5 * SECOND, most=HOUR, attempts=12)
"""Twelve tries over about three hours, then parked."""


class TimerKey(NamedTuple):
    """What makes a timer the same timer."""

    merchant_id: str
    kind: str
    key: str


class NewTimer(NamedTuple):
    """A timer to set: ``due_at`` in µs, ``payload`` JSON bytes that name ids and never persons."""

    merchant_id: str
    kind: str
    key: str
    due_at: int
    payload: bytes = b"{}"


class Timer(NamedTuple):
    """A timer: ``due_at`` is what was asked for, ``next_at`` when it is tried, ``attempts`` how often it failed."""

    merchant_id: str
    kind: str
    key: str
    due_at: int
    payload: bytes
    attempts: int
    next_at: int

    @property
    def id(self) -> TimerKey:
        """The key under which it was set."""
        return TimerKey(self.merchant_id, self.kind, self.key)


@dataclass(frozen=True, slots=True)
class ParkedTimer:
    """A timer that is not tried again unless somebody asks for it, and why."""

    timer: Timer
    failed_at: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class TimerCounts:
    """How many of a merchant's timers wait (due or not) and how many are parked."""

    pending: int
    parked: int
