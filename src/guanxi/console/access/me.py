"""One's own account: name, language, password, and where one is signed in; and which merchant one looks at."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from guanxi.access.decide import check_password
from guanxi.access.errors import SignInFailed, SignInThrottled, WeakPassword
from guanxi.access.service import people
from guanxi.console.i18n import N_, read_language
from guanxi.console.places import ME, first_place
from guanxi.console.session import Asked, Page, address_of, go, go_whole, post
from guanxi.kernel.errors import InvalidInput

_TEMPLATE = "access/me.html"
_DONE = {
    "profile": N_("Saved."),
    "password": N_("The password is changed; your other browsers are signed out."),
    "session": N_("That browser is signed out."),
}


def pages() -> list[Page]:
    """Return the pages of this folder that need a session."""
    return [
        Page(ME, show),
        post(f"{ME}/profile", save_profile),
        post(f"{ME}/password", change_password),
        post(f"{ME}/sessions/{{session_id}}/end", end_session),
        post("/console/merchants/{merchant_id}", switch),
    ]


def show(asked: Asked) -> Response:
    """Show one's account."""
    return _page(asked)


def _page(asked: Asked, errors: Mapping[str, str] | None = None, *, status: int = 200) -> Response:
    with asked.context.database.reading() as tx:
        sessions = asked.context.access.sessions.of_person(tx, asked.visitor.person.person_id, asked.now)
    return asked.render(
        _TEMPLATE,
        status=status,
        person=asked.visitor.person,
        roles=asked.visitor.roles,
        sessions=sessions,
        present=asked.visitor.session.session_id,
        errors=errors or {},
        saved=_DONE.get(asked.query.get("saved", ""), ""),
    )


def save_profile(asked: Asked) -> Response:
    """Change how one is called and addressed."""
    language = read_language(asked.form.get("language")) or asked.visitor.person.language
    try:
        with asked.context.database.transaction() as tx:
            people.set_profile(
                tx, asked.visitor.person.person_id, name=asked.form.get("name"), language=language
            )
    except InvalidInput as error:
        return _page(asked, {"name": error.say(asked.language)}, status=422)
    return go(f"{ME}?saved=profile")


def change_password(asked: Asked) -> Response:
    """Change one's password; the old one is confirmed under the same limits as a sign-in."""
    access, person = asked.context.access, asked.visitor.person
    old, new, again = (asked.form.raw(name) for name in ("old", "new", "again"))
    try:
        check_password(new, person.login)
        if new != again:
            return _page(asked, {"again": asked.say(N_("The two passwords differ."))}, status=422)
        with asked.context.database.transaction() as tx:
            attempt = access.sessions.begin(tx, person.login, address_of(asked.request), asked.now)
        if not access.sessions.check(attempt, old).right:
            return _page(asked, {"old": asked.say(N_("The present password is not right."))}, status=422)
    except WeakPassword as error:
        return _page(asked, {"new": error.say(asked.language)}, status=422)
    except (SignInThrottled, SignInFailed) as error:
        return _page(asked, {"old": error.say(asked.language)}, status=422)
    hashed = access.passwords.hash(new, login=person.login)
    with asked.context.database.transaction() as tx:
        access.sessions.change_password(tx, asked.visitor, asked.token, hashed, asked.now)
    return go(f"{ME}?saved=password")


def end_session(asked: Asked) -> Response:
    """Sign out one of one's other browsers."""
    with asked.context.database.transaction() as tx:
        asked.context.access.sessions.revoke(tx, asked.visitor, asked.part("session_id"), asked.now)
    return go_whole(asked, f"{ME}?saved=session")


def switch(asked: Asked) -> Response:
    """Look at another merchant."""
    with asked.context.database.transaction() as tx:
        visitor = asked.context.access.sessions.switch(tx, asked.token, asked.part("merchant_id"), asked.now)
    return go(first_place(visitor.permissions))
