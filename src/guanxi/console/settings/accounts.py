"""The merchant's enterprise accounts."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.console.forms import Checked
from guanxi.console.i18n import N_
from guanxi.console.places import SETTINGS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page, go, go_whole, post
from guanxi.console.shell import Column, ListView
from guanxi.customers.accounts.model import AccountKind, Platform
from guanxi.customers.accounts.service import get_account, list_accounts, remove_account, save_account
from guanxi.storage.database import Transaction
from guanxi.storage.events.vitals import arrivals

HERE: Final = f"{SETTINGS}/accounts"
_NEEDS: Final = Permission.SETTINGS_MANAGE
_COLUMNS: Final = (
    Column("name", N_("Account")),
    Column("platform", N_("Platform")),
    Column("kind", N_("Kind"), wide_only=True),
    Column("key", N_("Code"), wide_only=True),
    Column("created", N_("Declared"), wide_only=True),
)
_DONE: Final = {"account": N_("The account is saved."), "removed": N_("The account is no longer declared.")}


def pages() -> list[Page]:
    """Return the pages of accounts."""
    return [
        Page(HERE, show, _NEEDS),
        Page(f"{HERE}/seen", seen, _NEEDS),
        Page(f"{HERE}/new", new, _NEEDS),
        post(f"{HERE}/new", save, _NEEDS),
        Page(f"{HERE}/{{key}}", edit, _NEEDS),
        post(f"{HERE}/{{key}}", save, _NEEDS),
        post(f"{HERE}/{{key}}/remove", remove, _NEEDS),
    ]


def show(asked: Asked) -> Response:
    """List the declared accounts."""
    with asked.context.database.reading() as tx:
        found = list_accounts(tx, asked.merchant_id)
    rows = [{"href": path("console", "settings", "accounts", one.key), "account": one} for one in found]
    return asked.render(
        "settings/accounts.html",
        list=ListView(path=HERE, total=len(found)),
        columns=asked.columns(_COLUMNS),
        rows=rows,
        done=_DONE.get(asked.query.get("done", ""), ""),
    )


def seen(asked: Asked) -> Response:
    """Say which accounts sent events lately without having been declared."""
    with asked.context.database.reading() as tx:
        declared = {one.key for one in list_accounts(tx, asked.merchant_id)}
    came = arrivals(asked.context.database, asked.context.log, asked.merchant_id, asked.now)
    strangers: dict[str, int] = {}
    for one in came:
        if one.account and one.account not in declared:
            strangers[one.account] = strangers.get(one.account, 0) + one.day
    return asked.render("settings/seen.html", strangers=strangers)


def new(asked: Asked) -> Response:
    """Show an empty form, or one for an account that events already name."""
    return _form(asked, asked.query.get("key", ""), {"key": asked.query.get("key", "")}, fresh=True)


def edit(asked: Asked) -> Response:
    """Show an account's form; in a side panel, what it is."""
    with asked.context.database.reading() as tx:
        account = get_account(tx, asked.merchant_id, asked.part("key"))
    values = {
        "key": account.key,
        "name": account.name,
        "platform": account.platform.value,
        "kind": account.kind.value,
    }
    return _form(asked, account.name, values, fresh=False)


def _form(
    asked: Asked,
    title: str,
    values: dict[str, str],
    errors: dict[str, str] | None = None,
    *,
    fresh: bool,
) -> Response:
    return asked.render(
        "settings/account.html",
        status=422 if errors else 200,
        title=title,
        values={"key": "", "name": "", "platform": "", "kind": "", **values},
        errors=errors or {},
        fresh=fresh,
        here=HERE,
        action=f"{HERE}/new" if fresh else path("console", "settings", "accounts", values["key"]),
        platforms=[(one.value, one.label.in_(asked.language)) for one in Platform],
        kinds=[(one.value, one.label.in_(asked.language)) for one in AccountKind],
    )


def save(asked: Asked) -> Response:
    """Declare or change an account."""
    fresh = "key" not in asked.request.path_params
    key = asked.form.get("key") if fresh else asked.part("key")
    values = {name: asked.form.get(name) for name in ("name", "platform", "kind")}
    checked = Checked(asked)
    try:
        platform, kind = Platform(values["platform"]), AccountKind(values["kind"])
    except ValueError:
        checked.wrong("platform", N_("Choose one of the list."))
        return _form(asked, values["name"], {"key": key, **values}, checked.errors, fresh=fresh)
    with (
        checked.noting("key" if fresh and values["name"] else "name"),
        asked.context.database.transaction() as tx,
    ):
        save_account(
            tx, asked.merchant_id, key, name=values["name"], platform=platform, kind=kind, now=asked.now
        )
        _record(asked, tx, key, "saved")
    if not checked:
        return _form(asked, values["name"], {"key": key, **values}, checked.errors, fresh=fresh)
    return go(f"{HERE}?done=account")


def remove(asked: Asked) -> Response:
    """Forget the declaration of an account."""
    with asked.context.database.transaction() as tx:
        remove_account(tx, asked.merchant_id, asked.part("key"))
        _record(asked, tx, asked.part("key"), "removed")
    return go_whole(asked, f"{HERE}?done=removed")


def _record(asked: Asked, tx: Transaction, key: str, what: str) -> None:
    trail.record(
        tx,
        asked.merchant_id,
        Action.SETTINGS_CHANGED,
        by=asked.actor,
        now=asked.now,
        target=key,
        detail={"account": what},
    )
