"""Definitions over HTTP: what is live and what was, what a change would do, and changing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import ConfigDict, Field

from guanxi.access import Action, Permission
from guanxi.access.service import idempotency, trail
from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of, service
from guanxi.api.definition_views import (
    DOCUMENTS_BODY,
    NAME,
    AppliedView,
    DefinitionPage,
    DefinitionView,
    PlanView,
    ReleasePage,
    VersionPage,
    applied_view,
    body_of,
    definition_view,
    line_view,
    plan_view,
    read_documents,
    release_view,
    version_view,
)
from guanxi.api.document import problems
from guanxi.api.idempotency import REPLAYED, IdempotencyKey
from guanxi.api.paging import PageAsked
from guanxi.api.values import WHOLE, Input
from guanxi.definitions import Plan, Ref
from guanxi.definitions.model import Applied, Outdated
from guanxi.definitions.service import MAX_REASON, Definitions
from guanxi.kernel.paging import read_cursor, write_cursor
from guanxi.storage.database import Transaction

router = APIRouter(prefix="/v1", tags=["definitions"])

Context = Annotated[ApiContext, Depends(context_of)]
DefinitionsService = Annotated[Definitions, service(Definitions)]
Reader = Annotated[Caller, require(Permission.DEFINITIONS_READ)]
Writer = Annotated[Caller, require(Permission.DEFINITIONS_READ, Permission.DEFINITIONS_WRITE)]
Kind = Annotated[str, Path(pattern=NAME, description="such as `audience`")]
Key = Annotated[str, Path(pattern=NAME)]
Body = Annotated[tuple[str, bytes], Depends(body_of)]
_REASON = {
    "min_length": 1,
    "max_length": MAX_REASON,
    "pattern": r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$",
}
Why = Annotated[str, Query(**_REASON, description="the reason, kept in the history", examples=["双十一人群"])]
Expect = Annotated[
    str | None,
    Query(
        pattern=r"^([0-9]{1,18}|[0-9a-f]{32})$",
        description="the hash of the plan, or the number of the release, that was seen; a conflict if it is another by now",
    ),
]
Prune = Annotated[bool, Query(description="delete what the documents do not mention")]


@router.get("/definitions")
def list_definitions(
    caller: Reader,
    context: Context,
    definitions: DefinitionsService,
    page: PageAsked,
    kind: Annotated[str | None, Query(pattern=NAME, description="only this kind")] = None,
) -> DefinitionPage:
    """List what is live, by kind and key."""
    after = Ref(*read_cursor(page.cursor, str, str)) if page.cursor is not None else Ref("", "")
    with context.database.reading() as tx:
        live = definitions.live(tx, caller.merchant_id).definitions
    wanted = sorted(ref for ref in live if ref > after and kind in {None, ref.kind})
    items = [line_view(live[ref]) for ref in wanted[: page.limit]]
    more = len(wanted) > page.limit
    return DefinitionPage(items=items, next_cursor=write_cursor(*wanted[page.limit - 1]) if more else None)


@router.get("/definitions/{kind}/{key}")
def get_definition(
    kind: Kind, key: Key, caller: Reader, context: Context, definitions: DefinitionsService
) -> DefinitionView:
    """Return a live definition and what rests on it."""
    ref = Ref(kind, key)
    with context.database.reading() as tx:
        found = definitions.get(tx, caller.merchant_id, ref)
        return definition_view(found, definitions.dependants(tx, caller.merchant_id, ref))


@router.get("/definitions/{kind}/{key}/history")
def list_versions(
    kind: Kind, key: Key, caller: Reader, context: Context, definitions: DefinitionsService, page: PageAsked
) -> VersionPage:
    """List every text that a definition ever had, the newest first: who, when and why. A deleted one has its history too."""
    before = read_cursor(page.cursor, int)[0] if page.cursor is not None else None
    with context.database.reading() as tx:
        history = definitions.history(tx, caller.merchant_id, Ref(kind, key))
    found = [one for one in history if before is None or one.version < before]
    items = [version_view(one) for one in found[: page.limit]]
    more = len(found) > page.limit
    return VersionPage(items=items, next_cursor=write_cursor(items[-1].version) if more else None)


@router.get("/releases")
def list_releases(
    caller: Reader, context: Context, definitions: DefinitionsService, page: PageAsked
) -> ReleasePage:
    """List what went live together, the newest first."""
    before = {} if page.cursor is None else {"before": read_cursor(page.cursor, int)[0]}
    with context.database.reading() as tx:
        found = definitions.releases(tx, caller.merchant_id, **before, limit=page.limit + 1)
    items = [release_view(one) for one in found[: page.limit]]
    more = len(found) > page.limit
    return ReleasePage(items=items, next_cursor=write_cursor(items[-1].id) if more else None)


@router.post("/definitions/plan", openapi_extra=DOCUMENTS_BODY, responses=problems(503))
async def plan_definitions(
    caller: Reader,
    context: Context,
    definitions: DefinitionsService,
    body: Body,
    *,
    prune: Prune = False,
    effects: Annotated[
        bool,
        Query(description="count what the change would do, which takes seconds and the scope audiences.read"),
    ] = True,
) -> PlanView:
    """Return what applying definitions would change and, in figures, do. Writes nothing.

    The body is one or more YAML documents (`text/yaml`), or JSON. What is wrong is told all at once: `params.problems` of
    the answer says where (line and column; `source` names a JSON document), why, and the nearest right name.
    """
    counted = effects and Permission.AUDIENCES_READ in caller.key.scopes

    def draw() -> PlanView:
        documents = read_documents(*body)
        return plan_view(definitions.plan(caller.merchant_id, documents, prune=prune, effects=counted))

    return await context.heavy.do(draw)


@router.post("/definitions/apply", openapi_extra=DOCUMENTS_BODY, responses=problems(409, 503))
async def apply_definitions(
    caller: Writer,
    context: Context,
    definitions: DefinitionsService,
    response: Response,
    body: Body,
    why: Why,
    expect: Expect = None,
    *,
    prune: Prune = False,
    key: IdempotencyKey = None,
) -> AppliedView:
    """Make definitions live: all of them or none. The body is as for a plan; the same definitions again change nothing.

    With `expect` nothing but what was seen is applied. Without it a conflict means that somebody else was faster.
    """

    def apply() -> AppliedView:
        documents = read_documents(*body)
        merchant_id = caller.merchant_id
        change = _Change(context, definitions, caller, Action.DEFINITIONS_APPLIED, why, expect, key)
        asked = ["POST /v1/definitions/apply", prune, *(one.text for one in documents.definitions)]
        return change.make(
            asked, lambda: definitions.plan(merchant_id, documents, prune=prune, effects=False), response
        )

    return await context.heavy.do(apply)


class RollbackInput(Input):
    """To which version, and why."""

    model_config = ConfigDict(json_schema_extra={"example": {"version": 1, "why": "误改"}})

    version: Annotated[int, Field(ge=1, le=1_000_000_000), WHOLE]
    why: Annotated[str, Field(**_REASON)]
    expect: Annotated[str | None, Field(pattern=r"^([0-9]{1,18}|[0-9a-f]{32})$")] = None


@router.post(
    "/definitions/{kind}/{key}/rollback",
    responses=problems(409, 503),
    openapi_extra={
        "requestBody": {"content": {"application/json": {"example": {"version": 1, "why": "误改"}}}}
    },
)
async def roll_back_definition(
    kind: Kind,
    key: Key,
    body: RollbackInput,
    caller: Writer,
    context: Context,
    definitions: DefinitionsService,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> AppliedView:
    """Give a definition the text of an earlier version, as a new one; back to a version that deleted it, it is deleted."""
    ref = Ref(kind, key)

    def roll_back() -> AppliedView:
        change = _Change(
            context,
            definitions,
            caller,
            Action.DEFINITIONS_ROLLED_BACK,
            body.why,
            body.expect,
            idempotency_key,
            ref=ref,
        )
        asked = ["POST /v1/definitions/{kind}/{key}/rollback", *ref, body.version]
        plan = partial(definitions.plan_rollback, caller.merchant_id, ref, body.version, effects=False)
        return change.make(asked, plan, response)

    return await context.heavy.do(roll_back)


@router.delete("/definitions/{kind}/{key}", responses=problems(409, 503))
async def delete_definition(
    kind: Kind,
    key: Key,
    caller: Writer,
    context: Context,
    definitions: DefinitionsService,
    response: Response,
    why: Why,
    expect: Expect = None,
    idempotency_key: IdempotencyKey = None,
) -> AppliedView:
    """Delete a definition that nothing rests on. Its history stays, and it can be rolled back to a version."""
    ref = Ref(kind, key)

    def delete() -> AppliedView:
        change = _Change(
            context,
            definitions,
            caller,
            Action.DEFINITIONS_REMOVED,
            why,
            expect,
            idempotency_key,
            ref=ref,
        )
        plan = partial(definitions.plan_removal, caller.merchant_id, [ref], effects=False)
        return change.make(["DELETE /v1/definitions/{kind}/{key}", *ref], plan, response)

    return await context.heavy.do(delete)


_NAMED = 20
"""Changes that a line of the audit trail names; the release holds them all."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of definitions on its way: once for an idempotency key, and told in the audit trail."""

    context: ApiContext
    definitions: Definitions
    caller: Caller
    action: Action
    why: str
    expect: str | None
    key: str | None
    ref: Ref | None = None

    def make(self, asked: list[Any], plan: Callable[[], Plan], response: Response) -> AppliedView:
        """Apply what ``plan`` returns, or give the answer that was given to the same request before."""
        asked = [*asked, self.why, self.expect]
        if (before := self._before(asked)) is None:
            try:
                return self._apply(asked, plan)
            except Outdated:
                # Perhaps it was this very request, sent twice at the same time.
                if (before := self._before(asked)) is None:
                    raise
        response.headers[REPLAYED] = "true"
        return AppliedView(**before)

    def _apply(self, asked: list[Any], plan: Callable[[], Plan]) -> AppliedView:
        caller = self.caller
        expect = int(self.expect) if self.expect and len(self.expect) < 32 else self.expect

        def beside(tx: Transaction, applied: Applied) -> None:
            self._record(tx, applied)
            self._answer(tx, asked, applied)

        applied = self.definitions.apply(
            caller.merchant_id, plan(), by=caller.key.key_id, why=self.why, expect=expect, beside=beside
        )
        if not applied.changed and self.key is not None:
            with self.context.database.transaction() as tx:
                self._answer(tx, asked, applied)
        return applied_view(applied)

    def _before(self, asked: list[Any]) -> dict[str, Any] | None:
        if self.key is None:
            return None
        with self.context.database.reading() as tx:
            found: dict[str, Any] | None = idempotency.answered(
                tx,
                self.caller.merchant_id,
                self.caller.key.key_id,
                key=self.key,
                request=asked,
                now=self.context.clock.now(),
            )
        return found

    def _answer(self, tx: Transaction, asked: list[Any], applied: Applied) -> None:
        if self.key is None:
            return
        now = self.context.clock.now()
        claim = idempotency.claim(
            tx, self.caller.merchant_id, self.caller.key.key_id, key=self.key, request=asked, now=now
        )
        if not claim.replayed:
            claim.answer(tx, applied_view(applied).model_dump(mode="json"))

    def _record(self, tx: Transaction, applied: Applied) -> None:
        changes = [f"{one.action} {one.kind} {one.key}" for one in applied_view(applied).changes]
        trail.record(
            tx,
            self.caller.merchant_id,
            self.action,
            by=self.caller.actor,
            now=self.context.clock.now(),
            target=self.ref.key if self.ref else "",
            reason=self.why,
            detail={"release": applied.release, "changes": len(changes), "first": changes[:_NAMED]},
        )
