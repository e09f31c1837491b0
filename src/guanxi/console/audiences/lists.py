"""Lists of members: put in from a file, one identity a line."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.access.permissions import Permission
from guanxi.console.audiences.one import line_of
from guanxi.console.audiences.paths import HERE, page_of
from guanxi.console.forms import Checked
from guanxi.console.i18n import N_
from guanxi.console.session import Asked, Page, post
from guanxi.console.work.asking import ask, later
from guanxi.console.work.tray import file_of, own
from guanxi.customers.audiences.model import AudienceLine, BadRow, Put
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.identity.kinds import KINDS
from guanxi.kernel.errors import NotFound
from guanxi.kernel.text import Text
from guanxi.runtime.work.model import State, Work

NEEDS: Final = Permission.DEFINITIONS_WRITE
KIND_OF_WORK: Final = "audience.put"
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
    """Show the form, and what became of a file that was put in before."""
    work = own(asked, asked.query["done"]) if "done" in asked.query else None
    if work is not None and (work.kind != KIND_OF_WORK or work.arguments["key"] != asked.part("key")):
        raise NotFound(what_zh="任务", what_en="piece of work", key=work.id)
    return _form(asked, line_of(asked, asked.part("key")), {}, work)


def _form(asked: Asked, line: AudienceLine, errors: dict[str, str], work: Work | None) -> Response:
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
        put=_put(work) if work is not None and work.state is State.DONE else None,
        bad_lines=file_of(work) if work is not None else "",
    )


def _put(work: Work) -> Put:
    """Return what became of a file."""
    counts = work.outcome.counts
    examples = tuple(BadRow(line, Text(zh, en)) for line, zh, en in work.outcome.detail["examples"])
    return Put(counts["rows"], counts["added"], counts["known"], counts["bad"], examples)


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
    with checked.noting("file"), asked.context.database.reading() as tx:
        asked.service(Audiences).be_static(tx, asked.merchant_id, line.key)
    if not checked or asked.file is None:
        return _form(asked, line, checked.errors, None)
    arguments = {
        "key": line.key,
        "kind": kind,
        "scope": scope if KINDS[kind].scope else "",
        "replace": asked.form.get("replace") == "yes",
    }
    title = Text(f"导入名单「{line.label.zh}」", f"List put into {line.label.en}")
    link = f"{HERE}/put/{line.key}?done={{id}}"
    work = ask(asked, KIND_OF_WORK, title, arguments, NEEDS, link=link, source=asked.file)
    if not work.state.ended:
        return later(page_of(line.key))
    if work.state is not State.DONE:
        checked.errors["file"] = work.reason.say(asked.language) or work.state.label.in_(asked.language)
    return _form(asked, line, checked.errors, work)
