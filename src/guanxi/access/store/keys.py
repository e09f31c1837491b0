"""API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, insert, or_, select, update

from guanxi.access.decide import read_permissions
from guanxi.access.model import Key, KeyKind
from guanxi.access.schema import access_key

if TYPE_CHECKING:
    from typing import Any

    from guanxi.storage.database import Transaction

_k = access_key.c
_COLUMNS = [column for column in _k if column.name != "secret_hash"]


def _key(row: Any) -> Key:
    return Key(
        merchant_id=row.merchant_id,
        key_id=row.key_id,
        kind=KeyKind(row.kind),
        name=row.name,
        hint=row.hint,
        scopes=read_permissions(row.scopes.split()),
        account=row.account,
        channel=row.channel,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def add(tx: Transaction, key: Key, secret_hash: bytes) -> None:
    """Store a new key under its secret's hash."""
    tx.conn.execute(
        insert(access_key).values(
            merchant_id=key.merchant_id,
            key_id=key.key_id,
            kind=key.kind.value,
            name=key.name,
            hint=key.hint,
            scopes=" ".join(sorted(key.scopes)),
            account=key.account,
            channel=key.channel,
            created_by=key.created_by,
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            last_used_at=key.last_used_at,
            secret_hash=secret_hash,
        )
    )


def by_secret(tx: Transaction, secret_hash: bytes) -> Key | None:
    """Return the key whose secret has this hash, whoever's it is."""
    row = tx.conn.execute(select(*_COLUMNS).where(_k.secret_hash == secret_hash)).one_or_none()
    return None if row is None else _key(row)


def by_id(tx: Transaction, merchant_id: str, key_id: str) -> Key | None:
    """Return a merchant's key."""
    row = tx.conn.execute(
        select(*_COLUMNS).where(_k.merchant_id == merchant_id, _k.key_id == key_id)
    ).one_or_none()
    return None if row is None else _key(row)


def page(tx: Transaction, merchant_id: str, before: tuple[int, str] | None, limit: int) -> list[Key]:
    """Return keys newest first, those that come after ``(created_at, key_id)``."""
    query = select(*_COLUMNS).where(_k.merchant_id == merchant_id)
    if before is not None:
        created_at, key_id = before
        query = query.where(
            or_(_k.created_at < created_at, and_(_k.created_at == created_at, _k.key_id < key_id))
        )
    query = query.order_by(_k.created_at.desc(), _k.key_id.desc()).limit(limit)
    return [_key(row) for row in tx.conn.execute(query)]


def revoke(tx: Transaction, merchant_id: str, key_id: str, now: int) -> None:
    """Mark a key as revoked unless it is already."""
    tx.conn.execute(
        update(access_key)
        .where(_k.merchant_id == merchant_id, _k.key_id == key_id, _k.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def mark_used(tx: Transaction, merchant_id: str, key_id: str, now: int, before: int) -> None:
    """Record that a key was used, unless that was recorded at or after ``before``."""
    tx.conn.execute(
        update(access_key)
        .where(
            _k.merchant_id == merchant_id,
            _k.key_id == key_id,
            or_(_k.last_used_at.is_(None), _k.last_used_at < before),
        )
        .values(last_used_at=now)
    )
