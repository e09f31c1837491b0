"""How definitions, plans and differences are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from guanxi.access import Permission
from guanxi.access.service import people
from guanxi.console import formats
from guanxi.console.i18n import N_
from guanxi.console.places import DEFINITIONS
from guanxi.console.render import path
from guanxi.console.session import Asked
from guanxi.definitions import Action, BadDefinitions, Definition, Plan, Problem, Ref, decide
from guanxi.definitions.model import Release
from guanxi.definitions.service import Definitions
from guanxi.kernel.text import Text

HERE: Final = DEFINITIONS
WRITTEN: Final = "text"
"""The name of what is being written, where problems say in which text they are."""
RELEASES: Final = f"{HERE}/releases"

TONES: Final = {Action.CREATE: "ok", Action.CHANGE: "info", Action.DELETE: "bad", Action.SAME: "mute"}
_FIGURES: Final = {
    "members": N_("Members afterwards"),
    "gains": N_("Come in or change"),
    "losses": N_("Go"),
}
"""What kinds like to call their figures; another name is shown as it is."""
_PROGRAMS: Final = {"cli": N_("command line"), "demo": N_("demonstration"), "worker": N_("the system")}
_MARKS: Final = {"+": "add", "-": "del", "@": "cut"}
_PAGES: Final = {"audience": Permission.AUDIENCES_READ}
"""Kinds that have a page of their own elsewhere, and who may see it."""


def label_of(definition: Definition) -> Text:
    """Return what people call a definition; its key if it has no label."""
    said = definition.spec.get("label")
    if isinstance(said, Mapping) and {"zh", "en"} <= said.keys():
        return Text(str(said["zh"]), str(said["en"]))
    return Text(said, said) if isinstance(said, str) and said else Text(*[definition.ref.key] * 2)


def href_of(ref: Ref) -> str:
    """Return the address of a definition's page."""
    return path("console", "definitions", ref.kind, ref.key)


def use_of(asked: Asked, ref: Ref) -> str:
    """Return where a definition is at work, if it has a page of its own there; otherwise nothing."""
    needs = _PAGES.get(ref.kind)
    return path("console", f"{ref.kind}s", ref.key) if needs is not None and asked.may(needs) else ""


def kind_label(asked: Asked, kind: str) -> str:
    """Return what people call a kind of definition."""
    known = asked.service(Definitions).kinds.get(kind)
    return known.label.in_(asked.language) if known else kind


def doers(asked: Asked) -> Callable[[str], str]:
    """Return what tells who did something by the id that was kept."""
    with asked.context.database.reading() as tx:
        staff = {one.person.person_id: one.person.name for one in people.list_staff(tx, asked.merchant_id)}
        staff |= {one.key_id: one.name for one in asked.context.access.keys.list(tx, asked.merchant_id).items}
    programs = {key: asked.say(label) for key, label in _PROGRAMS.items()}
    return lambda by: staff.get(by) or programs.get(by) or by


def named(asked: Asked, ref: Ref, live: Mapping[Ref, Definition]) -> dict[str, str]:
    """Return a definition as a link with its kind."""
    known = live.get(ref)
    return {
        "href": href_of(ref) if known else "",
        "label": label_of(known).in_(asked.language) if known else ref.key,
        "key": ref.key,
        "kind": kind_label(asked, ref.kind),
    }


def diff_lines(before: str, after: str) -> list[dict[str, str]]:
    """Return what changed from one text to another, line by line: ``sort`` (add, del, cut or same) and ``text``."""
    lines = decide.diff(before, after, ("a", "b")).splitlines()[2:]
    found = [{"sort": _MARKS.get(line[:1], "same"), "text": line[1:]} for line in lines]
    for one in found:
        if one["sort"] == "cut":
            one["text"] = "⋯"
    # What stands before the first change is no gap within the text.
    return found[1:] if found else found


