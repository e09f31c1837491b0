"""Writing definitions: problems at their place while one types, what would change, what it would do, and making it live."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from guanxi.access import Action, Permission
from guanxi.console.definitions.one import ONE, ref_of
from guanxi.console.definitions.shown import (
    HERE,
    RELEASES,
    effects_view,
    href_of,
    kind_label,
    label_of,
    plan_view,
    recorded,
    try_plan,
)
from guanxi.console.session import Asked, Page, go, post
from guanxi.definitions import Plan, Ref, text as yaml
from guanxi.definitions.model import Outdated
from guanxi.definitions.service import Definitions
from guanxi.kernel.errors import InvalidInput, Unavailable

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
    """Say what is wrong with a text, or what it would change."""
    return _page(asked, _text(asked), _origin(asked))


def effect(asked: Asked) -> Response:
    """Count what a text would do."""
    return _page(asked, _text(asked), _origin(asked), counting=True)


def apply(asked: Asked) -> Response:
    """Make a text live, if it still does what was seen."""
    said, why, service = _text(asked), asked.form.get("why"), asked.service(Definitions)
    plan, problems = try_plan(asked, lambda: _plan(asked, said, effects=False))
    if plan is None or problems:
        return _page(asked, said, _origin(asked), status=422)
    try:
        done = service.apply(
            asked.merchant_id,
            plan,
            by=asked.visitor.person.person_id,
            why=why,
            expect=asked.form.get("expect"),
            beside=recorded(asked, Action.DEFINITIONS_APPLIED, why),
        )
    except Outdated as error:
        return _page(asked, said, _origin(asked), moved=error.say(asked.language), status=409)
    except (InvalidInput, Unavailable) as error:
        return _page(asked, said, _origin(asked), error=error.say(asked.language), status=422)
    if len(plan.changes) - len(plan.touched) == 1:
        ref = next(one.ref for one in plan.changes if one.ref not in plan.touched)
        return go(f"{href_of(ref)}?done={'applied' if done.changed else 'same'}")
    return go(f"{RELEASES}/{done.release}?done={'applied' if done.changed else 'same'}")


def _text(asked: Asked) -> str:
    return asked.form.raw("text").replace("\r\n", "\n")


def _origin(asked: Asked) -> Ref | None:
    kind, _, key = asked.form.get("origin").partition(" ")
    return Ref(kind, key) if kind and key else None


def _plan(asked: Asked, said: str, *, effects: bool) -> Plan:
    service = asked.service(Definitions)
    return service.plan(asked.merchant_id, yaml.parse(said), effects=effects)


def _page(
    asked: Asked,
    said: str,
    origin: Ref | None,
    *,
    counting: bool = False,
    moved: str = "",
    error: str = "",
    status: int = 200,
) -> Response:
    plan, problems = try_plan(asked, lambda: _plan(asked, said, effects=counting))
    shown: dict[str, Any] = plan_view(asked, plan) if plan else {}
    label = ""
    if origin is not None:
        with asked.context.database.reading() as tx:
            live = asked.service(Definitions).live(tx, asked.merchant_id).definitions
        label = label_of(live[origin]).in_(asked.language) if origin in live else origin.key
    return asked.render(
        "definitions/editor.html",
        status=status,
        text=said,
        blank=not said.strip(),
        origin=origin,
        label=label,
        kinds=[(name, kind_label(asked, name)) for name in asked.service(Definitions).kinds],
        plan=shown,
        problems=problems,
        effects=effects_view(asked, plan) if plan and counting else None,
        effect_url=f"{HERE}/effect",
        why=asked.form.get("why"),
        moved=moved,
        error=error,
        here=href_of(origin) if origin else HERE,
        base=HERE,
    )
