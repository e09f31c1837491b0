"""What the console asks about the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.runtime import store

if TYPE_CHECKING:
    from guanxi.runtime.model import JobStatus
    from guanxi.storage.database import Transaction


def job_statuses(tx: Transaction, merchant_id: str) -> list[JobStatus]:
    """Return how the jobs fare that serve a merchant: the installation's (merchant ``""``) first, then its own."""
    return store.jobs(tx, merchant_id)
