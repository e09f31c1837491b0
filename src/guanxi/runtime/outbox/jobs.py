"""Delivering: lease a set, send it outside any transaction, write down what became of it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import structlog

from guanxi.runtime import store as shared
from guanxi.runtime.decide import isolate
from guanxi.runtime.model import DueLane, Lane, NoHandler, Reason
from guanxi.runtime.outbox import store
from guanxi.runtime.outbox.decide import expired, recover, settle
from guanxi.runtime.outbox.model import (
    BACKOFF,
    DONE,
    LEASE,
    LEASED,
    PENDING,
    SUSPECT,
    Message,
    MessageKey,
    Outcome,
    Refused,
    Retry,
)
from guanxi.runtime.rotation import Rotation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.kernel.clock import Clock
    from guanxi.runtime.decide import Backoff
    from guanxi.runtime.outbox.model import Sender, Senders
    from guanxi.storage.database import Database

SET = 100
"""Messages sent in one call of a sender."""

MOST_POISONED = 5
"""Messages that may each make a sender raise before the rest of the set waits as well: it is the sender that fails."""

_PRUNED = 1_000
_TABLE = ("runtime_outbox", "topic")

_log = structlog.get_logger(__name__)


class OutboxJob:
    """Sends due messages, one set a turn.

    At least once: a worker killed after sending and before settling leaves a lease that runs out, and the message is
    sent again under the same idempotency key, by which the receiver tells. Only the holder of a lease settles it, so
    a worker that comes back late changes nothing. Every (merchant, topic) with something due gets one set before any
    gets its second. A message that fails waits by itself; no order among messages is promised.
    """

    def __init__(
        self,
        database: Database,
        senders: Senders,
        clock: Clock,
        *,
        set_size: int = SET,
        lease: int = LEASE,
        backoff: Backoff = BACKOFF,
    ) -> None:
        """``clock`` says when a set has been sent; ``lease`` is in µs."""
        self._database = database
        self._senders = senders
        self._clock = clock
        self._set_size = set_size
        self._lease = lease
        self._backoff = backoff
        self._rotation = Rotation(self._look, self._deliver)
        self.run_once = self._rotation.turn
        self.round = self._rotation.round
        self.lag = self._rotation.lag

    def _look(self, now: int) -> list[DueLane]:
        with self._database.reading() as tx:
            running = shared.lanes(tx, *_TABLE, LEASED)
            finished = shared.lanes(tx, *_TABLE, DONE)
        for lane, earliest, latest in running:
            if expired(earliest, now, self._lease) or expired(latest, now, self._lease):
                self._recover(lane, now)
        for lane, earliest, _ in finished:
            if earliest <= now:
                with self._database.transaction() as tx:
                    store.prune(tx, lane, now, _PRUNED)
        with self._database.reading() as tx:
            waiting = [*shared.lanes(tx, *_TABLE, SUSPECT), *shared.lanes(tx, *_TABLE, PENDING)]
        return [lane for lane in waiting if lane.earliest <= now]

    def _recover(self, lane: Lane, now: int) -> None:
        with self._database.transaction() as tx:
            over = store.leased(tx, lane, -(1 << 63), now, _PRUNED)
            over += store.leased(tx, lane, now + 2 * self._lease, (1 << 63) - 1, _PRUNED)
            for message, holder in over:
                verdict = recover(message, self._backoff, now, _spread())
                if store.settle(tx, holder, [verdict]):
                    _log.warning(
                        "lease_ran_out",
                        **message.id._asdict(),
                        attempts=message.attempts,
                        state=verdict.state,
                    )

    def _deliver(self, lane: Lane, now: int) -> int:
        holder = secrets.token_hex(16)
        size = 1 if lane.state == SUSPECT else self._set_size
        with self._database.transaction() as tx:
            messages = store.lease(tx, lane, now, until=now + self._lease, holder=holder, limit=size)
        if not messages:
            return 0
        sender = self._senders.get(lane.kind)
        outcomes: dict[MessageKey, Outcome] = (
            _send(sender, messages)
            if sender
            else dict.fromkeys(
                (message.id for message in messages), Refused(Reason.of(NoHandler(kind=lane.kind)))
            )
        )
        ended = self._clock.now()
        verdicts = [
            settle(message, outcomes[message.id], self._backoff, ended, _spread()) for message in messages
        ]
        with self._database.transaction() as tx:
            settled = store.settle(tx, holder, verdicts)
        for verdict in verdicts:
            if verdict.state != DONE:
                _log.warning(
                    "message_failed", **verdict.key._asdict(), state=verdict.state, reason=verdict.reason.en
                )
        if settled < len(messages):
            _log.warning("lease_lost_while_sending", merchant_id=lane.merchant_id, topic=lane.kind)
        return len(messages)


def _send(sender: Sender, messages: Sequence[Message]) -> dict[MessageKey, Outcome]:
    outcomes: dict[MessageKey, Outcome] = {}

    def attempt(part: Sequence[Message]) -> None:
        said = sender(part)
        outcomes.update(zip((message.id for message in part), said, strict=True))

    result = isolate(messages, attempt, MOST_POISONED)
    outcomes.update((message.id, Retry(Reason.of(error))) for message, error in result.poisoned)
    if result.untried:
        _, last = result.poisoned[-1]
        outcomes.update((message.id, Retry(Reason.of(last))) for message in result.untried)
    return outcomes


def _spread() -> int:
    return secrets.randbelow(1001)


def deliver(database: Database, senders: Senders, clock: Clock) -> int:
    """Send one set of every merchant's and topic's due messages; return how many were attempted."""
    return OutboxJob(database, senders, clock).round(clock.now())
