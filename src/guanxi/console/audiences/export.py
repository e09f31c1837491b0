"""Exports of an audience: the columns that one chooses, as a CSV that spreadsheets open as it is meant."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain
from typing import Final

from starlette.responses import Response, StreamingResponse

from guanxi.access.actions import Action
from guanxi.access.permissions import Permission
from guanxi.access.service import trail
from guanxi.console.audiences.one import line_of
from guanxi.console.audiences.paths import HERE, page_of
from guanxi.console.session import Asked, Page, post
from guanxi.customers.audiences.service import Audiences
from guanxi.kernel.clock import day_to_date

NEEDS: Final = Permission.AUDIENCES_EXPORT
_PIECE: Final = 1 << 16
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def pages() -> list[Page]:
    """Return the pages of an export."""
    return [
        Page(f"{HERE}/{{key}}/export", show, NEEDS),
        post(f"{HERE}/{{key}}/export", export, NEEDS),
    ]


def show(asked: Asked) -> Response:
    """Show the columns there are."""
    line = line_of(asked, asked.part("key"))
    known = asked.service(Audiences).vocabulary(asked.merchant).catalogue.attributes
    return asked.render(
        "audiences/export.html",
        line=line,
        name=line.label.in_(asked.language),
        href=page_of(line.key),
        columns=[(name, one.label.in_(asked.language)) for name, one in known.items()],
        errors={},
    )


def export(asked: Asked) -> Response:
    """Answer with the file, piece by piece; the audit trail says who took it and with which columns."""
    audiences, line = asked.service(Audiences), line_of(asked, asked.part("key"))
    known = audiences.vocabulary(asked.merchant).catalogue.attributes
    columns = [name for name in known if name in set(asked.form.all("column"))]
    rows = audiences.export(asked.merchant, audiences.rule_of(asked.merchant, line.key), columns)
    # Nobody is told that a file follows before it is certain that it can be made.
    first = next(rows)
    with asked.context.database.transaction() as tx:
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
    day = day_to_date(asked.today).isoformat()
    return StreamingResponse(
        pieces(chain([first], rows)),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{line.key}-{day}.csv"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def pieces(rows: Iterable[list[str]]) -> Iterator[str]:
    """Yield CSV in pieces of some size, with the mark by which Excel knows UTF-8, and nothing that it would compute."""
    out = StringIO("\ufeff")
    out.seek(1)
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
        if out.tell() >= _PIECE:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def harmless(cell: str) -> str:
    """Return a cell that a spreadsheet shows as it is: what begins like a formula and is no number gets a quote before it."""
    if not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return "'" + cell
    return cell
