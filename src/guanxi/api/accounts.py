"""The merchant's enterprise accounts over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of
from guanxi.api.values import Input, Instant, Name, Output, Slug
from guanxi.customers.accounts import service as accounts
from guanxi.customers.accounts.model import Account, AccountKind, Platform

router = APIRouter(prefix="/v1/accounts", tags=["settings"])

Context = Annotated[ApiContext, Depends(context_of)]


class AccountInput(Input):
    """An enterprise account; events that carry its key belong to it, earlier ones too."""

    key: Slug
    name: Name
    platform: Platform
    kind: AccountKind


class AccountView(Output):
    """An enterprise account."""

    id: str = Field(description="the key that its events carry")
    name: str
    platform: Platform | None
    kind: AccountKind | None
    created_at: Instant | None = Field(description="null if it is only known from events")
    events: int = Field(description="how many it sent, of all time")


class AccountList(Output):
    """Every account of the merchant, those that are only known from events last."""

    items: list[AccountView]


@router.get("")
def list_accounts(
    caller: Annotated[Caller, require(Permission.EVENTS_READ)], context: Context
) -> AccountList:
    """List the enterprise accounts, declared or met in events."""
    with context.database.reading() as tx:
        declared = accounts.list_accounts(tx, caller.merchant_id)
    counts = context.log.accounts(caller.merchant_id)
    items = [_view(one, counts.pop(one.key, 0)) for one in declared]
    items += [
        AccountView(id=key, name="", platform=None, kind=None, created_at=None, events=counts[key])
        for key in sorted(counts)
        if key
    ]
    return AccountList(items=items)


@router.post("")
def save_account(
    body: AccountInput,
    caller: Annotated[Caller, require(Permission.SETTINGS_MANAGE)],
    context: Context,
) -> AccountView:
    """Declare an account, or change the name, platform and kind of one."""
    now = context.clock.now()
    with context.database.transaction() as tx:
        saved = accounts.save_account(
            tx,
            caller.merchant_id,
            body.key,
            name=body.name,
            platform=body.platform,
            kind=body.kind,
            now=now,
        )
        trail.record(
            tx,
            caller.merchant_id,
            Action.SETTINGS_CHANGED,
            by=caller.actor,
            now=now,
            target=body.key,
            detail={"account": body.key},
        )
    return _view(saved, context.log.accounts(caller.merchant_id).get(saved.key, 0))


def _view(one: Account, events: int) -> AccountView:
    return AccountView(
        id=one.key,
        name=one.name,
        platform=one.platform,
        kind=one.kind,
        created_at=one.created_at,
        events=events,
    )
