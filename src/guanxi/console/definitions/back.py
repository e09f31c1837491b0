"""Going back: to a version of one definition, to all that held after a release, or to a life without a definition.

Each is shown as a plan first, with what it would do, and made live with a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from starlette.responses import Response

from guanxi.access import Action, Permission
from guanxi.console.definitions.one import ONE, ref_of
from guanxi.console.definitions.releases import number_of
from guanxi.console.definitions.shown import (
    HERE,
    RELEASES,
    effects_view,
    href_of,
    plan_view,
    recorded,
    try_plan,
)
from guanxi.console.i18n import N_
from guanxi.console.session import Asked, Page, go, post
from guanxi.definitions import Plan
from guanxi.definitions.model import Outdated
from guanxi.definitions.service import Definitions
from guanxi.kernel.errors import InvalidInput, NotFound, Unavailable


@dataclass(frozen=True, slots=True)
class _Way:
    """One way back: its title, where it is asked for and given up, how it is planned, and where it leads when done."""

    title: str
    action: str
    leave: str
    done: str
    draw: Callable[[bool], Plan]
    recorded: Action
    danger: bool = False


def pages() -> list[Page]:
    """Return the pages of the ways back."""
    write = Permission.DEFINITIONS_WRITE
    return [
        page
        for address, way in _WAYS.items()
        for page in (
            Page(address, partial(_show, way), write),
            post(address, partial(_carry_out, way), write),
        )
    ]


def _show(way: Callable[[Asked], _Way], asked: Asked) -> Response:
    return _ask(asked, way(asked))


def _carry_out(way: Callable[[Asked], _Way], asked: Asked) -> Response:
    return _apply(asked, way(asked))


def _rolling_back(asked: Asked) -> _Way:
    ref, said = ref_of(asked), asked.query.get("version", "")
    if not (said.isascii() and said.isdigit() and len(said) < 16):
        raise NotFound(what_zh="定义版本", what_en="version of a definition", key=f"{ref} {said}")
    version, service = int(said), asked.service(Definitions)
    return _Way(
        asked.say(N_("Back to version %(version)s of %(key)s"), version=version, key=ref.key),
        f"{href_of(ref)}/rollback?version={version}",
        href_of(ref),
        f"{href_of(ref)}?done=back",
        lambda effects: service.plan_rollback(asked.merchant_id, ref, version, effects=effects),
        Action.DEFINITIONS_ROLLED_BACK,
    )


def _removing(asked: Asked) -> _Way:
    ref, service = ref_of(asked), asked.service(Definitions)
    return _Way(
        asked.say(N_("Delete %(key)s"), key=ref.key),
        f"{href_of(ref)}/remove",
        href_of(ref),
        f"{HERE}?done=removed",
        lambda effects: service.plan_removal(asked.merchant_id, [ref], effects=effects),
        Action.DEFINITIONS_REMOVED,
        danger=True,
    )


def _restoring(asked: Asked) -> _Way:
    number, service = number_of(asked), asked.service(Definitions)
    return _Way(
        asked.say(N_("Back to everything as it was after release %(number)s"), number=number),
        f"{RELEASES}/{number}/restore",
        f"{RELEASES}/{number}",
        f"{RELEASES}?done=restored",
        lambda effects: service.plan_release(asked.merchant_id, number, effects=effects),
        Action.DEFINITIONS_ROLLED_BACK,
    )


def _ask(asked: Asked, way: _Way, error: str = "", moved: str = "") -> Response:
    """Show the plan; its figures alone where the page asks for them later."""
    later = asked.request.headers.get("hx-target", "").endswith("#effect")
    plan, problems = try_plan(asked, lambda: way.draw(later))
    status = 409 if moved else 422 if error else 200
    shown: dict[str, Any] = plan_view(asked, plan) if plan else {}
    return asked.render(
        "definitions/back.html",
        status=status,
        way=way,
        plan=shown,
        problems=problems,
        effects=effects_view(asked, plan) if plan and later else None,
        effect_url=way.action,
        why=asked.form.get("why"),
        error=error,
        moved=moved,
    )


def _apply(asked: Asked, way: _Way) -> Response:
    """Make the plan live that was seen."""
    why = asked.form.get("why")
    try:
        plan, problems = try_plan(asked, lambda: way.draw(False))
        if plan is None or problems:
            return _ask(asked, way)
        asked.service(Definitions).apply(
            asked.merchant_id,
            plan,
            by=asked.visitor.person.person_id,
            why=why,
            expect=asked.form.get("expect"),
            beside=recorded(asked, way.recorded, why),
        )
    except Outdated as error:
        return _ask(asked, way, moved=error.say(asked.language))
    except (InvalidInput, Unavailable) as error:
        return _ask(asked, way, error.say(asked.language))
    return go(way.done)


_WAYS: Final = {
    f"{RELEASES}/{{number}}/restore": _restoring,
    f"{ONE}/rollback": _rolling_back,
    f"{ONE}/remove": _removing,
}
