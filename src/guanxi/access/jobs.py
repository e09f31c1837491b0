"""What a worker does for access now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.access.decide import IDEMPOTENCY_LIFE, SESSION_IDLE
from guanxi.access.store import sessions, trail

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction

PRUNE_SECONDS = 3600
"""How often ``prune`` is worth running."""


def prune(tx: Transaction, now: int) -> None:
    """Delete what no longer counts: sessions that are over, old attempts to sign in, remembered answers."""
    sessions.prune(tx, now, now - SESSION_IDLE)
    trail.prune_answers(tx, now - IDEMPOTENCY_LIFE)
