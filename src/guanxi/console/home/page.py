"""The overview page, its figures' definitions, and the latest activity."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import msgspec
from starlette.responses import Response

from guanxi.access import Permission
from guanxi.console import formats
from guanxi.console.home.figures import FIGURES
from guanxi.console.i18n import N_
from guanxi.console.members.story import icon_of
from guanxi.console.places import HEALTH, HOME, MEMBERS, SETTINGS, first_place
from guanxi.console.render import path
from guanxi.console.session import Asked, Page, go
from guanxi.customers.accounts.service import list_accounts
from guanxi.customers.events.catalogue import Catalogue
from guanxi.customers.events.service import EventIntake
from guanxi.customers.members.model import DayFigures, Overview
from guanxi.customers.members.service import Members
from guanxi.kernel.clock import day_to_date
from guanxi.kernel.errors import NotFound
from guanxi.kernel.ids import member_id
from guanxi.storage.events.model import LoggedEvent

_SPANS: Final = (7, 30, 90)
_LATEST: Final = 8


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
    wanted = asked.query.get("days", "")
    span = int(wanted) if wanted in {str(one) for one in _SPANS} else 30
    with asked.context.database.reading() as tx:
        found = asked.service(Members).overview(tx, asked.merchant, asked.today, span)
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
        empty=not (found.members or found.visitors or found.orders),
        keys=f"{SETTINGS}/keys/new" if asked.may(Permission.KEYS_MANAGE) else "",
        health=HEALTH if asked.may(Permission.HEALTH_READ) else "",
        address=str(asked.request.base_url).rstrip("/"),
    )


def _figures(asked: Asked, found: Overview, span: int) -> list[dict[str, Any]]:
    now, before = found.window, found.before
    last = asked.say(N_("last %(days)s days"), days=span)
    against = asked.say(N_("than the %(days)s days before"), days=span)
    language, days = asked.language, found.days

    def line(
        key: str, value: str, unit: str, period: str, one: int, other: int, trend: list[int]
    ) -> dict[str, Any]:
        return {
            "key": key,
            "label": asked.say(FIGURES[key].label),
            "value": value,
            "unit": unit,
            "period": period,
            "change": _change(one, other, against),
            "href": path("console", "figures", key) + f"?days={span}",
            "trend": trend,
        }

    new = line(
        "members",
        formats.compact(found.members, language),
        asked.say(N_("people")),
        asked.say(N_("so far")),
        now.new_members,
        before.new_members,
        [one.new_members for one in days],
    )
    added = asked.say(N_("%(count)s new"), count=formats.number(now.new_members, plus=True))
    new["change"] = {**new["change"], "against": f"{added} · {against}"} if new["change"] else None
    gmv = formats.money_compact(now.gmv, language, asked.merchant.currency)
    return [
        line("gmv", gmv, "", last, now.gmv, before.gmv, [one.gmv for one in days]),
        line(
            "orders",
            formats.compact(now.orders, language),
            asked.say(N_("orders")),
            last,
            now.orders,
            before.orders,
            [one.orders for one in days],
        ),
        line(
            "active",
            formats.compact(now.active, language),
            asked.say(N_("people")),
            last,
            now.active,
            before.active,
            [one.active for one in days],
        ),
        new,
    ]


def _change(now: int, before: int, against: str) -> dict[str, Any] | None:
    """Compare with the period before; nothing can be said against nothing."""
    if before == 0:
        return None
    ratio = Fraction(now - before, before)
    return {
        "text": formats.percent(ratio, plus=True),
        "good": None if now == before else now > before,
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
            (N_("Active"), [one.active for one in days]),
            (N_("New"), [one.new_members for one in days]),
        ),
        "summary": {"gmv": _peak(asked, days), "orders": _peak(asked, days), "active": _peak(asked, days)},
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


def definition(asked: Asked) -> Response:
    """Say what a figure means, with its values on each day."""
    key = asked.part("key")
    found = FIGURES.get(key)
    if found is None:
        raise NotFound(what_zh="指标", what_en="figure", key=key)
    return asked.render("home/figure.html", key=key, found=found, members=MEMBERS, home=HOME)


def latest(asked: Asked) -> Response:
    """Show what happened last."""
    events = asked.context.log.newest(asked.merchant_id, limit=_LATEST)
    _, catalogue = asked.service(EventIntake).merchant(asked.merchant_id)
    with asked.context.database.reading() as tx:
        accounts = {one.key: one.name for one in list_accounts(tx, asked.merchant_id)}
    entries = [_entry(asked, catalogue, event, accounts) for event in events]
    return asked.render("home/latest.html", entries=entries)


def _entry(
    asked: Asked, catalogue: Catalogue, event: LoggedEvent, accounts: dict[str, str]
) -> dict[str, Any]:
    kind = catalogue.get(event.type)
    icon, tone = icon_of(event.type)
    entry: dict[str, Any] = {
        "at": event.time,
        "icon": icon,
        "title": kind.label.in_(asked.language) if kind else event.type,
        "tone": tone,
    }
    properties = msgspec.json.decode(event.payload).get("properties", {})
    amount = properties.get("amount") if kind and "amount" in kind.measures else None
    if isinstance(amount, int):
        entry["title"] += f" {formats.money(amount, asked.merchant.currency)}"
    where = accounts.get(event.account, event.account)
    if where or event.channel:
        entry["text"] = " · ".join(one for one in (where, event.channel) if one)
    if event.subject and asked.may(Permission.MEMBERS_READ):
        entry["href"] = path("console", "members", member_id(event.subject))
    return entry
