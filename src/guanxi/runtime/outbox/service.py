"""Putting messages into the outbox and looking after them, on an open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.kernel.errors import IdempotencyMismatch, InvalidInput, TooLarge
from guanxi.runtime import store as shared
from guanxi.runtime.outbox import store
from guanxi.runtime.outbox.model import (
    KEY_LIMIT,
    LEASED,
    PARKED,
    PAYLOAD_LIMIT,
    PENDING,
    SUSPECT,
    TOPIC_LIMIT,
    MessageKey,
    NewMessage,
    OutboxCounts,
    ParkedMessage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.storage.database import Transaction

_INSTANTS = range(-(1 << 63) + 1, 1 << 63)


def put(tx: Transaction, messages: Sequence[NewMessage], now: int) -> None:
    """Write messages to be sent, in the transaction of the state change that wants them sent.

    Sent at least once: a worker that is killed between sending and writing down that it has sent leaves a message that
    is sent again, with the same idempotency key, by which the receiver must tell. In no promised order.

    A message under a key that exists, waiting, parked or sent within the last seven days, is not added again.

    Raises ``IdempotencyMismatch`` if the key exists with another payload, ``InvalidInput`` for an empty or overlong
    topic or key or a due time beyond 64 bits, and ``TooLarge`` for a payload above 1 MiB.
    """
    distinct: dict[tuple[str, str, str], NewMessage] = {}
    for message in messages:
        _check(message)
        if distinct.setdefault(message[:3], message).payload != message.payload:
            raise IdempotencyMismatch(key=message.key)
    if distinct:
        for key in store.put(tx, list(distinct.values()), now):
            raise IdempotencyMismatch(key=key.key)


def parked(
    tx: Transaction, merchant_id: str, *, after: ParkedMessage | None = None, limit: int
) -> list[ParkedMessage]:
    """Return a merchant's parked messages by topic and time of parking, a page that begins behind ``after``."""
    last = ("", 0, "") if after is None else (after.key.topic, after.parked_at, after.key.key)
    return store.parked(tx, merchant_id, last, limit)


def retry(tx: Transaction, keys: Sequence[MessageKey], now: int) -> int:
    """Let parked messages be sent again at once, with a fresh count of attempts; return how many were parked."""
    return store.retry(tx, keys, now)


def drop(tx: Transaction, keys: Sequence[MessageKey]) -> int:
    """Forget parked messages; return how many were parked."""
    return store.drop(tx, keys)


def counts(tx: Transaction, merchant_id: str) -> OutboxCounts:
    """Return how many messages of a merchant wait, are being sent, and are parked."""
    found = shared.count(tx, "runtime_outbox", merchant_id)
    waiting = found.get(PENDING, 0) + found.get(SUSPECT, 0)
    return OutboxCounts(waiting, found.get(LEASED, 0), found.get(PARKED, 0))


def _check(message: NewMessage) -> None:
    for name, value, limit in (("topic", message.topic, TOPIC_LIMIT), ("key", message.key, KEY_LIMIT)):
        if not 0 < len(value) <= limit or "\x00" in value:
            raise InvalidInput(
                reason_zh=f"外发消息的 {name} 应为 1–{limit} 个字符",
                reason_en=f"an outgoing message's {name} is 1–{limit} characters",
            )
    if message.due_at not in _INSTANTS:
        raise InvalidInput(
            reason_zh="外发消息的时间超出范围", reason_en="an outgoing message's due time is out of range"
        )
    if len(message.payload) > PAYLOAD_LIMIT:
        raise TooLarge(what="payload", size=len(message.payload), limit=PAYLOAD_LIMIT)
