"""Long work over HTTP: how far it is, what came of it, and cancelling it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from guanxi.access import Permission
from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of, service
from guanxi.api.paging import PageAsked, Paged
from guanxi.api.problems import BothLanguages
from guanxi.api.values import Instant, Output
from guanxi.runtime.work import decide
from guanxi.runtime.work.model import State, Unit, Work
from guanxi.runtime.work.service import Works

router = APIRouter(prefix="/v1/work", tags=["work"])

Context = Annotated[ApiContext, Depends(context_of)]
WorksService = Annotated[Works, service(Works)]
Reader = Annotated[Caller, require(Permission.DEFINITIONS_READ)]
WorkId = Annotated[str, Path(pattern=r"^wrk_[0-9a-hjkmnp-tv-z]{24}$")]


class WorkError(Output):
    """Why a piece of work failed."""

    code: str
    message: BothLanguages


class WorkView(Output):
    """A piece of long work."""

    id: str
    kind: str = Field(description="such as `audience.export`")
    title: BothLanguages
    state: State
    scope: str = Field(description="what a key must be allowed to see and cancel it")
    asked_by: str = Field(description="id of the person or key")
    asked_at: Instant
    started_at: Instant | None = Field(description="when it was last begun")
    ended_at: Instant | None
    attempts: int = Field(description="how often it was begun; one whose process was killed is begun again")
    done: int | None = Field(description="rows done; null where nothing can be counted")
    total: int | None = Field(description="rows there are; null while nobody knows")
    rate: float | None = Field(description="rows a second, since it was begun")
    seconds_left: float | None = Field(description="at this rate, or by how long it took the last time")
    counts: dict[str, int] = Field(description="what came of it, in figures")
    file: str | None = Field(
        description="what the file is called that it wrote; people fetch it in the console, for 7 days or until a"
        " member is erased"
    )
    error: WorkError | None


class WorkPage(Paged[WorkView]):
    """Some work, the latest asked for first."""


def view(work: Work, now: int) -> WorkView:
    """Return a piece of work as the API shows it."""
    rows = work.unit is Unit.ROWS
    found = decide.progress(work, now)
    return WorkView(
        id=work.id,
        kind=work.kind,
        title=BothLanguages(zh=work.title.zh, en=work.title.en),
        state=work.state,
        scope=work.permission,
        asked_by=work.asker.id,
        asked_at=work.asked_at,
        started_at=work.started_at or None,
        ended_at=work.ended_at or None,
        attempts=work.attempts,
        done=work.done if rows else None,
        total=work.whole if rows and work.whole else None,
        rate=round(found.rate, 1) if found.rate is not None else None,
        seconds_left=round(found.left / 1_000_000, 1) if found.left is not None else None,
        counts=dict(work.outcome.counts),
        file=work.outcome.file or None,
        error=WorkError(code=work.reason.code, message=BothLanguages(zh=work.reason.zh, en=work.reason.en))
        if work.state is State.FAILED
        else None,
    )


@router.get("")
def list_work(caller: Reader, context: Context, works: WorksService, page: PageAsked) -> WorkPage:
    """List the long work of the last seven days that the key's scopes allow to see."""
    with context.database.reading() as tx:
        found = works.page(
            tx, caller.merchant_id, permissions=caller.key.scopes, cursor=page.cursor, limit=page.limit
        )
    now = context.clock.now()
    return WorkPage(items=[view(one, now) for one in found.items], next_cursor=found.next_cursor)


@router.get("/{work_id}")
def get_work(work_id: WorkId, caller: Reader, context: Context, works: WorksService) -> WorkView:
    """Return a piece of long work."""
    with context.database.reading() as tx:
        work = works.get(tx, caller.merchant_id, work_id)
    caller.need(Permission(work.permission))
    return view(work, context.clock.now())


@router.post("/{work_id}/cancel")
def cancel_work(work_id: WorkId, caller: Reader, context: Context, works: WorksService) -> WorkView:
    """Cancel a piece of long work; it stops within seconds and leaves nothing. What has ended stays as it is."""
    with context.database.transaction() as tx:
        work = works.get(tx, caller.merchant_id, work_id)
        caller.need(Permission(work.permission))
        work = works.cancel(tx, caller.merchant_id, work_id)
    return view(work, context.clock.now())
