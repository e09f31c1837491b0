"""Parked timers and messages: what failed so often that it waits for somebody to look."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.console.i18n import N_
from guanxi.console.places import HEALTH
from guanxi.console.render import toast
from guanxi.console.session import Asked, Page, go, post
from guanxi.console.shell import Column, ListView
from guanxi.kernel.paging import InvalidCursor, read_cursor, write_cursor
from guanxi.runtime.outbox import service as outbox
from guanxi.runtime.outbox.model import MessageKey
from guanxi.runtime.timers import service as timers
from guanxi.runtime.timers.model import TimerKey

HERE: Final = f"{HEALTH}/stuck"
_MOST: Final = 200
_COLUMNS: Final = (
    Column("what", N_("Task")),
    Column("key", N_("Id"), wide_only=True),
    Column("reason", N_("Why")),
    Column("attempts", N_("Tries"), end=True, wide_only=True),
    Column("when", N_("Parked"), wide_only=True),
)


def pages() -> list[Page]:
    """Return the page and what can be done on it."""
    return [Page(HERE, show, Permission.HEALTH_READ), post(f"{HERE}/some", some, Permission.EVENTS_MEND)]


def show(asked: Asked) -> Response:
    """List what is parked: timers first, then messages, at most two hundred of each."""
    with asked.context.database.reading() as tx:
        waits = timers.parked(tx, asked.merchant_id, limit=_MOST)
        sends = outbox.parked(tx, asked.merchant_id, limit=_MOST)
    rows = [
        {
            "key": write_cursor("timer", one.timer.kind, one.timer.key),
            "href": HERE,
            "sort": asked.say(N_("Timer")),
            "kind": one.timer.kind,
            "name": one.timer.key,
            "reason": one.reason.say(asked.language),
            "attempts": one.timer.attempts,
            "at": one.failed_at,
        }
        for one in waits
    ] + [
        {
            "key": write_cursor("message", one.key.topic, one.key.key),
            "href": HERE,
            "sort": asked.say(N_("Message")),
            "kind": one.key.topic,
            "name": one.key.key,
            "reason": one.reason.say(asked.language),
            "attempts": one.attempts,
            "at": one.parked_at,
        }
        for one in sends
    ]
    return asked.render(
        "health/stuck.html",
        list=ListView(path=HERE, total=len(rows)),
        columns=asked.columns(_COLUMNS),
        rows=rows,
        health=HEALTH,
    )


def some(asked: Asked) -> Response:
    """Try again or drop what was ticked."""
    waits: list[TimerKey] = []
    sends: list[MessageKey] = []
    for text in asked.form.all("key"):
        try:
            sort, kind, key = read_cursor(text, str, str, str)
        except InvalidCursor:
            continue
        if sort == "timer":
            waits.append(TimerKey(asked.merchant_id, kind, key))
        else:
            sends.append(MessageKey(asked.merchant_id, kind, key))
    dropping = asked.form.get("action") == "drop"
    with asked.context.database.transaction() as tx:
        if dropping:
            done = timers.drop(tx, waits) + outbox.drop(tx, sends)
        else:
            done = timers.retry(tx, waits, asked.now) + outbox.retry(tx, sends, asked.now)
        if done:
            detail = {"parked": "dropped" if dropping else "retried", "count": done}
            trail.record(
                tx, asked.merchant_id, Action.SETTINGS_CHANGED, by=asked.actor, now=asked.now, detail=detail
            )
    if asked.request.headers.get("hx-request") != "true":
        return go(HERE)
    said = N_("%(done)s dropped.") if dropping else N_("%(done)s will be tried again now.")
    response = show(asked)
    response.headers.update(toast(asked.say(said, done=done)))
    return response
