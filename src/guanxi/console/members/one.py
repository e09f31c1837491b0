"""One member: who they are, why we think so, what they agreed to, and what happened."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.access.service import people
from guanxi.console import formats
from guanxi.console.i18n import N_
from guanxi.console.members import labels, story
from guanxi.console.places import MEMBERS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page, go
from guanxi.customers.accounts.service import list_accounts
from guanxi.customers.identity.kinds import KINDS
from guanxi.customers.members.model import MemberProfile
from guanxi.customers.members.service import Members

_TABS: Final = {
    "overview": N_("Overview"),
    "identities": N_("Identities"),
    "consent": N_("Consent"),
}
_DONE: Final = {
    "separated": N_("Separated. Their orders and figures went with each of them."),
    "joined": N_("Joined. Their orders and figures are one member's now."),
    "withdrawn": N_("Taken back: it is as if nothing had been decided by hand."),
    "erasing": N_(
        "The erasure has begun. It reaches database, log and lake within minutes and cannot be stopped."
    ),
}


def pages() -> list[Page]:
    """Return the page of a member and its timeline."""
    needs = Permission.MEMBERS_READ
    return [
        Page(f"{MEMBERS}/{{member_id}}", show, needs),
        Page(f"{MEMBERS}/{{member_id}}/timeline", timeline, needs),
    ]


def load(asked: Asked, *, personal: bool = False) -> MemberProfile:
    """Return the member that the address names; raises ``NotFound``."""
    with asked.context.database.reading() as tx:
        return asked.service(Members).get_member(
            tx, asked.merchant, asked.part("member_id"), personal=personal
        )


def show(asked: Asked) -> Response:
    """Show a member, one of the tabs, or the side panel."""
    profile = load(asked)
    if profile.member_id != asked.part("member_id") and asked.request.headers.get("hx-request") != "true":
        query = asked.request.url.query
        return go(path("console", "members", profile.member_id) + (f"?{query}" if query else ""))
    tab = asked.query.get("tab", "overview")
    return asked.render("members/one.html", **values(asked, profile, tab if tab in _TABS else "overview"))


def values(asked: Asked, profile: MemberProfile, tab: str) -> dict[str, Any]:
    """Return what the page of a member names."""
    href = path("console", "members", profile.member_id)
    language = asked.language
    with asked.context.database.reading() as tx:
        names = {one.person.person_id: one.person.name for one in people.list_staff(tx, asked.merchant_id)}
    counts = {"identities": len(profile.identities), "consent": len(profile.consents)}
    return {
        "member": profile,
        "href": href,
        "here": MEMBERS,
        "tab": tab,
        "tabs": [
            {"key": key, "label": asked.say(label), "href": f"{href}?tab={key}"}
            | ({"count": counts[key]} if key in counts else {})
            for key, label in _TABS.items()
        ],
        "subtitle": _subtitle(asked, profile),
        "average": formats.mean(profile.spent, profile.orders) if profile.orders else None,
        "scopes": {one.identity_id: KINDS[one.type].scope for one in profile.identities if one.type in KINDS},
        "attribute_label": lambda name: labels.attribute(name, language),
        "purpose_label": lambda name: labels.purpose(name, language),
        "channel_label": lambda name: labels.channel(name, language),
        "shown_of": lambda value: plain(asked, value),
        "who": lambda by: names.get(by, by),
        "label_of": {one.identity_id: one for one in profile.identities},
        "seen_personal": False,
        "done": _DONE.get(asked.query.get("done", ""), ""),
        "undo": _undo(asked),
        "other": asked.query.get("other", ""),
    }


def _undo(asked: Asked) -> dict[str, str] | None:
    one, other = asked.query.get("one", ""), asked.query.get("pair", "")
    if asked.query.get("done") not in {"separated", "joined"} or not one or not other:
        return None
    return {"one": one, "other": other}


def _subtitle(asked: Asked, profile: MemberProfile) -> str:
    parts = []
    if profile.first_seen is not None:
        day = asked.merchant.days.day(profile.first_seen)
        parts.append(asked.say(N_("first met %(day)s"), day=formats.date(day, asked.language)))
    if profile.last_seen is not None:
        last = formats.ago(profile.last_seen, asked.now, asked.language, asked.merchant.timezone)
        parts.append(asked.say(N_("last active %(ago)s"), ago=last))
    return " · ".join(parts)


def plain(asked: Asked, value: Any) -> str:
    """Return a value of an attribute as people write it."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return asked.say(N_("yes")) if value else asked.say(N_("no"))
    if isinstance(value, list):
        return "、".join(plain(asked, one) for one in value)
    if isinstance(value, dict):
        return " · ".join(f"{key} {plain(asked, one)}" for key, one in value.items())
    return str(value)


def timeline(asked: Asked) -> Response:
    """Show what happened with a member, the latest first."""
    with asked.context.database.reading() as tx:
        page = asked.service(Members).timeline(
            tx, asked.merchant, asked.part("member_id"), before=asked.query.get("before"), limit=15
        )
        accounts = {one.key: one.name for one in list_accounts(tx, asked.merchant_id)}
        staff = {one.person.person_id: one.person.name for one in people.list_staff(tx, asked.merchant_id)}
    href = path("console", "members", asked.part("member_id"))
    return asked.render(
        "members/timeline.html",
        entries=story.entries(asked, page.items, accounts, staff),
        more=f"{href}/timeline?before={page.next_cursor}" if page.next_cursor else "",
        first=not asked.query.get("before"),
        href=href,
    )
