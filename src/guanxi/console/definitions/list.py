"""Everything that is defined, by kind."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.console.definitions.shown import HERE, RELEASES, doers, href_of, kind_label, label_of
from guanxi.console.i18n import N_
from guanxi.console.session import Asked, Page
from guanxi.console.shell import Column, ListView
from guanxi.definitions import Definition
from guanxi.definitions.model import Version
from guanxi.definitions.service import Definitions

_COLUMNS: Final = (
    Column("name", N_("Definition")),
    Column("kind", N_("Kind")),
    Column("version", N_("Version"), end=True, wide_only=True, optional=True),
    Column("changed", N_("Last changed"), wide_only=True),
    Column("who", N_("By whom"), wide_only=True, optional=True),
    Column("why", N_("Why"), wide_only=True, optional=True),
)
_PAGE: Final = 200
_DONE: Final = {"removed": N_("Deleted. Its history stays, and it can be brought back from the releases.")}


def pages() -> list[Page]:
    """Return the page of the list."""
    return [Page(HERE, show, Permission.DEFINITIONS_READ)]


def show(asked: Asked) -> Response:
    """List what is live, by kind, or what a search finds in names, labels and texts."""
    text, kind = asked.query.get("q", "").strip()[:200], asked.query.get("kind", "")
    service = asked.service(Definitions)
    with asked.context.database.reading() as tx:
        standing = service.standing(tx, asked.merchant_id)
        live = service.live(tx, asked.merchant_id).definitions
    counts = Counter(one.ref.kind for one in standing)
    order = {name: place for place, name in enumerate(service.kinds)}
    found = sorted(
        (
            one
            for one in standing
            if (not kind or one.ref.kind == kind) and _matches(one, live[one.ref], text.lower())
        ),
        key=lambda one: (order.get(one.ref.kind, len(order)), one.ref),
    )
    cursor = asked.query.get("cursor", "")
    start = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 9 else 0
    end = start + _PAGE
    view = ListView(
        path=HERE,
        params=(("q", text), ("kind", kind)),
        total=len(found),
        cursor=cursor if start else "",
        next_cursor=str(end) if end < len(found) else None,
    )
    who = doers(asked)
    return asked.render(
        "definitions/list.html",
        list=view,
        columns=asked.columns(_COLUMNS),
        rows=[_row(asked, one, live[one.ref], who(one.release.applied_by)) for one in found[start:end]],
        asked=text,
        kind=kind,
        kinds=[
            {"key": name, "label": kind_label(asked, name), "count": counts[name]} for name in service.kinds
        ],
        total=len(standing),
        done=_DONE.get(asked.query.get("done", ""), ""),
        here=HERE,
        releases=RELEASES,
    )


def _matches(one: Version, definition: Definition, text: str) -> bool:
    label = label_of(definition)
    return not text or any(text in said.lower() for said in (one.ref.key, label.zh, label.en, one.text))


def _row(asked: Asked, one: Version, definition: Definition, who: str) -> dict[str, Any]:
    return {
        "href": href_of(one.ref),
        "label": label_of(definition).in_(asked.language),
        "key": one.ref.key,
        "kind": kind_label(asked, one.ref.kind),
        "version": one.version,
        "release": one.release,
        "who": who,
    }
