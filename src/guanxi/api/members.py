"""Members over HTTP: found, read, and what was said about who they are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import ConfigDict, Field

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of, service
from guanxi.api.document import problems
from guanxi.api.happenings import EventPage, event_view
from guanxi.api.member_views import LineView, MemberPage, MemberView, line_view, member_view
from guanxi.api.paging import PageAsked
from guanxi.api.values import Input, Output
from guanxi.customers.members.model import Sort
from guanxi.customers.members.service import Members
from guanxi.storage.merchants import get_merchant

router = APIRouter(prefix="/v1", tags=["members"])

Reader = Annotated[Caller, require(Permission.MEMBERS_READ)]
Seer = Annotated[Caller, require(Permission.MEMBERS_READ, Permission.MEMBERS_PII)]
Decider = Annotated[Caller, require(Permission.IDENTITY_EDIT)]
Context = Annotated[ApiContext, Depends(context_of)]
MembersService = Annotated[Members, service(Members)]
MEMBER_ID = r"^mbr_[0-9a-f][0-9a-hjkmnp-tv-z]{12}$"
IDENTITY_ID = r"^idn_[0-9a-f][0-9a-hjkmnp-tv-z]{12}$"
MemberId = Annotated[str, Path(pattern=MEMBER_ID, description="of any identity the member ever had")]
IdentityId = Annotated[str, Path(pattern=IDENTITY_ID)]
Reason = Annotated[
    str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="why, for the audit trail")
]


@router.get("/members")
def list_members(
    caller: Reader,
    context: Context,
    members: MembersService,
    page: PageAsked,
    query: Annotated[
        str | None,
        Query(
            max_length=100,
            pattern=r"^[^\x00-\x1f\x7f]*$",
            description="a phone in any spelling, its last four digits, a member number or other identity, a name or"
            " pieces of one, or a public id",
        ),
    ] = None,
    sort: Annotated[Sort, Query(description="by when they were first met")] = Sort.NEWEST,
    who: Annotated[
        Literal["known", "everybody"],
        Query(description="`known` members have more than a device; `everybody` lists visitors as well"),
    ] = "known",
) -> MemberPage:
    """List members, or find some. Phones are masked."""
    with context.database.reading() as tx:
        found = members.list_members(
            tx,
            get_merchant(tx, caller.merchant_id),
            query=query,
            sort=sort,
            visitors=who == "everybody",
            cursor=page.cursor,
            limit=page.limit,
        )
    return MemberPage(items=[line_view(one) for one in found.items], next_cursor=found.next_cursor)


@router.get("/members/{member_id}")
def get_member(member_id: MemberId, caller: Reader, context: Context, members: MembersService) -> MemberView:
    """Return everything about a member but their events. Personal values are left out, all but names."""
    with context.database.reading() as tx:
        merchant = get_merchant(tx, caller.merchant_id)
        return member_view(members.get_member(tx, merchant, member_id, personal=False))


@router.get("/members/{member_id}/timeline")
def list_timeline(
    member_id: MemberId,
    caller: Reader,
    context: Context,
    members: MembersService,
    page: PageAsked,
    personal: Annotated[
        Literal["sealed", "open"],
        Query(description="`open` needs the scope members.pii, and the audit trail keeps it"),
    ] = "sealed",
) -> EventPage:
    """List what a member did, the latest first."""
    shown = personal == "open"
    if shown:
        caller.need(Permission.MEMBERS_PII)
    with context.database.reading() as tx:
        merchant = get_merchant(tx, caller.merchant_id)
        found = members.timeline(
            tx, merchant, member_id, personal=shown, before=page.cursor, limit=page.limit
        )
    if shown:
        _record(context, caller, Action.PERSONAL_SEEN, member_id)
    return EventPage(items=[event_view(one) for one in found.items], next_cursor=found.next_cursor)


class RevealInput(Input):
    """Why somebody looks."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "客户来电核对手机号"}})

    reason: Reason


class Revealed(Output):
    """An identity in full."""

    identity_id: str
    value: str


@router.post(
    "/members/{member_id}/identities/{identity_id}/reveal",
    responses=problems(409),
    openapi_extra={
        "requestBody": {"content": {"application/json": {"example": {"reason": "客户来电核对手机号"}}}}
    },
)
def reveal_identity(
    member_id: MemberId,
    identity_id: IdentityId,
    body: RevealInput,
    caller: Seer,
    context: Context,
    members: MembersService,
) -> Revealed:
    """Return an identity's value in full, such as a whole phone number. The audit trail records who looked and why."""
    with context.database.transaction() as tx:
        merchant = get_merchant(tx, caller.merchant_id)
        shown = members.reveal(tx, merchant, member_id, identity_id)
        trail.record(
            tx,
            caller.merchant_id,
            Action.PHONE_SEEN if shown.type == "phone" else Action.IDENTITY_SEEN,
            by=caller.actor,
            now=context.clock.now(),
            target=member_id,
            reason=body.reason,
            detail={"identity": identity_id},
        )
    return Revealed(identity_id=identity_id, value=shown.value)


class PairInput(Input):
    """Two identities."""

    one: Annotated[str, Field(pattern=IDENTITY_ID)]
    other: Annotated[str, Field(pattern=IDENTITY_ID)]
    reason: Reason = ""


class PairHolders(Output):
    """Who has the two identities now: two ids, equal if it is one person."""

    one: LineView
    other: LineView


@router.post("/identities/separate", responses=problems(404, 409))
def separate_identities(
    body: PairInput, caller: Decider, context: Context, members: MembersService
) -> PairHolders:
    """Decide that two identities are not one person's. No evidence is lost: withdrawing it restores what was."""
    return _decide(members.separate, Action.MEMBERS_SEPARATED, body, caller, context, members)


@router.post("/identities/join", responses=problems(404, 409))
def join_identities(
    body: PairInput, caller: Decider, context: Context, members: MembersService
) -> PairHolders:
    """Decide that two identities are one person's; a conflict if they cannot be."""
    return _decide(members.join, Action.MEMBERS_JOINED, body, caller, context, members)


@router.post("/identities/withdraw", responses=problems(404, 409))
def withdraw_decision(
    body: PairInput, caller: Decider, context: Context, members: MembersService
) -> PairHolders:
    """Take back what was decided about two identities, as if nothing ever had been."""
    return _decide(members.withdraw, Action.DECISION_WITHDRAWN, body, caller, context, members)


def _decide(
    way: Any, action: Action, body: PairInput, caller: Caller, context: ApiContext, members: Members
) -> PairHolders:
    now = context.clock.now()
    with context.database.transaction() as tx:
        merchant = get_merchant(tx, caller.merchant_id)
        ids = way(tx, merchant, body.one, body.other, by=caller.key.key_id, now=now)
        lines = [
            members.list_members(tx, merchant, query=one, visitors=True, limit=1).items[0] for one in ids
        ]
        trail.record(
            tx,
            caller.merchant_id,
            action,
            by=caller.actor,
            now=now,
            target=ids[0],
            reason=body.reason,
            detail={"one": body.one, "other": body.other},
        )
    return PairHolders(one=line_view(lines[0]), other=line_view(lines[1]))


def _record(context: ApiContext, caller: Caller, action: Action, member_id: str) -> None:
    with context.database.transaction() as tx:
        now = context.clock.now()
        trail.record(tx, caller.merchant_id, action, by=caller.actor, now=now, target=member_id)
