"""What a worker does for access: forget what no longer counts, and write down what others did in somebody's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.access.actions import Action
from guanxi.access.decide import IDEMPOTENCY_LIFE, SESSION_IDLE
from guanxi.access.model import Actor, ActorKind
from guanxi.access.service import trail as audit
from guanxi.access.store import sessions, trail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guanxi.kernel.clock import Clock
    from guanxi.runtime.work.handle import Record
    from guanxi.runtime.work.model import Work
    from guanxi.storage.database import Transaction

PRUNE_SECONDS = 3600
"""How often ``prune`` is worth running."""


def prune(tx: Transaction, now: int) -> None:
    """Delete what no longer counts: sessions that are over, old attempts to sign in, remembered answers."""
    sessions.prune(tx, now, now - SESSION_IDLE)
    trail.prune_answers(tx, now - IDEMPOTENCY_LIFE)


def recording(clock: Clock) -> Record:
    """Return what writes down in the audit trail what long work has done in the name of whoever asked for it."""

    def record(
        tx: Transaction,
        work: Work,
        action: str,
        *,
        target: str,
        reason: str,
        detail: Mapping[str, object],
    ) -> None:
        asker = work.asker
        audit.record(
            tx,
            work.merchant_id,
            Action(action),
            by=Actor(
                ActorKind(asker.kind),
                asker.id,
                asker.name,
                work.merchant_id,
                frozenset(),
                asker.address,
                asker.request_id,
            ),
            now=clock.now(),
            target=target,
            reason=reason,
            detail=detail,
        )

    return record
