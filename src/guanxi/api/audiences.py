"""Audiences over HTTP: who is in them and how many, by rules and by lists; and what rules know of a member."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from io import StringIO
from itertools import chain, islice
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.api.audience_views import (
    AudienceList,
    AudienceView,
    CountView,
    MemberIdPage,
    OverlapView,
    ProfileView,
    PutView,
    RuleView,
    SizeList,
    SizeView,
    audience_view,
    count_view,
    line_view,
    profile_view,
    put_view,
    rule_view,
)
from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of, service
from guanxi.api.definition_views import NAME
from guanxi.api.document import problems
from guanxi.api.members import MemberId, MembersService, Reason
from guanxi.api.paging import PageAsked
from guanxi.api.values import DateInput, Input, distinct
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.boards.trends import trend
from guanxi.customers.identity.kinds import KINDS
from guanxi.kernel.clock import day_to_date
from guanxi.kernel.errors import Conflict, InvalidInput, NotFound
from guanxi.kernel.ids import fragment_of, member_id as public_id
from guanxi.kernel.paging import read_cursor, write_cursor
from guanxi.kernel.text import Text
from guanxi.storage.merchants import Merchant, get_merchant

router = APIRouter(prefix="/v1", tags=["audiences"])

Context = Annotated[ApiContext, Depends(context_of)]
AudiencesService = Annotated[Audiences, service(Audiences)]
Reader = Annotated[Caller, require(Permission.AUDIENCES_READ)]
Key = Annotated[str, Path(pattern=NAME)]
AsOf = Annotated[
    DateInput | None, Query(description="at the end of this day of the merchant's; today unless given")
]
Rule = Annotated[
    str,
    Field(
        description="a condition in the rule language; `in_audience('key')` stands for an audience",
        examples=["sum(order.paid.amount, 90d) >= ¥500"],
    ),
]
MOST_VALUES = 10_000
_CHUNK = 1 << 16


class NoList(Conflict):
    """The audience's members follow a rule."""

    code: ClassVar[str] = "no_list"
    text = Text("{reason_zh}", "{reason_en}")


def _merchant(context: ApiContext, caller: Caller) -> Merchant:
    with context.database.reading() as tx:
        return get_merchant(tx, caller.merchant_id)


class CheckInput(Input):
    """A rule to be checked."""

    rule: Annotated[str, Field(description="a condition, or whatever else has a value")]


@router.post("/rules/check", tags=["definitions"])
def check_rule(
    body: CheckInput,
    caller: Annotated[Caller, require(Permission.DEFINITIONS_READ)],
    context: Context,
    audiences: AudiencesService,
) -> RuleView:
    """Say what a rule's value is, and the rule in words; or what is wrong with it, where, and the nearest right name."""
    merchant = _merchant(context, caller)
    return rule_view(body.rule, audiences.vocabulary(merchant), partial(audiences.hints, merchant))


@router.get("/audiences")
def list_audiences(caller: Reader, context: Context, audiences: AudiencesService) -> AudienceList:
    """List the audiences with their sizes."""
    with context.database.reading() as tx:
        found = audiences.list(tx, get_merchant(tx, caller.merchant_id))
    return AudienceList(items=[line_view(one) for one in found])


# Before what takes a key, so that OPTIONS is told of these addresses and not of an audience called so.


class CountInput(Input):
    """Whom to count."""

    rule: Rule
    as_of: DateInput | None = None
    sampled: Annotated[
        bool,
        Field(strict=True, description="answer at once, from a sample of a large shop's members if need be"),
    ] = False


@router.post("/audiences/count", responses=problems(503))
async def count_members(
    body: CountInput, caller: Reader, context: Context, audiences: AudiencesService
) -> CountView:
    """Return how many members a rule is true of. A window of 90 days is the 90 local days that end with `as_of`.

    A rule that takes too long is given up on: 503 with the code `took_too_long`.
    """

    def count() -> CountView:
        merchant = _merchant(context, caller)
        rule = audiences.rule(merchant, body.rule)
        as_of = audiences.today(merchant) if body.as_of is None else body.as_of
        found = None
        if body.sampled and body.as_of is None:
            found = audiences.count_now(merchant, rule, sampled=True)
        return count_view(found or audiences.count(merchant, rule, as_of), as_of)

    return await context.heavy.ask(count)


