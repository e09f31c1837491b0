"""The list of members: found by phone, name or number."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.console.i18n import N_
from guanxi.console.places import MEMBERS, SETTINGS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page
from guanxi.console.shell import Column, ListView
from guanxi.customers.identity.kinds import KINDS
from guanxi.customers.members.model import MemberLine, Sort
from guanxi.customers.members.service import Members

_COLUMNS: Final = (
    Column("name", N_("Member")),
    Column("number", N_("Member number"), wide_only=True, optional=True),
    Column("kinds", N_("Known by"), wide_only=True, optional=True),
    Column("orders", N_("Orders"), end=True, wide_only=True, optional=True),
    Column("spent", N_("Spent"), end=True),
    Column("last", N_("Last active"), wide_only=True, optional=True),
    Column("first", N_("First met"), sort=True, wide_only=True, optional=True),
)
_DONE: Final = {
    "erasing": N_("The person is forgotten here. The event log and the lake follow within minutes."),
}


def pages() -> list[Page]:
    """Return the page of the list."""
    return [Page(MEMBERS, show, Permission.MEMBERS_READ)]


def show(asked: Asked) -> Response:
    """List members, newest first, or those a search finds."""
    text = asked.query.get("q", "").strip()[:200]
    visitors = asked.query.get("visitors") == "yes"
    cursor = asked.query.get("cursor")
    oldest = asked.query.get("sort") == "first"
    with asked.context.database.reading() as tx:
        page = asked.service(Members).list_members(
            tx,
            asked.merchant,
            query=text or None,
            sort=Sort.OLDEST if oldest else Sort.NEWEST,
            visitors=visitors,
            cursor=cursor,
        )
    view = ListView(
        path=MEMBERS,
        params=(("q", text), ("visitors", "yes" if visitors else "")),
        sort="first" if oldest or asked.query.get("sort") else "",
        descending=not oldest,
        cursor=cursor or "",
        next_cursor=page.next_cursor,
    )
    return asked.render(
        "members/list.html",
        list=view,
        columns=asked.columns(_COLUMNS),
        rows=[row(asked, line) for line in page.items],
        asked=text,
        visitors=visitors,
        chips=[{"key": "visitors", "text": asked.say(N_("Visitors too"))}] if visitors else [],
        done=_DONE.get(asked.query.get("done", ""), ""),
        keys=f"{SETTINGS}/keys" if asked.may(Permission.KEYS_MANAGE) else "",
    )


def row(asked: Asked, line: MemberLine) -> dict[str, object]:
    """Return a member as a row of a list."""
    kinds = [KINDS[kind].label.in_(asked.language) if kind in KINDS else kind for kind in line.kinds]
    return {"href": path("console", "members", line.member_id), "line": line, "kinds": kinds}
