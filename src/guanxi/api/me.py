"""Who am I: what a key is and may do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of
from guanxi.api.keys import KeyView, view
from guanxi.api.values import Output
from guanxi.storage.merchants import get_merchant

router = APIRouter(prefix="/v1", tags=["access"])


class MerchantView(Output):
    """The merchant that a key belongs to."""

    id: str
    name: str
    timezone: str
    currency: str


class LimitView(Output):
    """How often the key may ask this process."""

    per_second: int
    burst: int


class Me(Output):
    """The key that asks, with its scopes."""

    key: KeyView
    merchant: MerchantView
    limit: LimitView


@router.get("/me")
def who_am_i(caller: Annotated[Caller, require()], context: Annotated[ApiContext, Depends(context_of)]) -> Me:
    """Say who is asking: the key, its scopes, its merchant and its limits."""
    with context.database.reading() as tx:
        merchant = get_merchant(tx, caller.merchant_id)
    limit = context.limits.of(caller.key.kind)
    return Me(
        key=view(caller.key),
        merchant=MerchantView(
            id=merchant.merchant_id,
            name=merchant.name,
            timezone=merchant.timezone,
            currency=merchant.currency,
        ),
        limit=LimitView(per_second=limit.per_second, burst=limit.burst),
    )
