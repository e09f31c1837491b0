"""The same change asked for twice happens once: remembered answers by idempotency key, for a day."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guanxi.access.decide import IDEMPOTENCY_LIFE
from guanxi.access.store import trail as store
from guanxi.kernel.errors import IdempotencyMismatch

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key taken in this transaction; ``before`` is the first answer if there was one."""

    merchant_id: str
    caller_id: str
    key_hash: bytes
    before: Any = None

    @property
    def replayed(self) -> bool:
        """Say whether the work was done already, so that ``before`` is the answer."""
        return self.before is not None

    def answer(self, tx: Transaction, value: Any) -> None:
        """Remember ``value`` (JSON, not null, no secret) as the answer, in the transaction that did the work."""
        store.answer(tx, self.merchant_id, self.caller_id, self.key_hash, json.dumps(value))


def claim(tx: Transaction, merchant_id: str, caller_id: str, *, key: str, request: Any, now: int) -> Claim:
    """Take ``key`` for ``request`` (JSON: what is asked of whom), waiting while another transaction holds it.

    Keys are the caller's own: two API keys never meet in one. Raises ``IdempotencyMismatch`` when the key was used for
    another request. If the transaction fails the key is free again.
    """
    key_hash, request_hash = _hash(key), _hash(json.dumps(request, sort_keys=True, separators=(",", ":")))
    store.expire_answer(tx, merchant_id, caller_id, key_hash, now - IDEMPOTENCY_LIFE)
    if store.claim(tx, merchant_id, caller_id, key_hash, request_hash=request_hash, now=now):
        return Claim(merchant_id, caller_id, key_hash)
    asked, answer = store.answered(tx, merchant_id, caller_id, key_hash)
    if asked != request_hash:
        raise IdempotencyMismatch(key=key)
    return Claim(merchant_id, caller_id, key_hash, json.loads(answer))


def answered(tx: Transaction, merchant_id: str, caller_id: str, *, key: str, request: Any, now: int) -> Any:
    """Return what was answered to ``request`` under ``key``, ``None`` if nothing was yet; takes nothing.

    For work that opens its transactions itself, and claims the key in the one that counts. Raises
    ``IdempotencyMismatch`` when the key was used for another request.
    """
    found = store.remembered(tx, merchant_id, caller_id, _hash(key), now - IDEMPOTENCY_LIFE)
    if found is None:
        return None
    asked, answer = found
    if asked != _hash(json.dumps(request, sort_keys=True, separators=(",", ":"))):
        raise IdempotencyMismatch(key=key)
    return json.loads(answer)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
