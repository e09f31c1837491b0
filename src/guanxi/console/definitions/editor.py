"""Writing definitions: problems at their place while one types, what would change, what it would do, and making it live."""

from __future__ import annotations

import secrets
from typing import Any, Final

from starlette.responses import Response

from guanxi.access import Action, Permission
from guanxi.console.definitions import counting
from guanxi.console.definitions.one import ONE, ref_of
from guanxi.console.definitions.shown import (
    HERE,
    RELEASES,
    WRITTEN,
    href_of,
    kind_label,
    label_of,
    plan_view,
    try_plan,
)
from guanxi.console.session import Asked, Page, go, post
from guanxi.console.work.asking import later
from guanxi.definitions import Plan, Ref, text as yaml
from guanxi.definitions.service import Definitions
from guanxi.definitions.wishes import Way, Wish
from guanxi.kernel.text import Text

NEW: Final = f"{HERE}/new"
_STARTS: Final = {
    "attribute": """\
kind: attribute
key: city
label: {zh: 城市, en: City}
type: text
""",
    "trait": """\
kind: trait
key: orders_7d
label: {zh: 近 7 天订单数, en: Orders in 7 days}
value: count(order.paid, 7d)
""",
    "stages": """\
kind: trait
key: stage
label: {zh: 生命周期阶段, en: Lifecycle stage}
history: true
stages:
  - {value: asleep, label: {zh: 沉睡, en: Asleep}, when: "days_since(last(order.paid, 365d)) > 60"}
  - {value: repeat, label: {zh: 复购, en: Repurchased}, when: "count(order.paid, 365d) >= 2"}
  - {value: converted, label: {zh: 转化, en: Converted}, when: "count(order.paid, 365d) = 1"}
otherwise: {value: new, label: {zh: 新增, en: New}}
""",
    "audience": """\
kind: audience
key: recent_buyers
label: {zh: 最近下单, en: Recent buyers}
rule: count(order.paid, 30d) >= 1
""",
}
"""What a new definition of a kind may begin with."""


def pages() -> list[Page]:
    """Return the pages of the editor."""
    write = Permission.DEFINITIONS_WRITE
    return [
        Page(NEW, new, write),
        post(f"{HERE}/check", check, write),
        post(f"{HERE}/effect", effect, write),
        post(f"{HERE}/apply", apply, write),
        Page(f"{ONE}/edit", edit, write),
    ]


def new(asked: Asked) -> Response:
    """Begin a definition, or several."""
    kind = asked.query.get("kind", "trait")
    return _page(asked, _STARTS.get(kind, f"kind: {kind}\nkey: \n" if kind.isidentifier() else ""), None)


def edit(asked: Asked) -> Response:
    """Change the text of a definition."""
    ref = ref_of(asked)
    with asked.context.database.reading() as tx:
        definition = asked.service(Definitions).get(tx, asked.merchant_id, ref)
    return _page(asked, definition.text, ref)


def check(asked: Asked) -> Response:
    """Say what is wrong with a text, or what it would change; what another text would do is no longer asked."""
    counting.give_up(asked, _topic(asked))
    return _page(asked, _text(asked), _origin(asked))


def effect(asked: Asked) -> Response:
    """Count what a text would do."""
    return _page(asked, _text(asked), _origin(asked), counted=True)


def apply(asked: Asked) -> Response:
    """Make a text live, if it still does what was seen."""
    said = _text(asked)
    plan, problems = try_plan(asked, lambda: _plan(asked, said, effects=False))
    if plan is None or problems:
        return _page(asked, said, _origin(asked), status=422)
    refs = [one.ref for one in plan.changes if one.ref not in plan.touched]
    link = f"{href_of(refs[0]) if len(refs) == 1 else RELEASES}?done=applied"
    made = counting.apply(
        asked,
        Wish(Way.TEXT, said),
        Action.DEFINITIONS_APPLIED,
        counting.named(plan, Text("发布", "Make live")),
        link,
        topic=_topic(asked),
    )
    if made.work is None:
        there = {one.ref for one in plan.changes if one.before is not None}
        return later(href_of(refs[0]) if len(refs) == 1 and refs[0] in there else HERE)
    if made.moved:
        return _page(asked, said, _origin(asked), moved=made.moved, status=409)
    if made.error:
        return _page(asked, said, _origin(asked), error=made.error, status=422)
    outcome = made.work.outcome
    done = "applied" if outcome.detail["changed"] else "same"
    if len(refs) == 1:
        return go(f"{href_of(refs[0])}?done={done}")
    return go(f"{RELEASES}/{outcome.counts['release']}?done={done}")


def _topic(asked: Asked) -> str:
    """Return what all counting for one opened editor is about: of two texts only the later one is counted."""
    return f"plan/{asked.form.get('page')}"


def _text(asked: Asked) -> str:
    return asked.form.raw("text").replace("\r\n", "\n")


def _origin(asked: Asked) -> Ref | None:
    kind, _, key = asked.form.get("origin").partition(" ")
    return Ref(kind, key) if kind and key else None


def _plan(asked: Asked, said: str, *, effects: bool) -> Plan:
    service = asked.service(Definitions)
    return service.plan(asked.merchant_id, yaml.draft({WRITTEN: said}), effects=effects)


def _page(
    asked: Asked,
    said: str,
    origin: Ref | None,
    *,
    counted: bool = False,
    moved: str = "",
    error: str = "",
    status: int = 200,
) -> Response:
    plan, problems = try_plan(asked, lambda: _plan(asked, said, effects=False))
    effect_of = counting.effect(asked, Wish(Way.TEXT, said), plan, _topic(asked)) if plan and counted else {}
    shown: dict[str, Any] = plan_view(asked, plan) if plan else {}
    label = ""
    if origin is not None:
        with asked.context.database.reading() as tx:
            live = asked.service(Definitions).live(tx, asked.merchant_id).definitions
        label = label_of(live[origin]).in_(asked.language) if origin in live else origin.key
    return asked.render(
        "definitions/editor.html",
        status=status,
        headers=counting.tray_looks(effect_of),
        text=said,
        blank=not said.strip(),
        origin=origin,
        label=label,
        kinds=[(name, kind_label(asked, name)) for name in asked.service(Definitions).kinds],
        plan=shown,
        problems=problems,
        page=asked.form.get("page") or secrets.token_hex(8),
        **effect_of,
        effect_url=f"{HERE}/effect",
        why=asked.form.get("why"),
        moved=moved,
        error=error,
        here=href_of(origin) if origin else HERE,
        base=HERE,
    )
