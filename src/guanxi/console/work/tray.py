"""The tray: somebody's long work of today, how far it is, and what came of it."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response, StreamingResponse

from guanxi.access import Permission
from guanxi.console import formats
from guanxi.console.i18n import N_
from guanxi.console.places import WORK
from guanxi.console.render import path, toast
from guanxi.console.session import Asked, Page, post
from guanxi.kernel.errors import NotFound
from guanxi.runtime.work import decide
from guanxi.runtime.work.model import State, Work
from guanxi.runtime.work.service import Works

TRAY: Final = f"{WORK}/tray"
_PATIENCE: Final = 10_000_000
"""How long (µs) work waits before the tray says what it may be waiting for."""

_TONES: Final = {State.DONE: "ok", State.FAILED: "bad", State.CANCELLED: "warn"}
_ENDINGS: Final = {
    State.DONE: N_("%(title)s: done"),
    State.FAILED: N_("%(title)s: failed"),
    State.CANCELLED: N_("%(title)s: cancelled"),
}
_OURS: Final = frozenset({"internal", "runner_lost", "no_kind"})
"""Reasons that are no fault of whoever asked."""


def pages() -> list[Page]:
    """Return the tray, and what can be done with a piece of work."""
    return [
        Page(TRAY, tray),
        post(f"{WORK}/{{id}}/cancel", cancel),
        Page(f"{WORK}/{{id}}/file", fetch),
    ]


def tray(asked: Asked) -> Response:
    """Show today's work; of what has ended since it was last looked at, say so."""
    with asked.context.database.reading() as tx:
        found = of_today(asked, tx)
    before = set(asked.query.get("running", "").split(","))
    ended = [one for one in found if one.state.ended and one.id in before]
    headers: dict[str, str] = {}
    if ended:
        newest = ended[0]
        text = asked.say(_ENDINGS[newest.state], title=newest.title.in_(asked.language))
        headers = toast(text, tone=_TONES[newest.state])
    return _shown(asked, found, headers)


def cancel(asked: Asked) -> Response:
    """Cancel a piece of one's own work."""
    work = own(asked)
    with asked.context.database.transaction() as tx:
        asked.service(Works).cancel(tx, asked.merchant_id, work.id)
    with asked.context.database.reading() as tx:
        return _shown(asked, of_today(asked, tx), {})


def fetch(asked: Asked) -> Response:
    """Answer with the file that a piece of one's own work wrote."""
    work = own(asked)
    return download(asked.service(Works).read(work), work.outcome.file)


def download(pieces: Any, name: str) -> Response:
    """Answer with a CSV as a file."""
    return StreamingResponse(
        pieces,
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def own(asked: Asked, work_id: str = "") -> Work:
    """Return a piece of one's own work that one may still see; raises ``NotFound``, ``Forbidden``."""
    work_id = work_id or asked.part("id")
    with asked.context.database.reading() as tx:
        work = asked.service(Works).get(tx, asked.merchant_id, work_id)
    if work.asker.id != asked.actor.id:
        raise NotFound(what_zh="任务", what_en="piece of work", key=work_id)
    if work.permission:
        asked.need(Permission(work.permission))
    return work


def file_of(work: Work) -> str:
    """Return where the file of a piece of work is fetched; empty if it has none."""
    return path("console", "work", work.id, "file") if work.outcome.part else ""


def of_today(asked: Asked, tx: Any) -> list[Work]:
    """Return one's work that was asked for today, or has not ended; not what was answered at once."""
    since = asked.merchant.days.start(asked.today)
    return asked.service(Works).of(tx, asked.merchant_id, asked.actor.id, since)


def _shown(asked: Asked, found: list[Work], headers: dict[str, str]) -> Response:
    jobs = [job(asked, one) for one in found]
    return asked.render("work/tray.html", headers=headers, jobs=jobs, href=_again(found))


def _again(found: list[Work]) -> str:
    running = ",".join(one.id for one in found if not one.state.ended)
    return f"{TRAY}?running={running}" if running else TRAY


def job(asked: Asked, work: Work) -> dict[str, Any]:
    """Return a piece of work as the tray shows it."""
    shown: dict[str, Any] = {
        "id": work.id,
        "title": work.title.in_(asked.language),
        "state": work.state.value,
        "at": work.ended_at or work.asked_at,
    }
    if not work.state.ended:
        return shown | {"cancel": path("console", "work", work.id, "cancel")} | _under_way(asked, work)
    said = work.outcome.said.in_(asked.language)
    if work.state is State.DONE:
        shown |= {"said": said} if said else {}
        shown |= {"href": work.link} if work.link else {}
        if work.outcome.part:
            shown |= {"file": file_of(work), "size": work.outcome.size, "bad": "bad" in work.outcome.counts}
        elif work.kind.endswith(".export"):
            shown["gone"] = True
    if work.state is State.FAILED:
        shown |= {"error": work.reason.say(asked.language), "ours": work.reason.code in _OURS}
    return shown


def _under_way(asked: Asked, work: Work) -> dict[str, Any]:
    """Return how far work is, in words."""
    if work.state is State.WAITING:
        return {"waiting": True, "stuck": asked.now - work.asked_at > _PATIENCE}
    found = decide.progress(work, asked.now)
    shown: dict[str, Any] = {"waiting": False, "for": max(0, asked.now - work.started_at)}
    if found.share is not None:
        shown["share"] = found.share
    if found.rate is not None and found.left is not None:
        shown["rate"] = asked.say(N_("%(rate)s rows/s"), rate=formats.number(round(found.rate)))
    if found.left is not None:
        shown["left"] = formats.duration(max(found.left, 1_000_000), asked.language)
    return shown
