"""Dead letters: what could not become an event, why, and mending it."""

from __future__ import annotations

import json
from typing import Final

from starlette.responses import Response

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.console.health.hiding import Shown, restore, show as shown_of
from guanxi.console.i18n import N_
from guanxi.console.places import HEALTH
from guanxi.console.render import path, toast
from guanxi.console.session import Asked, Page, go, go_whole, post
from guanxi.console.shell import Column, ListView
from guanxi.customers.events.service import MOST_KEPT, EventIntake
from guanxi.kernel.errors import NotFound
from guanxi.kernel.paging import read_cursor, write_cursor
from guanxi.storage.events import dead_letters
from guanxi.storage.events.dead_letters import DeadLetter, State

HERE: Final = f"{HEALTH}/dead-letters"
_PER_PAGE: Final = 50
_STATES: Final[dict[State, str]] = {
    "open": N_("To be mended"),
    "mended": N_("Mended"),
    "dropped": N_("Dropped"),
}
_COLUMNS: Final = (
    Column("reason", N_("What is wrong")),
    Column("source", N_("Source"), wide_only=True),
    Column("times", N_("Times"), end=True, wide_only=True),
    Column("when", N_("First came")),
)
_DONE: Final = {
    "mended": N_("Mended and taken in."),
    "dropped": N_("Dropped. It counts again if it comes once more."),
}


def pages() -> list[Page]:
    """Return the pages of dead letters."""
    return [
        Page(HERE, show, Permission.HEALTH_READ),
        post(f"{HERE}/some", some, Permission.EVENTS_MEND),
        Page(f"{HERE}/{{letter_id}}", one, Permission.HEALTH_READ),
        post(f"{HERE}/{{letter_id}}/mend", mend, Permission.EVENTS_MEND),
        post(f"{HERE}/{{letter_id}}/drop", drop, Permission.EVENTS_MEND),
    ]


def show(asked: Asked) -> Response:
    """List dead letters of one state, newest first."""
    wanted = asked.query.get("state", "open")
    state: State = next((one for one in _STATES if one == wanted), "open")
    cursor = asked.query.get("cursor")
    before: tuple[int, bytes] | None = None
    if cursor:
        at, letter_id = read_cursor(cursor, int, str)
        before = (at, _id(letter_id))
    with asked.context.database.tail.reading() as tx:
        found = dead_letters.page(tx, asked.merchant_id, state, before, _PER_PAGE + 1)
        counts = dead_letters.count(tx, asked.merchant_id)
    items = found[:_PER_PAGE]
    following = (
        write_cursor(items[-1].received_at, items[-1].letter_id.hex()) if len(found) > _PER_PAGE else None
    )
    return asked.render(
        "health/dead_letters.html",
        list=ListView(path=HERE, params=(("state", state),), cursor=cursor or "", next_cursor=following),
        columns=asked.columns(_COLUMNS),
        rows=[
            {"href": _href(one), "key": one.letter_id.hex(), "letter": one, "reason": _reason(asked, one)}
            for one in items
        ],
        states=[
            {
                "key": key,
                "label": asked.say(label),
                "href": f"{HERE}?state={key}",
                "count": counts.get(key, 0),
            }
            for key, label in _STATES.items()
        ],
        state=state,
        health=HEALTH,
        done=_DONE.get(asked.query.get("done", ""), ""),
    )


def _href(letter: DeadLetter) -> str:
    return path("console", "settings", "health", "dead-letters", letter.letter_id.hex())


def _reason(asked: Asked, letter: DeadLetter) -> str:
    return letter.reason_zh if asked.language == "zh" else letter.reason_en


def _id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise NotFound(what_zh="死信", what_en="dead letter", key=text) from error


def _letter(asked: Asked) -> DeadLetter:
    with asked.context.database.tail.reading() as tx:
        letter = dead_letters.find(tx, asked.merchant_id, _id(asked.part("letter_id")))
    if letter is None:
        raise NotFound(what_zh="死信", what_en="dead letter", key=asked.part("letter_id"))
    return letter


def _shown(asked: Asked, letter: DeadLetter) -> Shown | None:
    raw = asked.service(EventIntake).raw_letter(letter)
    return shown_of(raw, whole=asked.may(Permission.MEMBERS_PII))


