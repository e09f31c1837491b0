"""The audit trail and remembered answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, insert, or_, select, text, update

from guanxi.access.actions import Action
from guanxi.access.model import ActorKind, AuditEntry
from guanxi.access.schema import access_audit, access_idempotency

if TYPE_CHECKING:
    from typing import Any

    from guanxi.storage.database import Transaction

_a = access_audit.c
_i = access_idempotency.c


def append(tx: Transaction, entry: AuditEntry) -> None:
    """Add a line."""
    tx.conn.execute(
        insert(access_audit).values(
            merchant_id=entry.merchant_id,
            time=entry.time,
            entry_id=entry.entry_id,
            actor_kind=entry.actor_kind.value,
            actor_id=entry.actor_id,
            actor_name=entry.actor_name,
            action=entry.action.value,
            target=entry.target,
            reason=entry.reason,
            address=entry.address,
            request_id=entry.request_id,
            detail=json.dumps(entry.detail, ensure_ascii=False, sort_keys=True),
        )
    )


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        merchant_id=row.merchant_id,
        time=row.time,
        entry_id=row.entry_id,
        actor_kind=ActorKind(row.actor_kind),
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        action=Action(row.action),
        target=row.target,
        reason=row.reason,
        address=row.address,
        request_id=row.request_id,
        detail=json.loads(row.detail),
    )


def page(
    tx: Transaction,
    merchant_id: str,
    *,
    action: Action | None,
    actor_id: str | None,
    target: str | None,
    before: tuple[int, str] | None,
    limit: int,
) -> list[AuditEntry]:
    """Return lines newest first, those that come after ``(time, entry_id)``."""
    query = select(access_audit).where(_a.merchant_id == merchant_id)
    if action is not None:
        query = query.where(_a.action == action.value)
    if actor_id is not None:
        query = query.where(_a.actor_id == actor_id)
    if target is not None:
        query = query.where(_a.target == target)
    if before is not None:
        time, entry_id = before
        query = query.where(or_(_a.time < time, and_(_a.time == time, _a.entry_id < entry_id)))
    query = query.order_by(_a.time.desc(), _a.entry_id.desc()).limit(limit)
    return [_entry(row) for row in tx.conn.execute(query)]


def claim(
    tx: Transaction, merchant_id: str, caller_id: str, key_hash: bytes, *, request_hash: bytes, now: int
) -> bool:
    """Take an idempotency key for this transaction; waits for another that holds it. Says whether it was free."""
    taken = tx.conn.execute(
        text(
            "INSERT INTO access_idempotency (merchant_id, caller_id, key_hash, request_hash, answer, created_at)"
            " VALUES (:m, :c, :k, :r, '', :now) ON CONFLICT (merchant_id, caller_id, key_hash) DO NOTHING"
            " RETURNING created_at"
        ),
        {"m": merchant_id, "c": caller_id, "k": key_hash, "r": request_hash, "now": now},
    )
    return taken.first() is not None


def answered(tx: Transaction, merchant_id: str, caller_id: str, key_hash: bytes) -> tuple[bytes, str]:
    """Return the hash of the request that a claimed key belongs to, and what was answered."""
    row = tx.conn.execute(
        select(_i.request_hash, _i.answer).where(
            _i.merchant_id == merchant_id, _i.caller_id == caller_id, _i.key_hash == key_hash
        )
    ).one()
    return row.request_hash, row.answer


def remembered(
    tx: Transaction, merchant_id: str, caller_id: str, key_hash: bytes, since: int
) -> tuple[bytes, str] | None:
    """Return the hash of the request and the answer under a key that was claimed at or after ``since``."""
    row = tx.conn.execute(
        select(_i.request_hash, _i.answer).where(
            _i.merchant_id == merchant_id,
            _i.caller_id == caller_id,
            _i.key_hash == key_hash,
            _i.created_at >= since,
        )
    ).first()
    return (row.request_hash, row.answer) if row else None


def answer(tx: Transaction, merchant_id: str, caller_id: str, key_hash: bytes, text_: str) -> None:
    """Remember what was answered under a key claimed in this transaction."""
    tx.conn.execute(
        update(access_idempotency)
        .where(_i.merchant_id == merchant_id, _i.caller_id == caller_id, _i.key_hash == key_hash)
        .values(answer=text_)
    )


def expire_answer(tx: Transaction, merchant_id: str, caller_id: str, key_hash: bytes, before: int) -> None:
    """Forget one remembered answer if it is older than ``before``."""
    tx.conn.execute(
        delete(access_idempotency).where(
            _i.merchant_id == merchant_id,
            _i.caller_id == caller_id,
            _i.key_hash == key_hash,
            _i.created_at < before,
        )
    )


def prune_answers(tx: Transaction, before: int) -> None:
    """Forget every remembered answer older than ``before``."""
    tx.conn.execute(delete(access_idempotency).where(_i.created_at < before))
