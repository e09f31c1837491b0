"""The overview page, its figures' definitions, and the latest activity."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.access.service import people
from guanxi.console import formats
from guanxi.console.home.figures import FIGURES
from guanxi.console.i18n import N_
from guanxi.console.members import story
from guanxi.console.members.list import BehindPeriod, behind_params
from guanxi.console.places import HEALTH, HOME, MEMBERS, SETTINGS, first_place
from guanxi.console.render import path
from guanxi.console.session import Asked, Page, go
from guanxi.console.shell import ListView
from guanxi.customers.accounts.service import list_accounts
from guanxi.customers.members.decide import TOLD
from guanxi.customers.members.model import Behind, DayFigures, MemberLine, Overview
from guanxi.customers.members.service import Members
from guanxi.kernel.clock import day_to_date
from guanxi.kernel.errors import NotFound
from guanxi.storage.database import Transaction

_SPANS: Final = (7, 30, 90)
_LATEST: Final = 8
_BEHIND: Final = {"gmv": Behind.ORDERS, "orders": Behind.ORDERS, "active": Behind.ACTIVE}


def pages() -> list[Page]:
    """Return the pages of the overview."""
    return [
        Page(HOME, show),
        Page("/console/latest", latest, Permission.INSIGHT_READ),
        Page("/console/figures/{key}", definition, Permission.INSIGHT_READ),
    ]


def show(asked: Asked) -> Response:
    """Show the figures of the last 7, 30 or 90 days beside those before; who may not see them begins elsewhere."""
    if not asked.may(Permission.INSIGHT_READ):
        return go(first_place(asked.visitor.permissions))
    span = _span(asked)
    with asked.context.database.reading() as tx:
        end = _end(asked, tx)
        found = asked.service(Members).overview(tx, asked.merchant, end, span)
    return asked.render(
        "home/overview.html",
        span=span,
        spans=[
            {"key": str(one), "label": asked.say(N_("%(days)s days"), days=one), "href": f"{HOME}?days={one}"}
            for one in _SPANS
        ],
        found=found,
        figures=_figures(asked, found, span),
        charts=_charts(asked, found),
        summary=_peak(asked, found.days),
        until=_until(asked, found.days),
        empty=not (found.members or found.visitors or found.orders),
        keys=f"{SETTINGS}/keys/new" if asked.may(Permission.KEYS_MANAGE) else "",
        health=HEALTH if asked.may(Permission.HEALTH_READ) else "",
        address=str(asked.request.base_url).rstrip("/"),
    )


def _span(asked: Asked) -> int:
    wanted = asked.query.get("days", "")
    return int(wanted) if wanted in {str(one) for one in _SPANS} else 30


def _end(asked: Asked, tx: Transaction) -> int:
    """Return the day on which the periods end: today, or the last with data where demonstration data have an end."""
    if not asked.merchant.note:
        return asked.today
    last = asked.service(Members).last_day(tx, asked.merchant)
    return asked.today if last is None else min(last, asked.today)


def _figures(asked: Asked, found: Overview, span: int) -> list[dict[str, Any]]:
    now, before, days, language = found.window, found.before, found.days, asked.language
    last = asked.say(N_("last %(days)s days"), days=span)
    against = asked.say(N_("than the %(days)s days before"), days=span)
    gmv = formats.money_compact(now.gmv, language, asked.merchant.currency)
    orders, active = formats.compact(now.orders, language), formats.compact(now.active, language)
    lines = [
        ("gmv", gmv, "", now.gmv, before.gmv, [one.gmv for one in days]),
        ("orders", orders, N_("orders"), now.orders, before.orders, [one.orders for one in days]),
        ("active", active, N_("people"), now.active, before.active, [one.active for one in days]),
    ]
    figures = [
        {
            "key": key,
            "value": value,
            "unit": asked.say(unit) if unit else "",
            "period": last,
            "change": _change(one, other, against),
            "trend": trend,
        }
        for key, value, unit, one, other, trend in lines
    ]
    figures.append(_members(asked, found, span))
    for one in figures:
        key = str(one["key"])
        one.update(label=asked.say(FIGURES[key].label), href=f"{path('console', 'figures', key)}?days={span}")
    return figures


def _members(asked: Asked, found: Overview, span: int) -> dict[str, Any]:
    now, before = found.window.new_members, found.before.new_members
    said = N_("new in %(days)s days, %(before)s in those before")
    return {
        "key": "members",
        "value": formats.compact(found.members, asked.language),
        "unit": asked.say(N_("people")),
        "period": asked.say(N_("so far")),
        "change": {
            "text": formats.number(now),
            "good": None,
            "against": asked.say(said, days=span, before=formats.number(before)),
        }
        if now
        else None,
        "trend": [one.new_members for one in found.days],
    }


def _change(now: int, before: int, against: str) -> dict[str, Any] | None:
    """Compare with the period before; nothing can be said against nothing."""
    if before == 0:
        return None
    text = formats.percent(Fraction(now - before, before), plus=True)
    return {
        "text": text,
        "good": None if text[0] not in "+-" else now > before,
        "against": against,
    }


def _charts(asked: Asked, found: Overview) -> dict[str, dict[str, Any]]:
    days = found.days
    x = [day_to_date(one.day).isoformat() for one in days]

    def chart(kind: str, unit: str, *series: tuple[str, list[int]]) -> dict[str, Any]:
        named = [{"name": asked.say(name), "values": values} for name, values in series]
        return {"kind": kind, "unit": unit, "x": x, "series": named}

    return {
        "gmv": chart("line", "fen", (N_("GMV"), [one.gmv for one in days])),
        "orders": chart("bar", "count", (N_("Orders"), [one.orders for one in days])),
        "active": chart(
            "line",
            "count",
            (N_("Active members"), [one.active for one in days]),
        ),
        "new": chart("bar", "count", (N_("New members"), [one.new_members for one in days])),
    }


def _peak(asked: Asked, days: tuple[DayFigures, ...]) -> str:
    top = max(days, key=lambda one: one.gmv, default=None)
    if top is None:
        return ""
    return asked.say(
        N_("Highest on %(day)s: %(gmv)s from %(orders)s orders by %(active)s members."),
        day=formats.date(top.day, asked.language, "short"),
        gmv=formats.money_compact(top.gmv, asked.language, asked.merchant.currency),
        orders=formats.number(top.orders),
        active=formats.number(top.active),
    )


def _until(asked: Asked, days: tuple[DayFigures, ...]) -> str:
    """Name the last day that has any data, unless it is today or yesterday: a quiet week is not a lost one.

    Demonstration data always say where they end.
    """
    if asked.merchant.note and days:
        said = N_("demonstration data until %(day)s, where the periods end")
        return asked.say(said, day=formats.date(days[-1].day, asked.language))
    last = max((one.day for one in days if one.active), default=None)
    if last is None or last >= asked.today - 1:
        return ""
    return asked.say(N_("data until %(day)s"), day=formats.date(last, asked.language))


def definition(asked: Asked) -> Response:
    """Say what a figure means, with its values on each day."""
    key = asked.part("key")
    found = FIGURES.get(key)
    if found is None:
        raise NotFound(what_zh="指标", what_en="figure", key=key)
    return asked.render(
        "home/figure.html",
        key=key,
        href=f"{path('console', 'figures', key)}?days={_span(asked)}",
        found=found,
        members=_members_behind(asked, key),
        home=HOME,
    )


def _members_behind(asked: Asked, key: str) -> str:
    """Return the address of the members behind a figure in the period that was looked at."""
    what = _BEHIND.get(key)
    if what is None:
        return MEMBERS
    with asked.context.database.reading() as tx:
        end = _end(asked, tx)
    period = BehindPeriod(what, end + 1 - _span(asked), end)
    return ListView(path=MEMBERS, params=behind_params(period)).address()


def latest(asked: Asked) -> Response:
    """Show what came last."""
    with asked.context.database.reading() as tx:
        came = asked.service(Members).events(tx, asked.merchant, limit=_LATEST, besides=TOLD).items
        events = sorted(came, key=lambda event: event.time, reverse=True)
        accounts = {one.key: one.name for one in list_accounts(tx, asked.merchant_id)}
        staff = {one.person.person_id: one.person.name for one in people.list_staff(tx, asked.merchant_id)}
        lines: dict[str, MemberLine] = {}
        if asked.may(Permission.MEMBERS_READ):
            ids = {event.member_id for event in events if event.member_id is not None}
            lines = asked.service(Members).lines(tx, asked.merchant, ids)
    entries = story.entries(asked, events, accounts, staff, most=2)
    for entry, event in zip(entries, events, strict=True):
        if event.member_id is not None and event.member_id in lines:
            entry["href"] = path("console", "members", event.member_id)
            entry["who"] = lines[event.member_id].display
    return asked.render("home/latest.html", entries=entries)
