"""One audience: who is in it, how it grew, what it rests on and what rests on it."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from guanxi.access.permissions import Permission
from guanxi.console import formats
from guanxi.console.audiences import builder, counting
from guanxi.console.audiences.list import in_words
from guanxi.console.audiences.paths import HERE, definition_of, page_of
from guanxi.console.audiences.saving import named
from guanxi.console.i18n import N_
from guanxi.console.render import path
from guanxi.console.session import Asked, Page
from guanxi.customers.audiences.model import AudienceLine
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.boards.trends import Daily, trend
from guanxi.customers.profiles.model import needs
from guanxi.definitions import Ref
from guanxi.definitions.service import Definitions
from guanxi.kernel.clock import day_to_date
from guanxi.kernel.errors import NotFound

NEEDS: Final = Permission.AUDIENCES_READ
MEMBERS_SHOWN: Final = 50
_DAYS: Final = 90
_DONE: Final = {"saved": N_("Saved. Members, rules and programs go by it from now on.")}


def pages() -> list[Page]:
    """Return the page of an audience and its parts that load later."""
    return [
        Page(f"{HERE}/{{key}}", show, NEEDS),
        Page(f"{HERE}/{{key}}/members", members, Permission.MEMBERS_READ),
    ]


def line_of(asked: Asked, key: str) -> AudienceLine:
    """Return an audience in one line; raises ``NotFound``."""
    with asked.context.database.reading() as tx:
        for line in asked.service(Audiences).list(tx, asked.merchant):
            if line.key == key:
                return line
    raise NotFound(what_zh="人群", what_en="audience", key=key)


def show(asked: Asked) -> Response:
    """Show an audience, or the side panel of one."""
    key = asked.part("key")
    line = line_of(asked, key)
    audiences, definitions = asked.service(Audiences), asked.service(Definitions)
    vocabulary = audiences.vocabulary(asked.merchant)
    with asked.context.database.reading() as tx:
        daily = trend(tx, asked.merchant, asked.today, _DAYS, key)
        world = definitions.live(tx, asked.merchant_id)
        users = definitions.dependants(tx, asked.merchant_id, Ref("audience", key))
    found = builder.definition(asked, key)
    rests = sorted(ref for ref in definitions.refs(found) if ref in world.definitions)
    rule = audiences.meaning(asked.merchant, key)
    return asked.render(
        "audiences/one.html",
        line=line,
        name=line.label.in_(asked.language),
        note=line.note.in_(asked.language),
        said=in_words(asked, key, line.rule, vocabulary),
        online=needs(vocabulary, [rule]).online,
        href=page_of(key),
        back=HERE,
        definition=definition_of(key),
        chart=_chart(asked, daily),
        summary=_summary(asked, daily),
        today=_moved(daily),
        users=named(asked, world, users),
        rests=named(asked, world, rests),
        others=[one for one in vocabulary.catalogue.audiences if one != key][:1],
        done=_DONE.get(asked.query.get("done", ""), ""),
    )


def _chart(asked: Asked, daily: list[Daily]) -> dict[str, Any]:
    return {
        "kind": "line",
        "unit": "count",
        "x": [day_to_date(one.day).isoformat() for one in daily],
        "series": [{"name": asked.say(N_("Members")), "values": [one.size for one in daily]}],
    }


def _summary(asked: Asked, daily: list[Daily]) -> str:
    if not daily:
        return ""
    return asked.say(
        N_("From %(first)s members on %(start)s to %(last)s on %(end)s."),
        first=formats.number(daily[0].size),
        start=formats.date(daily[0].day, asked.language),
        last=formats.number(daily[-1].size),
        end=formats.date(daily[-1].day, asked.language),
    )


def _moved(daily: list[Daily]) -> Daily | None:
    """Return the last day on which somebody came or went."""
    return next((one for one in reversed(daily) if one.entered or one.left), None)


def members(asked: Asked) -> Response:
    """Show members of an audience, fifty at a time; the next ones are asked for from the last of these."""
    key, audiences = asked.part("key"), asked.service(Audiences)
    after = asked.query.get("after", "")
    ids = audiences.members(
        asked.merchant,
        audiences.rule_of(asked.merchant, key),
        after=after,
        limit=MEMBERS_SHOWN + 1,
    )
    shown = counting.lines(asked, ids[:MEMBERS_SHOWN])
    more = ids[MEMBERS_SHOWN - 1] if len(ids) > MEMBERS_SHOWN else ""
    return asked.render(
        "audiences/members.html",
        members=[
            {
                "line": one,
                "href": counting.address(one),
                "why": path("console", "audiences", key, "why", one.member_id),
            }
            for one in shown
        ],
        more=f"{page_of(key)}/members?after={more}" if more else "",
        first=not after,
        href=page_of(key),
        name=audiences.vocabulary(asked.merchant).catalogue.audiences[key].in_(asked.language),
    )
