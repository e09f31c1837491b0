"""The list of members: found by phone, name or number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final, NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.console import formats
from guanxi.console.i18n import N_
from guanxi.console.members import filtering
from guanxi.console.places import AUDIENCES, MEMBERS, SETTINGS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page
from guanxi.console.shell import Column, ListView
from guanxi.customers.identity.kinds import KINDS
from guanxi.customers.members.model import Behind, MemberLine, Sort
from guanxi.customers.members.service import Members
from guanxi.kernel.clock import date_to_day, day_to_date

_COLUMNS: Final = (
    Column("name", N_("Member")),
    Column("number", N_("Member number"), wide_only=True, optional=True),
    Column("kinds", N_("Known by"), wide_only=True, optional=True),
    Column("orders", N_("Orders"), end=True, wide_only=True, optional=True),
    Column("spent", N_("Spent"), end=True),
    Column("last", N_("Last active"), wide_only=True, optional=True),
    Column("first", N_("First met"), sort=True, wide_only=True, optional=True),
)
_BEHIND: Final = {
    Behind.ACTIVE: N_("active from %(first)s to %(last)s"),
    Behind.ORDERS: N_("paid an order from %(first)s to %(last)s"),
}
_MOST_DAYS: Final = 366
_DONE: Final = {
    "erasing": N_("The person is forgotten here. The event log and the lake follow within minutes."),
}


class BehindPeriod(NamedTuple):
    """What members did on one of the days from ``first`` to ``last``, both included."""

    what: Behind
    first: int
    last: int


def pages() -> list[Page]:
    """Return the page of the list."""
    return [Page(MEMBERS, show, Permission.MEMBERS_READ)]


def show(asked: Asked) -> Response:
    """List members, newest first, those a search finds, or those of whom a rule is true."""
    text = asked.query.get("q", "").strip()[:200]
    visitors = asked.query.get("visitors") == "yes"
    cursor = asked.query.get("cursor")
    oldest = asked.query.get("sort") == "first"
    sort = Sort.OLDEST if oldest else Sort.NEWEST
    picked = None if text else filtering.picked(asked)
    if picked is not None:
        return _picked(asked, picked, cursor)
    behind = None if text or visitors else _behind(asked)
    total = None
    with asked.context.database.reading() as tx:
        if behind is not None:
            page, total = asked.service(Members).list_behind(
                tx, asked.merchant, behind.what, (behind.first, behind.last + 1), sort=sort, cursor=cursor
            )
        else:
            page = asked.service(Members).list_members(
                tx, asked.merchant, query=text or None, sort=sort, visitors=visitors, cursor=cursor
            )
    view = ListView(
        path=MEMBERS,
        params=(
            ("q", text),
            ("visitors", "yes" if visitors else ""),
            *(behind_params(behind) if behind is not None else ()),
        ),
        total=total,
        sort="first" if oldest or asked.query.get("sort") else "",
        descending=not oldest,
        cursor=cursor or "",
        next_cursor=page.next_cursor,
    )
    return _page(
        asked,
        view,
        page.items,
        chips=[{"key": "behind", "text": _said(asked, behind)}] if behind is not None else [],
    )


def _picked(asked: Asked, picked: filtering.Picked, cursor: str | None) -> Response:
    """List those of whom a rule is true, or say what is wrong with it."""
    found = filtering.Found([], None, None)
    if picked.node is not None:
        found = filtering.members(asked, picked.node, cursor)
    view = ListView(
        path=MEMBERS,
        params=(("audience", picked.audience), ("rule", picked.rule)),
        total=found.total,
        cursor=cursor or "",
        next_cursor=found.next_cursor,
    )
    return _page(
        asked,
        view,
        found.lines,
        picked=picked,
        chips=[{"key": key, "text": said} for key, said in picked.said.items()],
    )


def _page(
    asked: Asked,
    view: ListView,
    lines: Sequence[MemberLine],
    *,
    chips: list[dict[str, str]],
    picked: filtering.Picked | None = None,
) -> Response:
    columns = asked.columns(_COLUMNS)
    if picked is not None:
        columns = tuple(replace(column, sort=False) for column in columns)
    save = use = ""
    if picked is not None and picked.node is not None:
        if picked.rule and asked.may(Permission.DEFINITIONS_WRITE):
            save = f"{AUDIENCES}/new?{urlencode({'rule': picked.text})}"
        elif picked.audience:
            use = path("console", "audiences", picked.audience)
    return asked.render(
        "members/list.html",
        list=view,
        columns=columns,
        rows=[row(asked, line) for line in lines],
        asked=asked.query.get("q", "").strip()[:200],
        visitors=asked.query.get("visitors") == "yes",
        chips=chips,
        picked=picked,
        audiences=filtering.audiences(asked),
        stages=filtering.stages(asked),
        save=save,
        open_audience=use,
        done=_DONE.get(asked.query.get("done", ""), ""),
        keys=f"{SETTINGS}/keys" if asked.may(Permission.KEYS_MANAGE) else "",
    )


def behind_params(behind: BehindPeriod) -> tuple[tuple[str, str], ...]:
    """Return what the address of the list says to show the members behind a figure."""
    first, last = (day_to_date(day).isoformat() for day in (behind.first, behind.last))
    return ("behind", behind.what.value), ("from", first), ("until", last)


def _behind(asked: Asked) -> BehindPeriod | None:
    """Read which members are asked for; an address that makes no sense asks for all."""
    try:
        first, last = (date_to_day(date.fromisoformat(asked.query[key])) for key in ("from", "until"))
        found = BehindPeriod(Behind(asked.query["behind"]), first, last)
    except (KeyError, ValueError):
        return None
    return found if 0 <= last - first <= _MOST_DAYS else None


def _said(asked: Asked, behind: BehindPeriod) -> str:
    return asked.say(
        _BEHIND[behind.what],
        first=formats.date(behind.first, asked.language),
        last=formats.date(behind.last, asked.language),
    )


def row(asked: Asked, line: MemberLine) -> dict[str, object]:
    """Return a member as a row of a list."""
    kinds = [KINDS[kind].label.in_(asked.language) if kind in KINDS else kind for kind in line.kinds]
    return {"href": path("console", "members", line.member_id), "line": line, "kinds": kinds}
