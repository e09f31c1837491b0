"""How a plan is shown and carried out: as colours and figures for people, as JSON for programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from guanxi.cli.output import language, notes, print_json, say, screen, styled
from guanxi.definitions.model import problem_data
from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from guanxi.bootstrap import Product
    from guanxi.definitions.model import Change, Plan
    from guanxi.storage.merchants import Merchant

_MARKS = {"create": ("+", "green"), "change": ("~", "yellow"), "delete": ("-", "red"), "same": ("=", "dim")}
_FIGURES = {
    "gains": Text("进入", "gains"),
    "losses": Text("离开", "losses"),
    "members": Text("会员", "members"),
}
"""What kinds like to call their figures; another name is shown as it is."""


def carry_out(
    product: Product,
    merchant: Merchant,
    drawn: Plan,
    why: str,
    *,
    yes: bool,
    as_json: bool,
    expect: str | None = None,
) -> None:
    """Show a plan, ask, and apply it. Another one than was expected is not even shown."""
    if expect is not None:
        drawn.be(expect)
    if not as_json:
        print_plan(drawn)
    if not (yes or drawn.empty or _is_sure(as_json=as_json)):
        screen.print(say("没有修改。", "Nothing was changed."))
        raise typer.Exit(1)
    done = product.definitions.apply(merchant.merchant_id, drawn, by="cli", why=why, expect=expect)
    if as_json:
        print_json(
            {
                "release": done.release,
                "changed": done.changed,
                "changes": [_change_data(one, drawn) for one in done.changes if one.action != "same"],
            }
        )
    elif done.changed:
        screen.print(say(f"已生效：发布 {done.release}", f"Live: release {done.release}"))


def _is_sure(*, as_json: bool) -> bool:
    """Ask the person at the terminal; a program has nobody to ask and must say ``--yes``."""
    from guanxi.kernel.errors import InvalidInput

    if as_json or not sys.stdin.isatty():
        raise InvalidInput(reason_zh="确认执行请加 --yes", reason_en="confirm the plan with --yes")
    return typer.confirm(say("执行这份计划吗？", "Apply this plan?"))


def print_plan(drawn: Plan) -> None:
    """Print what a plan changes, with differences and figures."""
    from guanxi.definitions.model import Action

    for change in drawn.changes:
        effect = drawn.effects.get(change.ref)
        if change.action is Action.SAME and not effect:
            continue
        mark, style = _MARKS[change.action.value]
        said = [f"{_FIGURES[name].in_(language()) if name in _FIGURES else name} {value}"
                for name, value in (effect or {}).items()]  # fmt: skip
        label = change.action.label.in_(language())
        screen.print(styled((f"{mark} {label} ", style), (str(change.ref), "bold"), f"  {' · '.join(said)}"))
        if change.action is Action.CHANGE:
            print_diff(_diff_of(change))
    counts = {action: sum(change.action is action for change in drawn.changes) for action in Action}
    said_counts = say("，", ", ").join(
        f"{action.label.in_(language())} {count}" for action, count in counts.items()
    )
    screen.print(styled((say("计划", "Plan"), "bold"), f" {drawn.hash}: {said_counts}"))
    _hints(drawn)


def _hints(drawn: Plan) -> None:
    for one in drawn.hints:
        notes.print(styled(("! ", "yellow"), (one.where, "bold"), f" {one.reason.in_(language())}"))


def _diff_of(change: Change) -> str:
    from guanxi.definitions import decide

    before = change.before.text if change.before else ""
    after = change.after.text if change.after else ""
    return decide.diff(before, after, (say("现在", "now"), say("之后", "then")))


def print_diff(said: str) -> None:
    """Print a unified diff in colours."""
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for line in said.splitlines():
        screen.print(styled((f"    {line}", colours.get(line[:1], ""))), soft_wrap=True)


def plan_data(drawn: Plan) -> dict[str, Any]:
    """Return a plan as JSON values."""
    return {
        "base": drawn.base,
        "hash": drawn.hash,
        "changes": [_change_data(one, drawn) for one in drawn.changes],
        "hints": [problem_data(one) for one in drawn.hints],
    }


def _change_data(change: Change, drawn: Plan) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": change.ref.kind, "key": change.ref.key, "action": change.action.value}
    if change.before:
        data["before"] = change.before.version
    if change.after and change.after.version:
        data["version"] = change.after.version
    if effect := drawn.effects.get(change.ref):
        data["effect"] = dict(effect)
    if change.action == "change":
        data["diff"] = _diff_of(change)
    return data
