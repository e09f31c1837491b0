"""What a change would do, counted, and making it live: long work that is answered at once where it is short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from guanxi.access import Action, Permission
from guanxi.console.definitions.shown import HERE, effects_view, label_of, plan_view, try_plan
from guanxi.console.render import path
from guanxi.console.session import Asked, Page
from guanxi.console.work.asking import ask
from guanxi.console.work.tray import job, own
from guanxi.definitions import Action as Change, Plan, Ref
from guanxi.definitions.model import Outdated
from guanxi.definitions.service import Definitions
from guanxi.definitions.wishes import Wish
from guanxi.kernel.errors import NotFound
from guanxi.kernel.text import Text
from guanxi.runtime.work.model import State, Work
from guanxi.runtime.work.service import Works

EFFECT: Final = "definitions.effect"
APPLY: Final = "definitions.apply"
_ONE: Final = f"{HERE}/effect/{{id}}"


class Made(NamedTuple):
    """What came of making a change live at once: ``None`` if it goes on in the tray; why it could not be, if so.

    ``moved`` says that somebody else was faster.
    """

    work: Work | None
    error: str = ""
    moved: str = ""


def pages() -> list[Page]:
    """Return the page of an effect, which also asks how far its counting is."""
    return [Page(_ONE, show, Permission.DEFINITIONS_WRITE)]


def effect(asked: Asked, wish: Wish, plan: Plan, topic: str) -> dict[str, Any]:
    """Return what a page shows of a plan's effect: the figures, or how far they are counted."""
    if plan.empty:
        return _shown(asked, plan, None)
    title = named(plan, Text("计算影响", "Effect"))
    work = ask(
        asked,
        EFFECT,
        title,
        {"wish": wish.said()},
        Permission.DEFINITIONS_WRITE,
        link=path("console", "definitions", "effect") + "/{id}",
        topic=topic,
    )
    return _shown(asked, plan, work)


def show(asked: Asked) -> Response:
    """Show an effect that was counted, or how far it is."""
    work = own(asked)
    if work.kind != EFFECT:
        raise NotFound(what_zh="影响", what_en="effect", key=work.id)
    wish = Wish.of(work.arguments["wish"])
    service = asked.service(Definitions)
    plan, problems = try_plan(asked, lambda: service.plan_wish(asked.merchant_id, wish, effects=False))
    if work.state.ended and asked.request.headers.get("hx-request") == "true":
        # It was waited for on its page, where it is now told.
        asked.service(Works).told(work)
    if plan is None:
        plan = Plan(0, ())
    return asked.render(
        "definitions/effect_page.html",
        plan=plan_view(asked, plan),
        problems=problems,
        title=work.title.in_(asked.language),
        back=HERE,
        **_shown(asked, plan, work),
    )


def _shown(asked: Asked, plan: Plan, work: Work | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"effects": None, "counting": None, "failed": "", "outdated": False}
    if work is None:
        return shown | {"effects": effects_view(asked, plan)}
    if not work.state.ended:
        address = path("console", "definitions", "effect", work.id)
        # The tray shows it as well, and has the button's id.
        here = {name: value for name, value in job(asked, work).items() if name != "id"}
        return shown | {"counting": here, "effect_again": address}
    if work.state is not State.DONE:
        return shown | {"failed": work.reason.say(asked.language) or work.state.label.in_(asked.language)}
    if work.outcome.detail["hash"] != plan.hash:
        return shown | {"outdated": True}
    figures = {Ref(kind, key): found for kind, key, found in work.outcome.detail["effects"]}
    return shown | {"effects": effects_view(asked, replace(plan, effects=figures))}


def apply(
    asked: Asked,
    wish: Wish,
    action: Action,
    title: Text,
    link: str,
    *,
    topic: str,
    expect: str = "",
) -> Made:
    """Make a plan live, with the reason that the form says, if it is the one that was seen.

    ``expect`` is the hash of that one; the form says it, unless it is given. Counting on the same ``topic`` is given up.
    """
    arguments = {
        "wish": wish.said(),
        "why": asked.form.get("why"),
        "expect": expect or asked.form.get("expect"),
        "action": action.value,
    }
    work = ask(
        asked,
        APPLY,
        title,
        arguments,
        Permission.DEFINITIONS_WRITE,
        link=link,
        topic=topic,
    )
    if not work.state.ended:
        return Made(None)
    if work.state is State.DONE:
        return Made(work)
    said = work.reason.say(asked.language) or work.state.label.in_(asked.language)
    return Made(work, moved=said) if work.reason.code == Outdated.code else Made(work, error=said)


def named(plan: Plan, what: Text) -> Text:
    """Return what a piece of work about a plan is called."""
    changed = [one for one in plan.changes if one.action is not Change.SAME]
    definition = (changed[0].after or changed[0].before) if len(changed) == 1 else None
    if definition is not None:
        label = label_of(definition)
        return Text(f"{what.zh}：{label.zh}", f"{what.en}: {label.en}")
    return Text(f"{what.zh}：{len(changed)} 个定义", f"{what.en}: {len(changed)} definitions")


def tray_looks(shown: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the header that makes the tray look, if an effect is still being counted."""
    return {"HX-Trigger": '{"gx-tray":{}}'} if shown and shown.get("counting") else {}


def give_up(asked: Asked, topic: str) -> None:
    """Cancel the counting of what is no longer asked."""
    with asked.context.database.transaction() as tx:
        asked.service(Works).drop_topic(tx, asked.merchant_id, asked.actor.id, topic)
