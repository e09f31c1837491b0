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
from guanxi.console.definitions import counting
from guanxi.console.definitions.one import ONE, ref_of
from guanxi.console.definitions.releases import number_of
from guanxi.console.definitions.shown import (
    HERE,
    RELEASES,
    href_of,
    plan_view,
    try_plan,
)
from guanxi.console.i18n import N_
from guanxi.console.session import Asked, Page, go, post
from guanxi.console.work.asking import later
from guanxi.definitions import Plan, Ref
from guanxi.definitions.service import Definitions
from guanxi.definitions.wishes import Way, Wish
from guanxi.kernel.errors import NotFound
from guanxi.kernel.text import Text


@dataclass(frozen=True, slots=True)
class _Way:
    """One way back: its title, where it is asked for and given up, what it is, and where it leads when done."""

    name: Text
    title: str
    action: str
    leave: str
    done: str
    wish: Wish
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
    version = int(said)
    return _Way(
        Text(f"{ref.key} 退回版本 {version}", f"{ref.key} back to version {version}"),
        asked.say(N_("Back to version %(version)s of %(key)s"), version=version, key=ref.key),
        f"{href_of(ref)}/rollback?version={version}",
        href_of(ref),
        f"{href_of(ref)}?done=back",
        Wish(Way.ROLLBACK, ref=ref, number=version),
        Action.DEFINITIONS_ROLLED_BACK,
    )


def _removing(asked: Asked) -> _Way:
    ref: Ref = ref_of(asked)
    return _Way(
        Text(f"删除 {ref.key}", f"Delete {ref.key}"),
        asked.say(N_("Delete %(key)s"), key=ref.key),
        f"{href_of(ref)}/remove",
        href_of(ref),
        f"{HERE}?done=removed",
        Wish(Way.REMOVE, ref=ref),
        Action.DEFINITIONS_REMOVED,
        danger=True,
    )


def _restoring(asked: Asked) -> _Way:
    number = number_of(asked)
    return _Way(
        Text(f"退回发布 {number} 之后", f"Back to after release {number}"),
        asked.say(N_("Back to everything as it was after release %(number)s"), number=number),
        f"{RELEASES}/{number}/restore",
        f"{RELEASES}/{number}",
        f"{RELEASES}?done=restored",
        Wish(Way.RESTORE, number=number),
        Action.DEFINITIONS_ROLLED_BACK,
    )


def _ask(asked: Asked, way: _Way, error: str = "", moved: str = "") -> Response:
    """Show the plan; its figures alone where the page asks for them later."""
    figures = asked.request.headers.get("hx-target", "").endswith("#effect")
    plan, problems = try_plan(asked, lambda: _drawn(asked, way))
    effect_of = counting.effect(asked, way.wish, plan, f"back/{way.action}") if plan and figures else {}
    status = 409 if moved else 422 if error else 200
    shown: dict[str, Any] = plan_view(asked, plan) if plan else {}
    return asked.render(
        "definitions/back.html",
        status=status,
        headers=counting.tray_looks(effect_of),
        way=way,
        plan=shown,
        problems=problems,
        **effect_of,
        effect_url=way.action,
        why=asked.form.get("why"),
        error=error,
        moved=moved,
    )


def _apply(asked: Asked, way: _Way) -> Response:
    """Make the plan live that was seen."""
    plan, problems = try_plan(asked, lambda: _drawn(asked, way))
    if plan is None or problems:
        return _ask(asked, way)
    made = counting.apply(asked, way.wish, way.recorded, way.name, way.done, topic=f"back/{way.action}")
    if made.work is None:
        return later(way.leave)
    if made.moved or made.error:
        return _ask(asked, way, made.error, made.moved)
    return go(way.done)


def _drawn(asked: Asked, way: _Way) -> Plan:
    return asked.service(Definitions).plan_wish(asked.merchant_id, way.wish, effects=False)


_WAYS: Final = {
    f"{RELEASES}/{{number}}/restore": _restoring,
    f"{ONE}/rollback": _rolling_back,
    f"{ONE}/remove": _removing,
}
