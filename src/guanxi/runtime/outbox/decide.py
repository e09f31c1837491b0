"""Pure decisions of the outbox: what a message becomes after an attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.runtime.model import NOTHING, Reason, WorkerLost
from guanxi.runtime.outbox.model import (
    DONE,
    LONGEST_WAIT,
    PARKED,
    PENDING,
    REMEMBERED,
    SUSPECT,
    Message,
    Outcome,
    Refused,
    Sent,
    Verdict,
)

if TYPE_CHECKING:
    from guanxi.runtime.decide import Backoff


def settle(message: Message, outcome: Outcome, backoff: Backoff, now: int, spread: int) -> Verdict:
    """Decide after an attempt that ended at ``now``; ``spread`` as in ``Backoff.delay``."""
    if isinstance(outcome, Sent):
        return Verdict(message.id, DONE, now + REMEMBERED, 0, NOTHING)
    if isinstance(outcome, Refused) or backoff.exhausted(message.attempts):
        return Verdict(message.id, PARKED, now, now, outcome.reason)
    wait = backoff.delay(message.attempts, spread)
    if outcome.after is not None:
        # What the receiver asks for is the least; the spread on top keeps all of its messages from coming at once.
        wait = min(max(outcome.after, 0), LONGEST_WAIT) + backoff.delay(1, spread)
    return Verdict(message.id, PENDING, now + wait, now, outcome.reason)


def recover(message: Message, backoff: Backoff, now: int, spread: int) -> Verdict:
    """Decide about a message whose worker vanished: it may or may not have been sent, so it is sent again, alone."""
    reason = Reason.of(WorkerLost(attempts=message.attempts))
    if backoff.exhausted(message.attempts):
        return Verdict(message.id, PARKED, now, now, reason)
    # The first worker lost is more likely a deployment than the message's fault.
    wait = 0 if message.attempts == 1 else backoff.delay(message.attempts - 1, spread)
    return Verdict(message.id, SUSPECT, now + wait, now, reason)


def expired(next_at: int, now: int, lease: int) -> bool:
    """Say whether a lease that ends at ``next_at`` is over.

    One that ends later than any lease taken now could was taken under a clock that has been set back since; waiting
    for it might take for ever.
    """
    return next_at <= now or next_at > now + 2 * lease
