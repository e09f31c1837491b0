"""Releases: what went live together, by whom and why, and the way back."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.console.definitions.shown import (
    HERE,
    RELEASES,
    TONES,
    diff_lines,
    doers,
    href_of,
    kind_label,
    summary_of,
)
from guanxi.console.i18n import N_
from guanxi.console.session import Asked, Page
from guanxi.console.shell import Column, ListView
from guanxi.definitions.model import Release
from guanxi.definitions.service import Definitions
from guanxi.kernel.errors import NotFound

_COLUMNS: Final = (
    Column("number", N_("Release")),
    Column("what", N_("What changed")),
    Column("why", N_("Why"), wide_only=True),
    Column("who", N_("By whom"), wide_only=True),
    Column("when", N_("When"), wide_only=True),
)
_PAGE: Final = 50
_MOST: Final = 2**62
_DONE: Final = {
    "applied": N_("Live now. Everything below went live together."),
    "restored": N_("Everything is again as it was after the release that you chose."),
    "same": N_("It was so already; nothing has changed."),
}


def pages() -> list[Page]:
    """Return the list of releases and the page of one."""
    needs = Permission.DEFINITIONS_READ
    return [Page(RELEASES, listed, needs), Page(f"{RELEASES}/{{number}}", one, needs)]


def number_of(asked: Asked) -> int:
    """Return the release that the address names; raises ``NotFound`` for what is no number."""
    said = asked.part("number")
    if not (said.isascii() and said.isdigit() and len(said) < 16):
        raise NotFound(what_zh="发布", what_en="release", key=said)
    return int(said)


def listed(asked: Asked) -> Response:
    """List releases, the newest first."""
    cursor = asked.query.get("cursor", "")
    before = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 16 else _MOST
    with asked.context.database.reading() as tx:
        found = asked.service(Definitions).releases(tx, asked.merchant_id, before=before, limit=_PAGE + 1)
    view = ListView(
        path=RELEASES,
        cursor=cursor if before < _MOST else "",
        next_cursor=str(found[_PAGE - 1].number) if len(found) > _PAGE else None,
    )
    who = doers(asked)
    return asked.render(
        "definitions/releases.html",
        list=view,
        columns=asked.columns(_COLUMNS),
        rows=[_row(asked, release, who(release.applied_by)) for release in found[:_PAGE]],
        done=_DONE.get(asked.query.get("done", ""), ""),
        here=HERE,
    )


def _row(asked: Asked, release: Release, who: str) -> dict[str, Any]:
    return {
        "href": f"{RELEASES}/{release.number}",
        "release": release,
        "what": summary_of(asked, release),
        "who": who,
    }


def one(asked: Asked) -> Response:
    """Show what a release brought, each with its difference to the version before."""
    number, service = number_of(asked), asked.service(Definitions)
    with asked.context.database.reading() as tx:
        brought = service.of_release(tx, asked.merchant_id, number)
        newest = service.release(tx, asked.merchant_id)
        before = {
            version.ref: service.version(tx, asked.merchant_id, version.ref, version.version - 1).text
            for version in brought
            if version.version > 1
        }
    release = brought[0].release
    return asked.render(
        "definitions/release.html",
        release=release,
        newest=newest,
        who=doers(asked)(release.applied_by),
        what=summary_of(asked, release),
        changes=[
            {
                "href": href_of(version.ref),
                "key": version.ref.key,
                "kind": kind_label(asked, version.ref.kind),
                "action": version.action.label.in_(asked.language),
                "tone": TONES[version.action],
                "version": version.version,
                "diff": diff_lines(before.get(version.ref, ""), version.text),
            }
            for version in brought
        ],
        href=f"{RELEASES}/{number}",
        done=_DONE.get(asked.query.get("done", ""), ""),
        here=HERE,
        releases=RELEASES,
    )