def one(asked: Asked) -> Response:
    """Show what came, what is wrong with it, and the form to mend it; record it if personal data is shown."""
    letter = _letter(asked)
    if asked.may(Permission.MEMBERS_PII):
        _record(asked, [letter.letter_id], Action.PERSONAL_SEEN)
    return _page(asked, letter, _shown(asked, letter))


def _page(
    asked: Asked,
    letter: DeadLetter,
    shown: Shown | None,
    text: str | None = None,
    error: str = "",
    line: int = 0,
) -> Response:
    return asked.render(
        "health/dead_letter.html",
        status=422 if error else 200,
        letter=letter,
        reason=_reason(asked, letter),
        states={key: asked.say(label) for key, label in _STATES.items()},
        shown=shown,
        text=text if text is not None else shown.text if shown else "",
        hidden=len(shown.hidden) if shown else 0,
        heading=asked.service(EventIntake).heading(letter) if shown else "",
        cut=len(asked.service(EventIntake).raw_letter(letter)) >= MOST_KEPT,
        error=error,
        line=line,
        href=_href(letter),
        here=HERE,
    )


def mend(asked: Asked) -> Response:
    """Try a dead letter again with the text as it was mended."""
    letter = _letter(asked)
    shown = _shown(asked, letter)
    raw: bytes | None = None
    text = asked.form.raw("text").replace("\r\n", "\n")
    if shown is not None:
        whole = restore(text, shown.hidden)
        try:
            if not asked.service(EventIntake).heading(letter):
                json.loads(whole)
        except (ValueError, RecursionError) as error:
            line = error.lineno if isinstance(error, json.JSONDecodeError) else 0
            column = error.colno if isinstance(error, json.JSONDecodeError) else 0
            said = asked.say(
                N_("This is not JSON yet: line %(line)s, column %(column)s."), line=line, column=column
            )
            return _page(asked, letter, shown, text, said, line)
        raw = whole.encode()
    refused = asked.service(EventIntake).replay(asked.merchant_id, letter.letter_id, raw)
    if refused is not None:
        where = f"{refused.path}: " if refused.path else ""
        return _page(asked, letter, shown, text, where + refused.reason.in_(asked.language))
    _record(asked, [letter.letter_id], Action.EVENT_MENDED)
    return go(f"{HERE}?done=mended")


def drop(asked: Asked) -> Response:
    """Give a dead letter up."""
    letter = _letter(asked)
    with asked.context.database.tail.transaction() as tx:
        dead_letters.settle(tx, asked.merchant_id, letter.letter_id, "dropped", asked.now)
    _record(asked, [letter.letter_id], Action.EVENT_DROPPED)
    return go_whole(asked, f"{HERE}?done=dropped")


def some(asked: Asked) -> Response:
    """Replay or drop what was ticked."""
    ids = [_id(key) for key in asked.form.all("key")]
    if asked.form.get("action") == "drop":
        with asked.context.database.tail.transaction() as tx:
            done = [
                one for one in ids if dead_letters.settle(tx, asked.merchant_id, one, "dropped", asked.now)
            ]
        _record(asked, done, Action.EVENT_DROPPED)
        said = asked.say(N_("%(done)s dropped."), done=len(done))
        return go_with(asked, said)
    intake = asked.service(EventIntake)
    done = [one for one in ids if intake.replay(asked.merchant_id, one) is None]
    _record(asked, done, Action.EVENT_MENDED)
    left = len(ids) - len(done)
    said = asked.say(N_("%(done)s taken in, %(left)s still cannot be."), done=len(done), left=left)
    return go_with(asked, said, tone="warn" if left else "ok")


def go_with(asked: Asked, said: str, tone: str = "ok") -> Response:
    """Answer a bulk action: the list as it is now, and what was done as a toast."""
    if asked.request.headers.get("hx-request") != "true":
        return go(HERE)
    response = show(asked)
    response.headers.update(toast(said, tone=tone))
    return response


def _record(asked: Asked, letters: list[bytes], action: Action) -> None:
    if not letters:
        return
    with asked.context.database.transaction() as tx:
        for letter_id in letters:
            trail.record(
                tx,
                asked.merchant_id,
                action,
                by=asked.actor,
                now=asked.now,
                target=letter_id.hex(),
            )