class OverlapInput(Input):
    """Two rules."""

    one: Rule
    other: Rule
    as_of: DateInput | None = None


@router.post("/audiences/overlap", responses=problems(503))
async def compare_audiences(
    body: OverlapInput, caller: Reader, context: Context, audiences: AudiencesService
) -> OverlapView:
    """Return how many members two rules are true of: of one, of the other, of both."""

    def compare() -> OverlapView:
        merchant = _merchant(context, caller)
        one, other = (audiences.rule(merchant, rule) for rule in (body.one, body.other))
        as_of = audiences.today(merchant) if body.as_of is None else body.as_of
        return OverlapView(**audiences.overlap(merchant, one, other, as_of)._asdict(), as_of=as_of)

    return await context.heavy.ask(compare)


@router.get("/audiences/{key}")
def get_audience(key: Key, caller: Reader, context: Context, audiences: AudiencesService) -> AudienceView:
    """Return an audience, with its rule in words."""
    merchant = _merchant(context, caller)
    audiences.rule_of(merchant, key)
    with context.database.reading() as tx:
        lines = {one.key: one for one in audiences.list(tx, merchant)}
    return audience_view(lines[key], audiences.vocabulary(merchant))


@router.get("/audiences/{key}/members", responses=problems(503))
async def list_audience_members(
    key: Key,
    caller: Reader,
    context: Context,
    audiences: AudiencesService,
    page: PageAsked,
    as_of: AsOf = None,
) -> MemberIdPage:
    """List the ids of an audience's members. Each page looks anew who belongs to it; an export takes all at once."""
    after = public_id(read_cursor(page.cursor, int)[0]) if page.cursor is not None else ""

    def look() -> list[str]:
        merchant = _merchant(context, caller)
        rule = audiences.rule_of(merchant, key)
        return audiences.members(merchant, rule, as_of, after=after, limit=page.limit + 1)

    found = await context.heavy.ask(look)
    items = found[: page.limit]
    more = len(found) > page.limit
    return MemberIdPage(items=items, next_cursor=write_cursor(fragment_of(items[-1])) if more else None)


@router.get("/audiences/{key}/sizes")
def list_audience_sizes(
    key: Key,
    caller: Reader,
    context: Context,
    audiences: AudiencesService,
    days: Annotated[int, Query(ge=1, le=400, description="how many days back, today included")] = 90,
) -> SizeList:
    """List how large an audience was at the end of each day, and who came and went."""
    merchant = _merchant(context, caller)
    audiences.rule_of(merchant, key)
    with context.database.reading() as tx:
        found = trend(tx, merchant, audiences.today(merchant), days, key)
    return SizeList(
        items=[SizeView(day=one.day, size=one.size, entered=one.entered, left=one.left) for one in found]
    )


