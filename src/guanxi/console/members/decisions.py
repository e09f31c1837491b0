"""Joining and separating by hand: always with a preview of what will happen, always to be taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.console.places import MEMBERS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page, go_whole, post
from guanxi.customers.members.model import MemberProfile
from guanxi.customers.members.service import Members
from guanxi.kernel.errors import NotFound
from guanxi.storage.database import Transaction

_ACTIONS: Final = {
    "separate": Action.MEMBERS_SEPARATED,
    "join": Action.MEMBERS_JOINED,
    "withdraw": Action.DECISION_WITHDRAWN,
}
_DONE: Final = {"separate": "separated", "join": "joined", "withdraw": "withdrawn"}


class _Preview(Exception):
    """Leaves a transaction without a trace of what was tried in it."""


def pages() -> list[Page]:
    """Return the pages of decisions about identities."""
    return [
        Page(f"{MEMBERS}/{{member_id}}/decide/{{what}}", preview, Permission.IDENTITY_EDIT),
        post(f"{MEMBERS}/{{member_id}}/decide/{{what}}", decide, Permission.IDENTITY_EDIT),
    ]


def _decide(asked: Asked, tx: Transaction, one: str, other: str) -> list[str]:
    members = asked.service(Members)
    what = asked.part("what")
    ways: dict[str, Callable[..., list[str]]] = {
        "separate": members.separate,
        "join": members.join,
        "withdraw": members.withdraw,
    }
    if what not in ways:
        raise NotFound(what_zh="操作", what_en="action", key=what)
    return ways[what](tx, asked.merchant, one, other, by=asked.visitor.person.person_id, now=asked.now)


def preview(asked: Asked) -> Response:
    """Show who there will be after the decision: it is made for real and then undone, so that nothing is guessed."""
    one, other = asked.query.get("one", ""), asked.query.get("other", "")
    members = asked.service(Members)
    before: dict[str, MemberProfile] = {}
    after: list[MemberProfile] = []
    try:
        with asked.context.database.transaction() as tx:
            present = members.get_member(tx, asked.merchant, asked.part("member_id"), personal=False)
            before[present.member_id] = present
            ids = _decide(asked, tx, one, other)
            after = [
                members.get_member(tx, asked.merchant, member_id, personal=False)
                for member_id in dict.fromkeys(ids)
            ]
            _forget()
    except _Preview:
        pass
    return asked.render(
        "members/decide.html",
        what=asked.part("what"),
        present=next(iter(before.values())),
        after=after,
        one=one,
        other=other,
        href=path("console", "members", asked.part("member_id")),
        unchanged=len(after) == 1 and asked.part("what") == "separate",
    )


def _forget() -> None:
    raise _Preview


def decide(asked: Asked) -> Response:
    """Make the decision and lead to who the member is now, with the way back."""
    one, other = asked.form.get("one"), asked.form.get("other")
    what = asked.part("what")
    with asked.context.database.transaction() as tx:
        ids = list(dict.fromkeys(_decide(asked, tx, one, other)))
        trail.record(
            tx,
            asked.merchant_id,
            _ACTIONS[what],
            by=asked.actor,
            now=asked.now,
            target=ids[0],
            reason=asked.form.get("reason"),
            detail={"decision": what, "one": one, "other": other},
        )
    query = {"tab": "identities", "done": _DONE[what], "one": one, "pair": other}
    if len(ids) > 1:
        query["other"] = next(member for member in ids if member != ids[0])
    return go_whole(asked, f"{path('console', 'members', ids[0])}?{urlencode(query)}")
