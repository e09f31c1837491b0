"""Making two members one by hand: the other one is looked for, what will happen is shown, and it can be taken back."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.console.i18n import N_
from guanxi.console.members import labels
from guanxi.console.members.list import row
from guanxi.console.members.one import load, plain
from guanxi.console.places import MEMBERS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page, go_whole, post
from guanxi.console.shell import Column, ListView
from guanxi.customers.members.model import MemberLine, MemberProfile
from guanxi.customers.members.service import Members
from guanxi.kernel.errors import Conflict
from guanxi.storage.database import Transaction

_COLUMNS: Final = (Column("name", N_("Member")), Column("spent", N_("Spent"), end=True))
_MOST: Final = 8
"""Members shown at once; whoever sees more types more."""
_MOST_GUESSES: Final = 4


class _Preview(Exception):
    """Leaves a transaction without a trace of what was tried in it."""


def pages() -> list[Page]:
    """Return the pages of joining a member with another."""
    here = f"{MEMBERS}/{{member_id}}/join"
    needs = Permission.IDENTITY_EDIT
    return [
        Page(here, search, needs),
        Page(f"{here}/{{other_id}}", preview, needs),
        post(f"{here}/{{other_id}}", join, needs),
    ]


def search(asked: Asked) -> Response:
    """Look for the other member; before anything is typed, show who may well be the same person."""
    asked.need(Permission.MEMBERS_READ)
    profile = load(asked)
    text = asked.query.get("q", "").strip()[:200]
    with asked.context.database.reading() as tx:
        if text:
            found = [(line, "") for line in _found(asked, tx, text, _MOST + 2)]
        else:
            found = _guesses(asked, tx, profile)
    others = [(line, why) for line, why in found if line.member_id != profile.member_id]
    here = path("console", "members", profile.member_id, "join")
    return asked.render(
        "members/join.html",
        member=profile,
        href=path("console", "members", profile.member_id),
        list=ListView(path=here),
        columns=asked.columns(_COLUMNS),
        rows=[
            row(asked, line) | {"href": f"{here}/{line.member_id}", "why": why}
            for line, why in others[:_MOST]
        ],
        asked=text,
        itself=bool(text) and len(others) < len(found),
        more=len(others) > _MOST,
    )


def _found(asked: Asked, tx: Transaction, text: str, most: int) -> list[MemberLine]:
    page = asked.service(Members).list_members(tx, asked.merchant, query=text, visitors=True, limit=most)
    return list(page.items)


def _guesses(asked: Asked, tx: Transaction, profile: MemberProfile) -> list[tuple[MemberLine, str]]:
    """Return who was seen together with the member and kept apart, and who is called the same."""
    apart = dict.fromkeys(one.other_member_id for one in profile.refusals if one.other_member_id)
    lines = {
        line.member_id: (line, asked.say(N_("seen together, and yet kept apart")))
        for member_id in list(apart)[:_MOST_GUESSES]
        for line in _found(asked, tx, member_id, 1)
    }
    if profile.named:
        for line in _found(asked, tx, profile.display, _MOST_GUESSES + 1):
            if line.display == profile.display:
                lines.setdefault(line.member_id, (line, asked.say(N_("the same name"))))
    return list(lines.values())


def preview(asked: Asked) -> Response:
    """Show who there will be: the two are joined for real and then not, so that nothing is guessed."""
    asked.need(Permission.MEMBERS_READ)
    members = asked.service(Members)
    before: list[MemberProfile] = []
    after: list[MemberProfile] = []
    refused = ""
    try:
        with asked.context.database.transaction() as tx:
            before = [
                members.get_member(tx, asked.merchant, asked.part(name), personal=False)
                for name in ("member_id", "other_id")
            ]
            made = members.join_members(
                tx,
                asked.merchant,
                *(one.member_id for one in before),
                by=asked.visitor.person.person_id,
                now=asked.now,
            )
            after = [members.get_member(tx, asked.merchant, made.member_id, personal=False)]
            _forget()
    except _Preview:
        pass
    except Conflict as error:
        refused = error.say(asked.language)
    href = path("console", "members", before[0].member_id)
    return asked.render(
        "members/join_preview.html",
        member=before[0],
        before=before,
        after=after,
        refused=refused,
        differences=[_difference(asked, name, before) for name in _different(before)] if after else [],
        href=href,
        here=f"{href}/join/{before[1].member_id}",
    )


def _forget() -> None:
    raise _Preview


def _different(before: list[MemberProfile]) -> list[str]:
    """Return the attributes of which the two are known to say different things; what is personal stays sealed."""
    said = [{one.name: one.shown.value for one in profile.attributes} for profile in before]
    return [
        name
        for name, value in said[0].items()
        if value is not None and said[1].get(name) is not None and said[1][name] != value
    ]


def _difference(asked: Asked, name: str, before: list[MemberProfile]) -> dict[str, Any]:
    shown = [next(one.shown for one in profile.attributes if one.name == name) for profile in before]
    newest = max(range(len(shown)), key=lambda index: (shown[index].time, shown[index].event_id))
    return {
        "label": labels.attribute(name, asked.language),
        "values": [(plain(asked, one.value), index == newest) for index, one in enumerate(shown)],
    }


def join(asked: Asked) -> Response:
    """Make the two one member and lead there, with the way back."""
    asked.need(Permission.MEMBERS_READ)
    with asked.context.database.transaction() as tx:
        made = asked.service(Members).join_members(
            tx,
            asked.merchant,
            asked.part("member_id"),
            asked.part("other_id"),
            by=asked.visitor.person.person_id,
            now=asked.now,
        )
        trail.record(
            tx,
            asked.merchant_id,
            Action.MEMBERS_JOINED,
            by=asked.actor,
            now=asked.now,
            target=made.member_id,
            reason=asked.form.get("reason"),
            detail={
                "decision": "join",
                "one": made.one,
                "other": made.other,
                "members": [asked.part("member_id"), asked.part("other_id")],
            },
        )
    query = {"tab": "identities", "done": "joined", "one": made.one, "pair": made.other}
    return go_whole(asked, f"{path('console', 'members', made.member_id)}?{urlencode(query)}")