def plan_view(asked: Asked, plan: Plan) -> dict[str, Any]:
    """Return a plan as the page shows it: a sentence, what changes with its difference, and what rests on it."""
    changes, touched = [], []
    for change in plan.changes:
        definition = change.after or change.before
        if definition is None:
            continue
        shown = {
            "label": label_of(definition).in_(asked.language),
            "key": change.ref.key,
            "kind": kind_label(asked, change.ref.kind),
            "action": change.action.label.in_(asked.language),
            "tone": TONES[change.action],
            "href": href_of(change.ref) if change.before else "",
        }
        if change.action is Action.SAME:
            touched += [shown] if change.ref in plan.touched else []
            continue
        before, after = (one.text if one else "" for one in (change.before, change.after))
        changes.append({**shown, "diff": diff_lines(before, after)})
    return {
        "changes": changes,
        "touched": touched,
        "hints": problems_view(asked, plan.hints),
        "sentence": _sentence(asked, plan),
        "hash": plan.hash,
        "empty": plan.empty,
    }


def _sentence(asked: Asked, plan: Plan) -> str:
    counts = Counter(
        (change.action, change.ref.kind) for change in plan.changes if change.action is not Action.SAME
    )
    parts = [
        asked.say(
            N_("%(action)s %(count)s × %(kind)s"),
            action=action.label.in_(asked.language),
            count=count,
            kind=kind_label(asked, kind),
        )
        for (action, kind), count in counts.items()
    ]
    said = ("，" if asked.language == "zh" else ", ").join(parts)
    if plan.touched:
        return asked.say(
            N_(
                "This will %(changes)s; %(touched)s more that rest on them are computed anew."
                " It holds at once for every member and can be taken back."
            ),
            changes=said,
            touched=len(plan.touched),
        )
    return asked.say(
        N_("This will %(changes)s. It holds at once for every member and can be taken back."), changes=said
    )


def effects_view(asked: Asked, plan: Plan) -> dict[str, Any]:
    """Return the figures of a plan as a table: ``columns`` are labels, ``rows`` have their definition and figures."""
    names = list(dict.fromkeys(name for figures in plan.effects.values() for name in figures))
    rows = []
    for change in plan.changes:
        figures, definition = plan.effects.get(change.ref), change.after or change.before
        if figures is None or definition is None:
            continue
        rows.append(
            {
                "label": label_of(definition).in_(asked.language),
                "kind": kind_label(asked, change.ref.kind),
                "action": change.action.label.in_(asked.language),
                "tone": TONES[change.action],
                "figures": [_figure(name, figures.get(name)) for name in names],
            }
        )
    return {
        "columns": [asked.say(_FIGURES[name]) if name in _FIGURES else name for name in names],
        "rows": rows,
    }


def _figure(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, int) or isinstance(value, bool):
        return {"text": "—" if value is None else str(value), "tone": ""}
    sign = {"gains": "+", "losses": "−"}.get(name, "") if value else ""
    tone = {"gains": "ok", "losses": "bad"}.get(name, "") if value else ""
    return {"text": sign + formats.number(value), "tone": tone}


def problems_view(asked: Asked, problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Return what is wrong, with its place in the text; of a definition that stands elsewhere, with its name."""
    return [
        {
            "line": one.line if one.source == WRITTEN else 0,
            "column": one.column,
            "place": _place(asked, one),
            "href": href_of(one.ref) if one.ref and one.source != WRITTEN else "",
            "text": one.reason.in_(asked.language),
        }
        for one in problems
    ]


def _place(asked: Asked, one: Problem) -> str:
    line = asked.say(N_("Line %(line)s, column %(column)s"), line=one.line, column=one.column)
    if one.source == WRITTEN or one.ref is None:
        return line
    named = f"{kind_label(asked, one.ref.kind)} {one.ref.key}"
    return named if one.code == decide.IN_USE else f"{named} · {line}"


def try_plan(asked: Asked, draw: Callable[[], Plan]) -> tuple[Plan | None, list[dict[str, Any]]]:
    """Return a plan, or what is wrong with what was asked for."""
    try:
        return draw(), []
    except BadDefinitions as error:
        return None, problems_view(asked, error.problems)


def summary_of(asked: Asked, release: Release) -> str:
    """Return what a release changed, in a few words."""
    parts = [
        asked.say(
            N_("%(action)s %(count)s × %(kind)s"),
            action=Action(action).label.in_(asked.language),
            count=count,
            kind=kind_label(asked, kind),
        )
        for kind, actions in release.summary.items()
        for action, count in actions.items()
    ]
    return ("，" if asked.language == "zh" else ", ").join(parts)
