"""What came and could not become an event, over HTTP: seen, mended, replayed, dropped."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of, service
from guanxi.api.document import problems
from guanxi.api.paging import PageAsked, Paged
from guanxi.api.problems import BothLanguages
from guanxi.api.values import Input, Instant, Output
from guanxi.customers.events.service import EventIntake
from guanxi.kernel.errors import Conflict, NotFound
from guanxi.kernel.ids import decode, encode
from guanxi.kernel.paging import read_cursor, write_cursor
from guanxi.kernel.text import Text
from guanxi.storage.events import dead_letters as letters
from guanxi.storage.events.dead_letters import DeadLetter

router = APIRouter(prefix="/v1/dead-letters", tags=["events"])

Context = Annotated[ApiContext, Depends(context_of)]
Intake = Annotated[EventIntake, service(EventIntake)]
Mender = Annotated[Caller, require(Permission.EVENTS_MEND)]
LetterId = Annotated[str, Path(pattern=r"^dlt_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
State = Literal["open", "mended", "dropped"]


class StillRefused(Conflict):
    """The message is refused for the same or another reason."""

    code: ClassVar[str] = "still_refused"
    text = Text("仍不能成为事件：{reason_zh}", "It still cannot become an event: {reason_en}")


class Settled(Conflict):
    """The letter was mended or dropped before."""

    code: ClassVar[str] = "letter_settled"
    text = Text("这条死信已处理。", "This dead letter is settled.")


class LetterView(Output):
    """A rejected input."""

    id: str
    state: State
    received_at: Instant
    source: str = Field(description="what the sender's key or import is called")
    code: str = Field(description="stable name of the reason")
    reason: BothLanguages
    path: str = Field(description="where in the message")
    times: int = Field(description="how often it came")


class LetterPage(Paged[LetterView]):
    """Some rejected inputs, newest first."""


class LetterContent(LetterView):
    """A rejected input with what came."""

    raw: str | None = Field(description="as it came; null without the scope members.pii")


class ReplayInput(Input):
    """How to try again."""

    message: dict[str, Any] | None = Field(
        default=None, description="the mended message; null to try what came as it is"
    )


class LetterState(Output):
    """How a letter stands now."""

    id: str
    state: State


def letter_id(raw: bytes) -> str:
    """Return the public id of a letter."""
    return "dlt_" + encode(int.from_bytes(raw, "big"), 26)


def _raw_id(public: str) -> bytes:
    return decode(public[4:]).to_bytes(16, "big")


def _fields(one: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter_id(one.letter_id),
        "state": one.state,
        "received_at": one.received_at,
        "source": one.source,
        "code": one.code,
        "reason": BothLanguages(zh=one.reason_zh, en=one.reason_en),
        "path": one.path,
        "times": one.times,
    }


@router.get("")
def list_dead_letters(
    caller: Annotated[Caller, require(Permission.HEALTH_READ)],
    context: Context,
    page: PageAsked,
    state: Annotated[State, Query()] = "open",
) -> LetterPage:
    """List what could not become an event, newest first, without what came."""
    before: tuple[int, bytes] | None = None
    if page.cursor is not None:
        at, last = read_cursor(page.cursor, int, str)
        before = (at, _hex(last))
    with context.database.tail.reading() as tx:
        found = letters.page(tx, caller.merchant_id, state, before, page.limit + 1)
    items = found[: page.limit]
    more = len(found) > page.limit
    following = write_cursor(items[-1].received_at, items[-1].letter_id.hex()) if more else None
    return LetterPage(items=[LetterView(**_fields(one)) for one in items], next_cursor=following)


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


@router.get("/{letter_id}")
def get_dead_letter(letter_id: LetterId, caller: Mender, context: Context, intake: Intake) -> LetterContent:
    """Return one with what came, if the key may see personal data; the audit trail keeps that it did."""
    letter = _find(context, caller, letter_id)
    raw = None
    if Permission.MEMBERS_PII in caller.key.scopes:
        raw = intake.raw_letter(letter).decode(errors="replace")
        _record(context, caller, Action.PERSONAL_SEEN, letter_id)
    return LetterContent(**_fields(letter), raw=raw)


@router.post("/{letter_id}/replay", responses=problems(409))
def replay_dead_letter(
    letter_id: LetterId, body: ReplayInput, caller: Mender, context: Context, intake: Intake
) -> LetterState:
    """Try again to make an event of it, mended or as it is; a conflict says why it still cannot be one."""
    letter = _find(context, caller, letter_id)
    if letter.state != "open":
        raise Settled
    raw = None if body.message is None else msgspec.json.encode(body.message)
    refused = intake.replay(caller.merchant_id, letter.letter_id, raw)
    if refused is not None:
        raise StillRefused(
            reason_zh=refused.reason.zh, reason_en=refused.reason.en, reason=refused.code, path=refused.path
        )
    _record(context, caller, Action.EVENT_MENDED, letter_id)
    return LetterState(id=letter_id, state="mended")


@router.post("/{letter_id}/drop", responses=problems(409))
def drop_dead_letter(letter_id: LetterId, caller: Mender, context: Context) -> LetterState:
    """Give up on it. If the same input comes again, it is open again."""
    letter = _find(context, caller, letter_id)
    with context.database.tail.transaction() as tx:
        done = letters.settle(tx, caller.merchant_id, letter.letter_id, "dropped", context.clock.now())
    if not done:
        raise Settled
    _record(context, caller, Action.EVENT_DROPPED, letter_id)
    return LetterState(id=letter_id, state="dropped")


def _find(context: ApiContext, caller: Caller, public: str) -> DeadLetter:
    with context.database.tail.reading() as tx:
        letter = letters.find(tx, caller.merchant_id, _raw_id(public))
    if letter is None:
        raise NotFound(what_zh="死信", what_en="dead letter", key=public)
    return letter


def _record(context: ApiContext, caller: Caller, action: Action, target: str) -> None:
    with context.database.transaction() as tx:
        trail.record(tx, caller.merchant_id, action, by=caller.actor, now=context.clock.now(), target=target)
