"""Exports of an audience: the columns that one chooses, as a CSV that spreadsheets open as it is meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from starlette.responses import Response

from guanxi.access.actions import Action
from guanxi.access.permissions import Permission
from guanxi.access.service import trail
from guanxi.console.audiences.one import line_of
from guanxi.console.audiences.paths import HERE, page_of
from guanxi.console.session import Asked, Page, post
from guanxi.console.work.asking import ask, later
from guanxi.console.work.tray import download
from guanxi.customers.audiences.model import AudienceLine
from guanxi.customers.audiences.service import Audiences
from guanxi.kernel.text import Text
from guanxi.runtime.work.model import State, Work
from guanxi.runtime.work.service import Works
from guanxi.storage.database import Transaction

NEEDS: Final = Permission.AUDIENCES_EXPORT


def pages() -> list[Page]:
    """Return the pages of an export."""
    return [
        Page(f"{HERE}/{{key}}/export", show, NEEDS),
        post(f"{HERE}/{{key}}/export", export, NEEDS),
    ]


def show(asked: Asked) -> Response:
    """Show the columns there are."""
    return _form(asked, line_of(asked, asked.part("key")), "")


def _form(asked: Asked, line: AudienceLine, error: str) -> Response:
    known = asked.service(Audiences).vocabulary(asked.merchant).catalogue.attributes
    return asked.render(
        "audiences/export.html",
        status=422 if error else 200,
        line=line,
        name=line.label.in_(asked.language),
        href=page_of(line.key),
        columns=[(name, one.label.in_(asked.language)) for name, one in known.items()],
        error=error,
        errors={},
    )


def export(asked: Asked) -> Response:
    """Answer with the file, or lead to where it will be; the audit trail says who asked for it and with which columns."""
    audiences, line = asked.service(Audiences), line_of(asked, asked.part("key"))
    known = audiences.vocabulary(asked.merchant).catalogue.attributes
    columns = [name for name in known if name in set(asked.form.all("column"))]

    def record(tx: Transaction) -> None:
        trail.record(
            tx,
            asked.merchant_id,
            Action.AUDIENCE_EXPORTED,
            by=asked.actor,
            now=asked.now,
            target=line.key,
            reason=asked.form.get("reason"),
            detail={"columns": columns},
        )

    title = Text(f"导出人群「{line.label.zh}」", f"Export of {line.label.en}")
    arguments = {"key": line.key, "columns": columns}
    work = ask(asked, "audience.export", title, arguments, NEEDS, beside=record)
    if work.state is State.DONE:
        return download(_once(asked, work), work.outcome.file)
    if work.state.ended:
        return _form(asked, line, work.reason.say(asked.language) or work.state.label.in_(asked.language))
    return later(page_of(line.key))


def _once(asked: Asked, work: Work) -> Iterator[bytes]:
    """Yield the file of an export that is answered with, and keep it no longer than that."""
    with asked.service(Works).reading_once(work) as pieces:
        yield from pieces