@router.get(
    "/audiences/{key}/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "CSV in UTF-8: a header, then a row per member",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
        **problems(503),
    },
)
async def export_audience(
    key: Key,
    caller: Annotated[Caller, require(Permission.AUDIENCES_READ, Permission.AUDIENCES_EXPORT)],
    context: Context,
    audiences: AudiencesService,
    columns: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200)]],
        Query(
            max_length=50,
            json_schema_extra={"uniqueItems": True},
            description="attributes and traits beside the id, each given once",
        ),
        AfterValidator(distinct),
    ] = [],  # noqa: B006 - FastAPI copies it
    as_of: AsOf = None,
    reason: Annotated[
        str, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="why, for the audit trail")
    ] = "",
) -> StreamingResponse:
    """Return an audience's members as CSV: `member_id` and the columns. Days are dates, money is in fen, sets are parted by `|`.

    The audit trail records each time, and why.
    """

    def begin() -> tuple[list[str], Iterator[str], str]:
        merchant = _merchant(context, caller)
        day = audiences.today(merchant) if as_of is None else as_of
        rows = audiences.export(merchant, audiences.rule_of(merchant, key), columns, day)
        pieces = _pieces(rows)
        # Nobody is told that a file follows before it is certain that it can be made.
        first = list(islice(pieces, 2))
        detail: dict[str, object] = {"columns": columns, "as_of": day_to_date(day).isoformat()}
        _record(context, caller, Action.AUDIENCE_EXPORTED, key, reason, detail)
        return first, pieces, f"{key}-{day_to_date(day).isoformat()}.csv"

    first, pieces, name = await context.heavy.do(begin)
    return StreamingResponse(
        chain(first, pieces),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _pieces(rows: Iterator[list[str]]) -> Iterator[str]:
    """Yield CSV in pieces of some size; the first is the header."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(next(rows))
    yield out.getvalue()
    out.seek(0)
    out.truncate()
    for row in rows:
        writer.writerow(row)
        if out.tell() >= _CHUNK:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


_LIST_EXAMPLE: dict[str, Any] = {"kind": "phone", "values": ["13800001234"]}


def _kind(value: str) -> str:
    if value not in KINDS:
        raise PydanticCustomError("enum", "no such type of identity")
    return value


class ListInput(Input):
    """Identities to be put into a static audience."""

    model_config = ConfigDict(json_schema_extra={"example": _LIST_EXAMPLE})

    kind: Annotated[
        str,
        Field(description="type of the identities", json_schema_extra={"enum": list(KINDS)}),
        AfterValidator(_kind),
    ]
    scope: Annotated[
        str, Field(max_length=128, description="of types that are unique only inside one, such as an AppID")
    ] = ""
    values: Annotated[list[Annotated[str, Field(max_length=1_000)]], Field(max_length=MOST_VALUES)]
    replace: Annotated[
        bool, Field(strict=True, description="take out whoever is in the audience and not in this request")
    ] = False
    reason: Reason = ""


@router.post(
    "/audiences/{key}/list",
    responses=problems(409),
    openapi_extra={"requestBody": {"content": {"application/json": {"example": _LIST_EXAMPLE}}}},
)
def put_list(
    key: Key,
    body: ListInput,
    caller: Annotated[Caller, require(Permission.DEFINITIONS_WRITE)],
    context: Context,
    audiences: AudiencesService,
) -> PutView:
    """Put identities into a static audience, 10,000 a request at most; repeating it changes nothing.

    Values that name nobody are skipped and told. A conflict if the audience follows a rule.
    """
    try:
        done = audiences.put(
            _merchant(context, caller),
            key,
            enumerate(body.values, 1),
            body.kind,
            body.scope,
            replace=body.replace,
        )
    except InvalidInput as error:
        raise NoList(**error.params) from error
    detail: dict[str, object] = {"kind": body.kind, "rows": done.rows, "replace": body.replace}
    _record(context, caller, Action.LIST_PUT, key, body.reason, detail)
    return put_view(done)


@router.get("/members/{member_id}/known", tags=["members"])
def get_known(
    member_id: MemberId,
    caller: Annotated[Caller, require(Permission.MEMBERS_READ)],
    context: Context,
    members: MembersService,
    audiences: AudiencesService,
) -> ProfileView:
    """Return what rules know of a member now: attributes, traits, and which audiences they are in. Nothing personal."""
    with context.database.reading() as tx:
        merchant = get_merchant(tx, caller.merchant_id)
        found = members.list_members(tx, merchant, query=member_id, visitors=True, limit=1).items
        if not found:
            raise NotFound(what_zh="会员", what_en="member", key=member_id)
        one = found[0].member_id
        return profile_view(one, audiences.known_of(tx, merchant, one))


def _record(
    context: ApiContext, caller: Caller, action: Action, key: str, reason: str, detail: dict[str, object]
) -> None:
    with context.database.transaction() as tx:
        trail.record(
            tx,
            caller.merchant_id,
            action,
            by=caller.actor,
            now=context.clock.now(),
            target=key,
            reason=reason,
            detail=detail,
        )
