"""A member's rights over what is known of them: a copy of it, and being forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import Response, StreamingResponse

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.console.i18n import N_
from guanxi.console.members.one import load
from guanxi.console.places import MEMBERS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page, go, post
from guanxi.customers.members.model import MemberProfile
from guanxi.customers.members.service import Members
from guanxi.customers.privacy.service import Privacy
from guanxi.kernel.clock import day_to_date


def pages() -> list[Page]:
    """Return the pages of a member's rights."""
    one = f"{MEMBERS}/{{member_id}}"
    return [
        post(f"{one}/export", export, Permission.MEMBERS_EXPORT),
        Page(f"{one}/erase", ask, Permission.MEMBERS_ERASE),
        post(f"{one}/erase", erase, Permission.MEMBERS_ERASE),
    ]


def export(asked: Asked) -> Response:
    """Hand over a file with everything known of a member, and record that it was."""
    with asked.context.database.transaction() as tx:
        profile = asked.service(Members).get_member(
            tx, asked.merchant, asked.part("member_id"), personal=False
        )
        trail.record(
            tx,
            asked.merchant_id,
            Action.MEMBER_EXPORTED,
            by=asked.actor,
            now=asked.now,
            target=profile.member_id,
        )
    name = f"{profile.member_id}-{day_to_date(asked.today).isoformat()}.json"
    return StreamingResponse(
        _pieces(asked, profile.member_id),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _pieces(asked: Asked, member_id: str) -> Iterator[bytes]:
    with asked.context.database.reading() as tx:
        yield from asked.service(Privacy).export_person(tx, asked.merchant, member_id, now=asked.now)


def ask(asked: Asked) -> Response:
    """Say what will be erased, and have it confirmed in writing."""
    return _page(asked, load(asked))


def _page(asked: Asked, profile: MemberProfile, error: str = "") -> Response:
    return asked.render(
        "members/erase.html",
        status=422 if error else 200,
        member=profile,
        error=error,
        typed=asked.form.get("typed"),
        reason=asked.form.get("reason"),
        href=path("console", "members", profile.member_id),
    )


def erase(asked: Asked) -> Response:
    """Forget a member, once their name was typed."""
    profile = load(asked)
    if asked.form.get("typed") != profile.display:
        return _page(asked, profile, asked.say(N_("Type it exactly as it is shown above.")))
    asked.service(Privacy).catch_up(asked.merchant_id)
    with asked.context.database.transaction() as tx:
        asked.service(Privacy).request(
            tx, asked.merchant, profile.member_id, by=asked.visitor.person.person_id, now=asked.now
        )
        trail.record(
            tx,
            asked.merchant_id,
            Action.MEMBER_ERASED,
            by=asked.actor,
            now=asked.now,
            target=profile.member_id,
            reason=asked.form.get("reason"),
        )
    return go(f"{MEMBERS}?done=erasing")
