"""A person's rights over what is known of them, over HTTP: a copy of it, and being forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field

from guanxi.access import Action, Permission
from guanxi.access.service import idempotency, trail
from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of, service
from guanxi.api.document import problems
from guanxi.api.idempotency import REPLAYED, IdempotencyKey
from guanxi.api.members import MemberId, Reason
from guanxi.api.person_export import PersonExport
from guanxi.api.values import Input, Instant, Output
from guanxi.customers.privacy.model import Erasure, State
from guanxi.customers.privacy.service import Privacy
from guanxi.kernel.clock import day_to_date
from guanxi.kernel.errors import NotFound
from guanxi.storage.database import Transaction
from guanxi.storage.merchants import get_merchant

router = APIRouter(prefix="/v1", tags=["privacy"])

Exporter = Annotated[Caller, require(Permission.MEMBERS_EXPORT)]
Eraser = Annotated[Caller, require(Permission.MEMBERS_ERASE)]
Context = Annotated[ApiContext, Depends(context_of)]
PrivacyService = Annotated[Privacy, service(Privacy)]
ErasureId = Annotated[str, Path(pattern=r"^ers_[0-9a-hjkmnp-tv-z]{24}$")]


class RightInput(Input):
    """Why it is done."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "会员书面申请"}})

    reason: Reason = ""


class ErasureView(Output):
    """How far an erasure has come. It does not say whom it is about."""

    id: str
    state: State = Field(
        description="`asked`: the database holds nothing more of them; `mended`: nor do others' records depend on"
        " their events; `wiped`: the event log is rewritten; `done`: no file holds a remnant"
    )
    asked_at: Instant
    done_at: Instant | None


def _view(one: Erasure) -> ErasureView:
    return ErasureView(id=one.erasure_id, state=one.state, asked_at=one.asked_at, done_at=one.done_at or None)


@router.post(
    "/members/{member_id}/export",
    response_model=PersonExport,
    openapi_extra={"requestBody": {"content": {"application/json": {"example": {"reason": "会员书面申请"}}}}},
)
def export_member(
    member_id: MemberId, body: RightInput, caller: Exporter, context: Context, privacy: PrivacyService
) -> StreamingResponse:
    """Return everything known of a member, in full, as a file. The audit trail records each time, and why."""
    now = context.clock.now()
    pieces = _pieces(context, caller, privacy, member_id, now)
    first = next(pieces)  # nobody is told that a file follows before it is certain that there is somebody
    with context.database.transaction() as tx:
        trail.record(
            tx,
            caller.merchant_id,
            Action.MEMBER_EXPORTED,
            by=caller.actor,
            now=now,
            target=member_id,
            reason=body.reason,
        )
        day = get_merchant(tx, caller.merchant_id).days.day(now)
    name = f"{member_id}-{day_to_date(day).isoformat()}.json"
    return StreamingResponse(
        chain([first], pieces),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _pieces(
    context: ApiContext, caller: Caller, privacy: Privacy, member_id: str, now: int
) -> Iterator[bytes]:
    with context.database.reading() as tx:
        merchant = get_merchant(tx, caller.merchant_id)
        yield from privacy.export_person(tx, merchant, member_id, now=now)


@router.post(
    "/members/{member_id}/erasure",
    status_code=202,
    responses=problems(409, 503),
    openapi_extra={"requestBody": {"content": {"application/json": {"example": {"reason": "会员书面申请"}}}}},
)
def erase_member(
    member_id: MemberId,
    body: RightInput,
    caller: Eraser,
    context: Context,
    privacy: PrivacyService,
    response: Response,
    key: IdempotencyKey = None,
) -> ErasureView:
    """Forget a member for good: in the database at once, in the event log and its files within minutes.

    Everything sent before the request is forgotten, what comes after it is a stranger's. Asked again while it is under
    way, the answer is the same erasure; with an `Idempotency-Key` also for a day after it is through, and the same
    idempotency key with another body is a conflict. Unavailable while so many events wait to be taken in that it is
    not known yet which are theirs.
    """
    privacy.catch_up(caller.merchant_id)
    now = context.clock.now()
    with context.database.transaction() as tx:
        claim = None
        if key is not None:
            asked = ["POST /v1/members/{member_id}/erasure", member_id, body.model_dump(mode="json")]
            claim = idempotency.claim(
                tx, caller.merchant_id, caller.key.key_id, key=key, request=asked, now=now
            )
            if claim.replayed:
                response.headers[REPLAYED] = "true"
                return _view(privacy.erasure(tx, caller.merchant_id, claim.before))
        erasure = _erase(tx, caller, privacy, member_id, body.reason, now)
        if claim is not None:
            claim.answer(tx, erasure.erasure_id)
    return _view(erasure)


def _erase(
    tx: Transaction, caller: Caller, privacy: Privacy, member_id: str, reason: str, now: int
) -> Erasure:
    merchant = get_merchant(tx, caller.merchant_id)
    try:
        erasure = privacy.request(tx, merchant, member_id, by=caller.key.key_id, now=now)
    except NotFound:
        begun = privacy.under_way(tx, caller.merchant_id, member_id)
        if begun is None:
            raise
        return begun
    trail.record(
        tx,
        caller.merchant_id,
        Action.MEMBER_ERASED,
        by=caller.actor,
        now=now,
        target=member_id,
        reason=reason,
    )
    return erasure


@router.get("/erasures/{erasure_id}")
def get_erasure(
    erasure_id: ErasureId, caller: Eraser, context: Context, privacy: PrivacyService
) -> ErasureView:
    """Return how far an erasure has come."""
    with context.database.reading() as tx:
        return _view(privacy.erasure(tx, caller.merchant_id, erasure_id))
