"""Lists of members: put in from a file, one identity a line."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.access.actions import Action
from guanxi.access.permissions import Permission
from guanxi.access.service import trail
from guanxi.console.audiences.one import line_of
from guanxi.console.audiences.paths import HERE, page_of
from guanxi.console.forms import Checked
from guanxi.console.i18n import N_
from guanxi.console.session import Asked, Page, post
from guanxi.customers.audiences.lines import lines_of
from guanxi.customers.audiences.model import AudienceLine, Put
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.boards.service import Boards
from guanxi.customers.identity.kinds import KINDS
from guanxi.kernel.errors import Unavailable

NEEDS: Final = Permission.DEFINITIONS_WRITE
MOST_UPLOAD: Final = 64 << 20
UPLOADS: Final = {f"{HERE}/put/": MOST_UPLOAD}
"""Bytes that a server must let through, by the beginning of the address."""


def pages() -> list[Page]:
    """Return the pages of putting members on a list."""
    return [
        Page(f"{HERE}/put/{{key}}", show, NEEDS),
        post(f"{HERE}/put/{{key}}", put, NEEDS, upload=MOST_UPLOAD),
    ]


def show(asked: Asked) -> Response:
    """Show the form."""
    return _form(asked, line_of(asked, asked.part("key")), {}, None)


def _form(asked: Asked, line: AudienceLine, errors: dict[str, str], done: Put | None) -> Response:
    return asked.render(
        "audiences/put.html",
        status=422 if errors else 200,
        line=line,
        name=line.label.in_(asked.language),
        href=page_of(line.key),
        action=f"{HERE}/put/{line.key}",
        kinds=[(key, kind.label.in_(asked.language)) for key, kind in KINDS.items()],
        kind=asked.form.get("kind") or "phone",
        scope=asked.form.get("scope"),
        replace=asked.form.get("replace") == "yes",
        errors=errors,
        put=done,
    )


def put(asked: Asked) -> Response:
    """Put those whom a file names on the list, and say what became of each row that names nobody."""
    line = line_of(asked, asked.part("key"))
    checked = Checked(asked)
    kind, scope = asked.form.get("kind"), asked.form.get("scope")
    if kind not in KINDS:
        checked.wrong("kind", N_("Choose one."))
    elif KINDS[kind].scope and not scope:
        checked.wrong("scope", N_("Say which account or app it belongs to."))
    if asked.file is None:
        checked.wrong("file", N_("Choose a file with one identity a line."))
    done = None
    if checked and asked.file is not None:
        replace = asked.form.get("replace") == "yes"
        with checked.noting("file"):
            done = asked.service(Audiences).put(
                asked.merchant,
                line.key,
                enumerate(lines_of(asked.file), 1),
                kind,
                scope if KINDS[kind].scope else "",
                replace=replace,
            )
            _record(asked, line.key, done, replace=replace)
            _renew(asked)
    return _form(asked, line, checked.errors, done)


def _record(asked: Asked, key: str, done: Put, *, replace: bool) -> None:
    told = {name: value for name, value in done._asdict().items() if name != "examples"}
    with asked.context.database.transaction() as tx:
        trail.record(
            tx,
            asked.merchant_id,
            Action.LIST_PUT,
            by=asked.actor,
            now=asked.now,
            target=key,
            detail={**told, "replace": replace},
        )


def _renew(asked: Asked) -> None:
    """Count the list into the board at once; if somebody else is at it, it counts a few minutes later."""
    try:
        asked.service(Boards).refresh(asked.merchant, force=True)
    except Unavailable:
        return
