"""What saving an audience does, in a sentence: counted while one looks, as long work where there are many members."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from guanxi.access.permissions import Permission
from guanxi.console import formats
from guanxi.console.audiences.paths import HERE
from guanxi.console.definitions import counting
from guanxi.console.i18n import N_
from guanxi.console.render import path
from guanxi.console.session import Asked, Page
from guanxi.console.work.asking import ask
from guanxi.console.work.tray import job, own
from guanxi.definitions import BadDefinitions, Plan, Ref, World
from guanxi.definitions.model import Action
from guanxi.definitions.reading import Reading
from guanxi.definitions.service import Definitions
from guanxi.definitions.wishes import Wish
from guanxi.kernel.errors import NotFound
from guanxi.kernel.text import Text
from guanxi.runtime.work.model import State, Work
from guanxi.runtime.work.service import Works

NEEDS: Final = Permission.DEFINITIONS_WRITE


def pages() -> list[Page]:
    """Return what asks how far the counting of an effect is."""
    return [Page(f"{HERE}/effect/{{id}}", show, NEEDS)]


def effect(asked: Asked, ref: Ref, wish: Wish, plan: Plan) -> dict[str, Any]:
    """Return what the form shows of a plan's effect: a sentence, or how far it is counted."""
    work = None
    if not plan.empty:
        work = ask(
            asked,
            counting.EFFECT,
            counting.named(plan, Text("计算影响", "Effect")),
            {"wish": wish.said(), "audience": ref.key},
            NEEDS,
            link=path("console", "definitions", "effect") + "/{id}",
            topic=f"audience/{ref.key}",
        )
    return _shown(asked, ref, plan, work)


def show(asked: Asked) -> Response:
    """Say how far an effect is counted, or what it is."""
    work = own(asked)
    if work.kind != counting.EFFECT or "audience" not in work.arguments:
        raise NotFound(what_zh="影响", what_en="effect", key=work.id)
    ref = Ref("audience", work.arguments["audience"])
    wish = Wish.of(work.arguments["wish"])
    try:
        plan = asked.service(Definitions).plan_wish(asked.merchant_id, wish, effects=False)
    except BadDefinitions:
        # Others have changed what it rests on: saving will say so.
        plan = Plan(0, ())
    if work.state.ended:
        asked.service(Works).told(work)
    return asked.render("audiences/effect.html", effect=_shown(asked, ref, plan, work))


def _shown(asked: Asked, ref: Ref, plan: Plan, work: Work | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "said": "",
        "others": [],
        "hash": plan.hash,
        "key": ref.key,
        "empty": plan.empty,
        "counting": None,
        "failed": "",
    }
    if work is not None and not work.state.ended:
        here = {name: value for name, value in job(asked, work).items() if name != "id"}
        return shown | {"counting": here, "again": path("console", "audiences", "effect", work.id)}
    if work is not None and work.state is not State.DONE:
        return shown | {"failed": work.reason.say(asked.language) or work.state.label.in_(asked.language)}
    if work is not None and work.outcome.detail["hash"] != plan.hash:
        said = N_(
            "Definitions have changed since this was counted: open the change again to see what it would do now."
        )
        return shown | {"failed": asked.say(said)}
    if work is not None:
        figures = {Ref(kind, key): found for kind, key, found in work.outcome.detail["effects"]}
        plan = replace(plan, effects=figures)
    return shown | _sentences(asked, ref, plan)


def _sentences(asked: Asked, ref: Ref, plan: Plan) -> dict[str, Any]:
    """Say in a sentence what a plan does, and what changes with it."""
    number = formats.number
    with asked.context.database.reading() as tx:
        world = asked.service(Definitions).live(tx, asked.merchant_id)
    change = next(one for one in plan.changes if one.ref == ref)
    figures = plan.effects.get(ref, {})
    if change.action is Action.SAME:
        said = asked.say(N_("Nothing changes: it is so already."))
    elif change.action is Action.CREATE:
        said = asked.say(
            N_("The audience %(key)s is made, with %(members)s members."),
            key=ref.key,
            members=number(figures.get("members", 0)),
        )
    else:
        said = asked.say(
            N_("%(gains)s members come in and %(losses)s go out; %(members)s are in it then."),
            gains=number(figures.get("gains", 0)),
            losses=number(figures.get("losses", 0)),
            members=number(figures.get("members", 0)),
        )
    others = [
        asked.say(
            N_("%(name)s: %(gains)s in, %(losses)s out"),
            name=label_of(asked, world, one.ref),
            gains=number(plan.effects.get(one.ref, {}).get("gains", 0)),
            losses=number(plan.effects.get(one.ref, {}).get("losses", 0)),
        )
        for one in plan.changes
        if one.ref != ref
    ]
    return {"said": said, "others": others}


def label_of(asked: Asked, world: World, ref: Ref) -> str:
    """Return what people call a definition; its key if it is not live."""
    found = world.definitions.get(ref)
    return Reading(found, found.spec).label().in_(asked.language) if found else ref.key
