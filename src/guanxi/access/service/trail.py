"""The audit trail: who did what, when, from where, and why they said they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.access.model import AuditEntry
from guanxi.access.store import trail as store
from guanxi.kernel.ids import fresh
from guanxi.kernel.paging import Page, read_cursor, write_cursor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guanxi.access.actions import Action
    from guanxi.access.model import Actor
    from guanxi.storage.database import Transaction

REASON_MAX = 500


def record(
    tx: Transaction,
    merchant_id: str,
    action: Action,
    *,
    by: Actor,
    now: int,
    target: str = "",
    reason: str = "",
    detail: Mapping[str, object] | None = None,
) -> None:
    """Add a line, in the transaction of what it tells about.

    ``target`` is the id of what was touched, ``detail`` JSON values without anything personal. A look at something
    personal is recorded before it is shown, with the member's id as the target.
    """
    store.append(
        tx,
        AuditEntry(
            merchant_id=merchant_id,
            time=now,
            entry_id=fresh("aud"),
            actor_kind=by.kind,
            actor_id=by.id,
            actor_name=by.name,
            action=action,
            target=target,
            reason=reason.replace("\x00", "")[:REASON_MAX],
            address=by.address,
            request_id=by.request_id,
            detail=dict(detail or {}),
        ),
    )


def entries(
    tx: Transaction,
    merchant_id: str,
    *,
    action: Action | None = None,
    actor_id: str | None = None,
    target: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[AuditEntry]:
    """Return lines, newest first; raises ``InvalidCursor``."""
    before: tuple[int, str] | None = None
    if cursor is not None:
        time, entry_id = read_cursor(cursor, int, str)
        before = (time, entry_id)
    found = store.page(
        tx, merchant_id, action=action, actor_id=actor_id, target=target, before=before, limit=limit + 1
    )
    more = len(found) > limit
    items = found[:limit]
    return Page(items, write_cursor(items[-1].time, items[-1].entry_id) if more else None)
