"""People and what they may do here."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.access import PersonDraft, Staff
from guanxi.access.decide import check_login, check_name, check_password
from guanxi.access.permissions import Permission
from guanxi.access.service import people
from guanxi.console.forms import Checked
from guanxi.console.i18n import N_, read_language
from guanxi.console.places import SETTINGS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page, go, go_whole, post
from guanxi.console.shell import Column, ListView

HERE: Final = f"{SETTINGS}/people"
NEEDS: Final = Permission.PEOPLE_MANAGE
_COLUMNS: Final = (
    Column("name", N_("Person")),
    Column("roles", N_("Roles")),
    Column("state", N_("State"), wide_only=True),
    Column("since", N_("Since"), wide_only=True),
)
_DONE: Final = {
    "added": N_("The person can sign in now."),
    "roles": N_("The roles are changed, at once for open sessions too."),
    "password": N_("The new password is set; their sessions have ended."),
    "disabled": N_("They cannot sign in any more; their sessions have ended."),
    "enabled": N_("They can sign in again."),
    "removed": N_("They no longer work here."),
    "role": N_("The role is saved."),
    "role-gone": N_("The role is deleted."),
}


def pages() -> list[Page]:
    """Return the pages of people."""
    return [
        Page(HERE, show, NEEDS),
        Page(f"{HERE}/new", new, NEEDS),
        post(f"{HERE}/new", add, NEEDS),
        Page(f"{HERE}/{{person_id}}", one, NEEDS),
        post(f"{HERE}/{{person_id}}/roles", set_roles, NEEDS),
        post(f"{HERE}/{{person_id}}/password", set_password, NEEDS),
        post(f"{HERE}/{{person_id}}/disable", disable, NEEDS),
        post(f"{HERE}/{{person_id}}/enable", enable, NEEDS),
        post(f"{HERE}/{{person_id}}/remove", remove, NEEDS),
    ]


def show(asked: Asked) -> Response:
    """List the people who work here, and the roles there are."""
    with asked.context.database.reading() as tx:
        staff = people.list_staff(tx, asked.merchant_id)
        roles = people.list_roles(tx, asked.merchant_id)
    rows = [
        {
            "href": path("console", "settings", "people", one.person.person_id),
            "person": one.person,
            "roles": one.roles,
        }
        for one in staff
    ]
    return asked.render(
        "settings/people.html",
        list=ListView(path=HERE, total=len(rows)),
        columns=asked.columns(_COLUMNS),
        rows=rows,
        roles=roles,
        holders={role.key: sum(role in one.roles for one in staff) for role in roles},
        permissions=list(Permission),
        done=_DONE.get(asked.query.get("done", ""), ""),
    )


def _options(asked: Asked) -> list[tuple[str, str]]:
    with asked.context.database.reading() as tx:
        roles = people.list_roles(tx, asked.merchant_id)
    # A role that allows more than one has oneself cannot be given, so it is not offered.
    return [
        (role.key, role.name.in_(asked.language))
        for role in roles
        if role.permissions <= asked.visitor.permissions
    ]


def new(asked: Asked) -> Response:
    """Show the form."""
    return _new(asked, {}, [])


def _new(
    asked: Asked, values: dict[str, str], chosen: list[str], errors: dict[str, str] | None = None
) -> Response:
    return asked.render(
        "settings/person_new.html",
        status=422 if errors else 200,
        values={"login": "", "name": "", "language": asked.language, **values},
        chosen=chosen,
        errors=errors or {},
        here=HERE,
        roles=_options(asked),
    )


def add(asked: Asked) -> Response:
    """Add somebody who can sign in."""
    values = {name: asked.form.get(name) for name in ("login", "name", "language")}
    password, roles = asked.form.raw("password"), asked.form.all("roles")
    checked = Checked(asked)
    login = checked.field("login", check_login, values["login"]) or ""
    checked.field("name", check_name, values["name"])
    checked.field("password", check_password, password, login)
    if not roles:
        checked.wrong("roles", N_("Tick one at least."))
    if checked:
        hashed = asked.context.access.passwords.hash(password, login=login)
        language = read_language(values["language"]) or "zh"
        draft = PersonDraft(login, values["name"], language, tuple(roles))
        with checked.noting("login"), asked.context.database.transaction() as tx:
            people.add_person(tx, asked.merchant_id, draft, hashed, by=asked.actor, now=asked.now)
    if not checked:
        return _new(asked, values, roles, checked.errors)
    return go(f"{HERE}?done=added")


def one(asked: Asked) -> Response:
    """Show somebody who works here."""
    return _one(asked)


def _one(asked: Asked, errors: dict[str, str] | None = None, chosen: list[str] | None = None) -> Response:
    with asked.context.database.reading() as tx:
        staff: Staff = people.get_staff(tx, asked.merchant_id, asked.part("person_id"))
    return asked.render(
        "settings/person.html",
        status=422 if errors else 200,
        staff=staff,
        href=path("console", "settings", "people", staff.person.person_id),
        here=HERE,
        errors=errors or {},
        roles=_options(asked),
        chosen=chosen if chosen is not None else [role.key for role in staff.roles],
        myself=staff.person.person_id == asked.visitor.person.person_id,
        done=_DONE.get(asked.query.get("done", ""), ""),
    )


def _here(asked: Asked, done: str) -> str:
    return f"{path('console', 'settings', 'people', asked.part('person_id'))}?done={done}"


def set_roles(asked: Asked) -> Response:
    """Replace somebody's roles."""
    checked, wanted = Checked(asked), asked.form.all("roles")
    with checked.noting("roles"), asked.context.database.transaction() as tx:
        people.set_roles(
            tx, asked.merchant_id, asked.part("person_id"), wanted, by=asked.actor, now=asked.now
        )
    return go(_here(asked, "roles")) if checked else _one(asked, checked.errors, wanted)


def set_password(asked: Asked) -> Response:
    """Give somebody a new password."""
    checked, password = Checked(asked), asked.form.raw("password")
    person_id = asked.part("person_id")
    with asked.context.database.reading() as tx:
        login = people.get_staff(tx, asked.merchant_id, person_id).person.login
    checked.field("password", check_password, password, login)
    if checked:
        hashed = asked.context.access.passwords.hash(password, login=login)
        with checked.noting("password"), asked.context.database.transaction() as tx:
            people.set_password(tx, asked.merchant_id, person_id, hashed, by=asked.actor, now=asked.now)
    return go(_here(asked, "password")) if checked else _one(asked, checked.errors)


def disable(asked: Asked) -> Response:
    """Forbid somebody to sign in."""
    return _allow(asked, disabled=True)


def enable(asked: Asked) -> Response:
    """Allow somebody to sign in again."""
    return _allow(asked, disabled=False)


def _allow(asked: Asked, *, disabled: bool) -> Response:
    with asked.context.database.transaction() as tx:
        people.set_disabled(
            tx, asked.merchant_id, asked.part("person_id"), disabled=disabled, by=asked.actor, now=asked.now
        )
    return go_whole(asked, _here(asked, "disabled" if disabled else "enabled"))


def remove(asked: Asked) -> Response:
    """End somebody's work for this merchant."""
    with asked.context.database.transaction() as tx:
        people.remove_person(tx, asked.merchant_id, asked.part("person_id"), by=asked.actor, now=asked.now)
    return go_whole(asked, f"{HERE}?done=removed")
