"""The audit trail: who did what, when, from where, and why they said they did."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.access import Action, AuditEntry, Permission
from guanxi.access.service import people, trail
from guanxi.console.i18n import N_
from guanxi.console.places import SETTINGS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page
from guanxi.console.shell import Column, ListView

HERE: Final = f"{SETTINGS}/audit"
_COLUMNS: Final = (
    Column("action", N_("What")),
    Column("who", N_("Who")),
    Column("reason", N_("Why"), wide_only=True),
    Column("target", N_("To what"), wide_only=True),
    Column("from", N_("From"), wide_only=True, optional=True),
    Column("when", N_("When")),
)


def pages() -> list[Page]:
    """Return the page of the trail."""
    return [Page(HERE, show, Permission.AUDIT_READ)]


def show(asked: Asked) -> Response:
    """List what was done, newest first."""
    action = next((one for one in Action if one.value == asked.query.get("action")), None)
    actor, target = asked.query.get("actor", ""), asked.query.get("target", "")
    cursor = asked.query.get("cursor")
    with asked.context.database.reading() as tx:
        page = trail.entries(
            tx,
            asked.merchant_id,
            action=action,
            actor_id=actor or None,
            target=target or None,
            cursor=cursor,
        )
        names = {one.person.person_id: one.person.name for one in people.list_staff(tx, asked.merchant_id)}
    params = (("action", action.value if action else ""), ("actor", actor), ("target", target))
    chips = [
        {"key": key, "text": text}
        for key, value, text in (
            ("actor", actor, asked.say(N_("Who is %(name)s"), name=names.get(actor, actor))),
            ("target", target, asked.say(N_("To what is %(name)s"), name=names.get(target, target))),
        )
        if value
    ]
    return asked.render(
        "settings/audit.html",
        list=ListView(path=HERE, params=params, cursor=cursor or "", next_cursor=page.next_cursor),
        columns=asked.columns(_COLUMNS),
        rows=[_row(entry, names) for entry in page.items],
        actions=[(one.value, one.label.in_(asked.language)) for one in Action],
        action=action.value if action else "",
        kept=[(key, value) for key, value in params[1:] if value],
        chips=chips,
    )


def _row(entry: AuditEntry, names: dict[str, str]) -> dict[str, object]:
    release = entry.detail.get("release")
    if entry.target.startswith("mbr_"):
        target, link = entry.target, path("console", "members", entry.target)
    elif isinstance(release, int):
        target = entry.target or f"#{release}"
        link = path("console", "definitions", "releases", str(release))
    else:
        target, link = names.get(entry.target, entry.target), ""
    return {"href": f"{HERE}?actor={entry.actor_id}", "entry": entry, "target": target, "link": link}
