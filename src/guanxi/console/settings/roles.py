"""Roles of the merchant's own."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.access.decide import check_role
from guanxi.access.permissions import Permission, Role
from guanxi.access.service import people
from guanxi.console.forms import Checked
from guanxi.console.i18n import N_
from guanxi.console.render import path
from guanxi.console.session import Asked, Page, go, go_whole, post
from guanxi.console.settings.people import HERE as PEOPLE, NEEDS
from guanxi.kernel.errors import NotFound

HERE: Final = "/console/settings/roles"


def pages() -> list[Page]:
    """Return the pages of roles."""
    return [
        Page(f"{HERE}/new", new, NEEDS),
        post(f"{HERE}/new", save, NEEDS),
        Page(f"{HERE}/{{key}}", one, NEEDS),
        post(f"{HERE}/{{key}}", save, NEEDS),
        post(f"{HERE}/{{key}}/delete", delete, NEEDS),
    ]


def new(asked: Asked) -> Response:
    """Show an empty form."""
    return _form(asked, {}, [], fresh=True)


def one(asked: Asked) -> Response:
    """Show a role; a merchant's own can be changed."""
    role = _role(asked)
    values = {"key": role.key, "name_zh": role.name.zh, "name_en": role.name.en}
    return _form(asked, values, sorted(role.permissions), fresh=False, built_in=role.built_in)


def _role(asked: Asked) -> Role:
    key = asked.part("key")
    with asked.context.database.reading() as tx:
        for role in people.list_roles(tx, asked.merchant_id):
            if role.key == key:
                return role
    raise NotFound(what_zh="角色", what_en="role", key=key)


def _form(
    asked: Asked,
    values: dict[str, str],
    chosen: list[str],
    errors: dict[str, str] | None = None,
    *,
    fresh: bool,
    built_in: bool = False,
) -> Response:
    key = values.get("key", "")
    return asked.render(
        "settings/role.html",
        status=422 if errors else 200,
        values={"key": "", "name_zh": "", "name_en": "", **values},
        chosen=chosen,
        errors=errors or {},
        fresh=fresh,
        built_in=built_in,
        people=PEOPLE,
        action=f"{HERE}/new" if fresh else path("console", "settings", "roles", key),
        permissions=[
            (one.value, one.label.in_(asked.language)) for one in Permission if built_in or asked.may(one)
        ],
    )


def save(asked: Asked) -> Response:
    """Make or change a role."""
    fresh = "key" not in asked.request.path_params
    key = asked.form.get("key") if fresh else asked.part("key")
    names = {name: asked.form.get(name) for name in ("name_zh", "name_en")}
    chosen = asked.form.all("permissions")
    wanted = frozenset(one for one in Permission if one.value in chosen)
    checked = Checked(asked)
    if not (names["name_zh"] or names["name_en"]):
        checked.wrong("name_zh", N_("Say what the role is called."))
    elif not wanted:
        checked.wrong("permissions", N_("Tick one at least."))
    else:
        checked.field("key", check_role, key, names["name_zh"], names["name_en"], wanted)
    if checked:
        with checked.noting("permissions"), asked.context.database.transaction() as tx:
            people.save_role(
                tx, asked.merchant_id, key, **names, permissions=wanted, by=asked.actor, now=asked.now
            )
    if not checked:
        return _form(asked, {"key": key, **names}, chosen, checked.errors, fresh=fresh)
    return go(f"{PEOPLE}?done=role")


def delete(asked: Asked) -> Response:
    """Delete a role that nobody holds."""
    with asked.context.database.transaction() as tx:
        people.delete_role(tx, asked.merchant_id, asked.part("key"), by=asked.actor, now=asked.now)
    return go_whole(asked, f"{PEOPLE}?done=role-gone")
