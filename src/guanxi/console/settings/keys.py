"""API keys: made, shown once, revoked."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.access import Key, KeyDraft, KeyKind, Permission
from guanxi.access.decide import check_name
from guanxi.access.service import people
from guanxi.console.forms import WHOLE, Checked
from guanxi.console.i18n import N_
from guanxi.console.places import SETTINGS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page, go_whole, post
from guanxi.console.shell import Column, ListView
from guanxi.customers.accounts.service import list_accounts
from guanxi.kernel.clock import DAY

HERE: Final = f"{SETTINGS}/keys"
_NEEDS: Final = Permission.KEYS_MANAGE
_COLUMNS: Final = (
    Column("name", N_("Key")),
    Column("kind", N_("Kind"), wide_only=True),
    Column("state", N_("State")),
    Column("scopes", N_("Allows"), wide_only=True),
    Column("used", N_("Last used"), wide_only=True),
    Column("created", N_("Made"), wide_only=True),
)
_LIVES: Final = (
    ("", N_("Until it is revoked")),
    ("30", N_("30 days")),
    ("90", N_("90 days")),
    ("365", N_("A year")),
)
_DONE: Final = {"revoked": N_("The key is revoked. Requests by it are refused within five seconds.")}


def pages() -> list[Page]:
    """Return the pages of keys."""
    return [
        Page(HERE, show, _NEEDS),
        Page(f"{HERE}/new", new, _NEEDS),
        post(f"{HERE}/new", create, _NEEDS),
        Page(f"{HERE}/{{key_id}}", one, _NEEDS),
        post(f"{HERE}/{{key_id}}/revoke", revoke, _NEEDS),
    ]


def show(asked: Asked) -> Response:
    """List keys, newest first, revoked ones too."""
    cursor = asked.query.get("cursor")
    with asked.context.database.reading() as tx:
        page = asked.context.access.keys.list(tx, asked.merchant_id, cursor=cursor)
    return asked.render(
        "settings/keys.html",
        list=ListView(path=HERE, cursor=cursor or "", next_cursor=page.next_cursor),
        columns=asked.columns(_COLUMNS),
        rows=[_row(asked, key) for key in page.items],
        done=_DONE.get(asked.query.get("done", ""), ""),
    )


def _row(asked: Asked, key: Key) -> dict[str, object]:
    if key.revoked_at is not None:
        state = ("mute", N_("Revoked"))
    elif not key.works(asked.now):
        state = ("warn", N_("Expired"))
    else:
        state = ("ok", N_("Works"))
    return {"href": path("console", "settings", "keys", key.key_id), "key": key, "state": state}


def one(asked: Asked) -> Response:
    """Show a key without its secret."""
    with asked.context.database.reading() as tx:
        key = asked.context.access.keys.get(tx, asked.merchant_id, asked.part("key_id"))
        staff = {one.person.person_id: one.person.name for one in people.list_staff(tx, asked.merchant_id)}
    return asked.render(
        "settings/key.html",
        row=_row(asked, key),
        key=key,
        maker=staff.get(key.created_by, key.created_by),
        here=HERE,
    )


def new(asked: Asked) -> Response:
    """Show the form."""
    return _form(asked, {}, [Permission.EVENTS_WRITE.value])


def _form(
    asked: Asked, values: dict[str, str], scopes: list[str], errors: dict[str, str] | None = None
) -> Response:
    with asked.context.database.reading() as tx:
        accounts = list_accounts(tx, asked.merchant_id)
    own = [permission for permission in Permission if asked.may(permission)]
    kinds = [
        (
            KeyKind.WRITE.value,
            asked.say(N_("Write key")),
            asked.say(N_("Sits in a site, an app or a mini program and can only send events.")),
        ),
        (
            KeyKind.SECRET.value,
            asked.say(N_("Secret key")),
            asked.say(N_("Stays on a server and allows what you tick.")),
        ),
    ]
    return asked.render(
        "settings/key_new.html",
        status=422 if errors else 200,
        values={"kind": "write", "name": "", "account": "", "channel": "", "life": "", **values},
        chosen=scopes,
        errors=errors or {},
        here=HERE,
        kinds=kinds,
        scopes=[(permission.value, permission.label.in_(asked.language)) for permission in own],
        accounts=[("", asked.say(N_("The event says so"))), *((one.key, one.name) for one in accounts)],
        lives=[(days, asked.say(label)) for days, label in _LIVES],
    )


def create(asked: Asked) -> Response:
    """Make a key and show its secret, which nobody is shown again."""
    values = {name: asked.form.get(name) for name in ("kind", "name", "account", "channel", "life")}
    scopes = asked.form.all("scopes")
    checked = Checked(asked)
    checked.field("name", check_name, values["name"])
    kind = KeyKind.SECRET if values["kind"] == KeyKind.SECRET else KeyKind.WRITE
    write = kind is KeyKind.WRITE
    wanted = frozenset(
        {Permission.EVENTS_WRITE} if write else {one for one in Permission if one.value in scopes}
    )
    if not wanted:
        checked.wrong("scopes", N_("Tick one at least."))
    life = int(values["life"]) if values["life"] in dict(_LIVES) and values["life"] else None
    draft = KeyDraft(
        kind,
        values["name"],
        wanted,
        values["account"] if write else "",
        values["channel"] if write else "",
        asked.now + life * DAY if life else None,
    )
    if checked:
        with checked.noting("channel" if write else WHOLE), asked.context.database.transaction() as tx:
            key, secret = asked.context.access.keys.create(
                tx, asked.merchant_id, draft, by=asked.actor, now=asked.now
            )
            address = str(asked.request.base_url).rstrip("/")
            return asked.render("settings/key_made.html", key=key, secret=secret, here=HERE, address=address)
    return _form(asked, values, scopes, checked.errors)


def revoke(asked: Asked) -> Response:
    """Refuse a key from now on."""
    with asked.context.database.transaction() as tx:
        asked.context.access.keys.revoke(
            tx, asked.merchant_id, asked.part("key_id"), by=asked.actor, now=asked.now
        )
    return go_whole(asked, f"{HERE}?done=revoked")
