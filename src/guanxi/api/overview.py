"""The merchant's figures over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from guanxi.access import Permission
from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of, service
from guanxi.api.values import Day, Output
from guanxi.customers.members.model import Period
from guanxi.customers.members.service import Members
from guanxi.storage.merchants import get_merchant

router = APIRouter(prefix="/v1/overview", tags=["insight"])


class DayView(Output):
    """One day."""

    day: Day
    orders: int
    gmv: int
    active: int
    new_members: int


class PeriodView(Output):
    """Some days together; a member active on several counts once."""

    from_day: Day
    until_day: Day = Field(description="the day after the last")
    orders: int
    gmv: int
    active: int
    new_members: int


class OverviewView(Output):
    """Figures of all time, of a window, and of as many days before it; money in fen."""

    members: int
    visitors: int
    orders: int
    gmv: int
    window: PeriodView
    before: PeriodView
    days: list[DayView]


@router.get("")
def get_overview(
    caller: Annotated[Caller, require(Permission.INSIGHT_READ)],
    context: Annotated[ApiContext, Depends(context_of)],
    members: Annotated[Members, service(Members)],
    days: Annotated[int, Query(ge=1, le=366, description="length of the window, which ends today")] = 90,
) -> OverviewView:
    """Return members, orders, money and activity."""
    with context.database.reading() as tx:
        merchant = get_merchant(tx, caller.merchant_id)
        found = members.overview(tx, merchant, merchant.days.day(context.clock.now()), days)
    return OverviewView(
        members=found.members,
        visitors=found.visitors,
        orders=found.orders,
        gmv=found.gmv,
        window=_period(found.window),
        before=_period(found.before),
        days=[
            DayView(
                day=one.day, orders=one.orders, gmv=one.gmv, active=one.active, new_members=one.new_members
            )
            for one in found.days
        ],
    )


def _period(one: Period) -> PeriodView:
    return PeriodView(
        from_day=one.from_day,
        until_day=one.until_day,
        orders=one.orders,
        gmv=one.gmv,
        active=one.active,
        new_members=one.new_members,
    )
