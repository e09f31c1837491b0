"""Seeing a value in full: only for a reason, and never without a line in the audit trail."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.console.i18n import N_
from guanxi.console.members.one import load, values
from guanxi.console.places import MEMBERS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page, post
from guanxi.customers.members.model import IdentityView, MemberProfile
from guanxi.customers.members.service import Members
from guanxi.kernel.errors import NotFound
from guanxi.storage.database import Transaction

_REASON_MIN: Final = 2


def pages() -> list[Page]:
    """Return the pages on which something personal is shown in full."""
    reveal = f"{MEMBERS}/{{member_id}}/reveal/{{identity_id}}"
    return [
        Page(reveal, ask, Permission.MEMBERS_PII),
        post(reveal, tell, Permission.MEMBERS_PII),
        post(f"{MEMBERS}/{{member_id}}/attributes", attributes, Permission.MEMBERS_PII),
    ]


def _identity(asked: Asked, profile: MemberProfile) -> IdentityView:
    key = asked.part("identity_id")
    for one in profile.identities:
        if one.identity_id == key and one.readable:
            return one
    raise NotFound(what_zh="身份", what_en="identity", key=key)


def ask(asked: Asked) -> Response:
    """Ask why somebody wants to see the value."""
    profile = load(asked)
    return _page(asked, profile, _identity(asked, profile))


def _page(
    asked: Asked, profile: MemberProfile, identity: IdentityView, value: str = "", error: str = ""
) -> Response:
    reason = asked.form.get("reason")
    return asked.render(
        "members/reveal.html",
        status=422 if error else 200,
        member=profile,
        identity=identity,
        value=value,
        error=error,
        reason=reason,
        href=path("console", "members", profile.member_id),
    )


def tell(asked: Asked) -> Response:
    """Record who looks and why, then show the value."""
    profile = load(asked)
    identity = _identity(asked, profile)
    reason = asked.form.get("reason")
    if len(reason) < _REASON_MIN:
        return _page(asked, profile, identity, error=asked.say(N_("Say in a few words why you need it.")))
    with asked.context.database.transaction() as tx:
        shown = asked.service(Members).reveal(tx, asked.merchant, profile.member_id, identity.identity_id)
        _record(
            asked,
            tx,
            Action.PHONE_SEEN if shown.type == "phone" else Action.IDENTITY_SEEN,
            profile.member_id,
            reason,
            {"identity": identity.identity_id},
        )
    return _page(asked, profile, identity, value=shown.value)


def attributes(asked: Asked) -> Response:
    """Record who looks, then show the overview with its personal attributes."""
    profile = load(asked, personal=True)
    with asked.context.database.transaction() as tx:
        _record(asked, tx, Action.ATTRIBUTES_SEEN, profile.member_id, asked.form.get("reason"), {})
    return asked.render("members/one.html", **(values(asked, profile, "overview") | {"seen_personal": True}))


def _record(
    asked: Asked, tx: Transaction, action: Action, member_id: str, reason: str, detail: dict[str, object]
) -> None:
    trail.record(
        tx,
        asked.merchant_id,
        action,
        by=asked.actor,
        now=asked.now,
        target=member_id,
        reason=reason,
        detail=detail,
    )
