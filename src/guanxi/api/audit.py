"""The audit trail over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from guanxi.access import Action, ActorKind, AuditEntry, Permission
from guanxi.access.service import trail
from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of
from guanxi.api.paging import PageAsked, Paged
from guanxi.api.problems import BothLanguages
from guanxi.api.values import Instant, Output

router = APIRouter(prefix="/v1/audit", tags=["access"])

PublicId = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_.:-]+$", min_length=1, max_length=64)]


class ActorView(Output):
    """Whoever did something, as they were called then."""

    kind: ActorKind
    id: str
    name: str


class EntryView(Output):
    """One line of the trail."""

    id: str
    time: Instant
    actor: ActorView
    action: Action
    label: BothLanguages
    target: str = Field(description="id of what was touched")
    reason: str
    address: str = Field(description="network address the request came from, empty if none")
    request_id: str
    detail: dict[str, Any]


class AuditPage(Paged[EntryView]):
    """Some lines, newest first."""


@router.get("")
def list_audit(
    caller: Annotated[Caller, require(Permission.AUDIT_READ)],
    context: Annotated[ApiContext, Depends(context_of)],
    page: PageAsked,
    action: Annotated[Action | None, Query(description="only this action")] = None,
    actor: PublicId = None,
    target: PublicId = None,
) -> AuditPage:
    """List who did what, newest first: every change of access and every look at something personal."""
    with context.database.reading() as tx:
        found = trail.entries(
            tx,
            caller.merchant_id,
            action=action,
            actor_id=actor,
            target=target,
            cursor=page.cursor,
            limit=page.limit,
        )
    return AuditPage(items=[_view(entry) for entry in found.items], next_cursor=found.next_cursor)


def _view(entry: AuditEntry) -> EntryView:
    return EntryView(
        id=entry.entry_id,
        time=entry.time,
        actor=ActorView(kind=entry.actor_kind, id=entry.actor_id, name=entry.actor_name),
        action=entry.action,
        label=BothLanguages(zh=entry.action.label.zh, en=entry.action.label.en),
        target=entry.target,
        reason=entry.reason,
        address=entry.address,
        request_id=entry.request_id,
        detail=entry.detail,
    )
