"""Values of the outbox.

A message is ``pending`` until a worker leases it, ``leased`` while that worker sends it, ``suspect`` when the worker
vanished meanwhile (it is then sent alone, so that a message that kills its worker takes no other along), ``parked``
with its reason when it cannot be sent, and ``done`` for ``REMEMBERED`` after it was sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from guanxi.kernel.clock import DAY, HOUR, MINUTE, SECOND
from guanxi.kernel.ids import encode
from guanxi.runtime.decide import Backoff
from guanxi.runtime.model import Reason

PENDING = "pending"
LEASED = "leased"
SUSPECT = "suspect"
PARKED = "parked"
DONE = "done"

TOPIC_LIMIT = 64
KEY_LIMIT = 255
PAYLOAD_LIMIT = 1_048_576
"""Bytes."""

LEASE = 5 * MINUTE
"""How long (µs) a worker may take to send a set before another assumes that it is gone."""

REMEMBERED = 7 * DAY
"""How long (µs) the key of a sent message is remembered; the payload goes as soon as it is sent."""

LONGEST_WAIT = DAY
"""The most (µs) that a receiver's Retry-After is obeyed."""

BACKOFF = Backoff(first=5 * SECOND, most=6 * HOUR, attempts=16)
"""Sixteen tries over about a day, then parked."""


class MessageKey(NamedTuple):
    """What makes a message the same message."""

    merchant_id: str
    topic: str
    key: str


class NewMessage(NamedTuple):
    """A message to send not before ``due_at`` (µs)."""

    merchant_id: str
    topic: str
    key: str
    payload: bytes
    due_at: int

    @property
    def digest(self) -> bytes:
        """Hash of the payload: tells a repeated message from another one under the same key."""
        return hashlib.blake2b(self.payload, digest_size=16).digest()


class Message(NamedTuple):
    """A message being sent; ``attempts`` counts this one, ``created_at`` is when it was written (µs)."""

    merchant_id: str
    topic: str
    key: str
    payload: bytes
    attempts: int
    created_at: int

    @property
    def id(self) -> MessageKey:
        """The key under which it was put."""
        return MessageKey(self.merchant_id, self.topic, self.key)

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt, and for no other message; the receiver tells repeats by it."""
        name = "\x00".join(self.id).encode()
        return "msg_" + encode(int.from_bytes(hashlib.blake2b(name, digest_size=15).digest(), "big"), 24)


@dataclass(frozen=True, slots=True)
class Sent:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now. ``after``: the µs that the receiver asked us to wait, or None to follow the backoff."""

    reason: Reason
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver will never take it: parked at once."""

    reason: Reason


Outcome: TypeAlias = Sent | Retry | Refused

Sender: TypeAlias = Callable[[Sequence[Message]], Sequence[Outcome]]
"""``sender(messages)`` sends a set of one merchant's messages of one topic and says what became of each, in order.

It is called outside any transaction. It should be done well within ``LEASE``. If it raises, messages may have gone out
all the same; they are tried again in smaller sets, under the same idempotency keys.
"""

Senders: TypeAlias = Mapping[str, Sender]
"""How to send each topic."""


class Verdict(NamedTuple):
    """What a message becomes after an attempt."""

    key: MessageKey
    state: str
    next_at: int
    failed_at: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """A message that is not sent unless somebody asks for it, and why."""

    key: MessageKey
    created_at: int
    parked_at: int
    attempts: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How many of a merchant's messages wait to be sent, are being sent, and are parked."""

    pending: int
    leased: int
    parked: int
