"""The builder: one rule seen twice, as conditions to pick and as text, with what it says and whom it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from guanxi.access.permissions import Permission
from guanxi.console.audiences import counting, rows
from guanxi.console.audiences.choices import Choices, choices
from guanxi.console.audiences.paths import HERE, page_of
from guanxi.console.i18n import N_
from guanxi.console.session import Asked, Page, post
from guanxi.customers.audiences.model import Counted
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.members.model import MemberLine
from guanxi.customers.profiles.model import needs
from guanxi.customers.traits.derived import AUDIENCE, AUDIENCE_FIELDS
from guanxi.definitions import Definition, Ref
from guanxi.definitions.reading import Reading
from guanxi.definitions.service import Definitions
from guanxi.kernel.errors import GuanxiError
from guanxi.rules import BadRule, Node, condition, sentence
from guanxi.rules.form import BadForm, to_form, to_text
from guanxi.rules.hints import hints
from guanxi.rules.model import Problem

NEEDS: Final = Permission.AUDIENCES_READ
EXAMPLES: Final = {
    "spenders": (N_("Spent ¥500 in 90 days"), "sum(order.paid.amount, 90d) >= ¥500"),
    "away": (
        N_("Bought this year, not in 60 days"),
        "count(order.paid, 365d) >= 1 and days_since(last(order.paid, 365d)) >= 60",
    ),
}
"""Rules to begin with, as far as the merchant's events allow."""


def pages() -> list[Page]:
    """Return the pages of the builder."""
    return [
        Page(f"{HERE}/new", new, NEEDS),
        post(f"{HERE}/draft", draft, NEEDS),
        post(f"{HERE}/count", count, NEEDS),
        Page(f"{HERE}/{{key}}/edit", edit, NEEDS),
    ]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule while it is written: its text, what it means if it means anything, and what is wrong with it."""

    text: str
    node: Node | None = None
    problems: tuple[Problem, ...] = ()
    lacks: str = ""
    """What is wrong with the picked conditions as a whole, in the reader's language."""


def read_rule(text: str, some: Choices) -> Rule:
    """Return a rule from its text; an empty one means nothing yet."""
    if not text.strip():
        return Rule(text)
    try:
        return Rule(text, condition(text, some.catalogue))
    except BadRule as error:
        return Rule(text, None, tuple(error.problems))


def picked(group: rows.Group, some: Choices) -> tuple[Rule, Mapping[str, str]]:
    """Return the rule that the rows say, and what is missing of those that do not count yet."""
    said = rows.meant(group, some.catalogue)
    if said.form is None:
        return Rule(""), said.missing
    try:
        return read_rule(to_text(said.form), some), said.missing
    except BadForm as error:
        return Rule("", lacks=error.say(some.asked.language)), said.missing


def rows_of(rule: Rule, some: Choices) -> rows.Group | None:
    """Return the rows of a rule; ``None`` for one that says more than rows can."""
    if rule.node is None:
        return None
    return rows.shown(to_form(rule.node), some.catalogue)


# Pages ---------------------------------------------------------------------------------------------------------------


def new(asked: Asked) -> Response:
    """Show an empty builder, an example, or the rule that the address brings."""
    if asked.query.get("static") == "yes":
        return asked.render("audiences/static_new.html", **static_values())
    some = choices(asked, asked.service(Audiences).vocabulary(asked.merchant))
    text = EXAMPLES.get(asked.query.get("example", ""), ("", asked.query.get("rule", "")))[1]
    return asked.render("audiences/builder.html", **builder(asked, some, read_rule(text, some), {}))


def edit(asked: Asked) -> Response:
    """Show an audience in the builder."""
    key = asked.part("key")
    found = definition(asked, key)
    values = fields_of(found)
    if found.spec.get("static"):
        return asked.render("audiences/static_new.html", **static_values(values, key=key))
    some = choices(asked, asked.service(Audiences).vocabulary(asked.merchant))
    rule = read_rule(str(found.spec.get("rule", "")), some)
    return asked.render("audiences/builder.html", **builder(asked, some, rule, values, key=key))


def definition(asked: Asked, key: str) -> Definition:
    """Return the definition of an audience; raises ``NotFound``."""
    with asked.context.database.reading() as tx:
        return asked.service(Definitions).get(tx, asked.merchant_id, Ref(AUDIENCE, key))


def fields_of(found: Definition) -> dict[str, str]:
    """Return what the form asks beside the rule."""
    reading = Reading(found, AUDIENCE_FIELDS)
    label, note = reading.label(), reading.note()
    return {
        "label_zh": label.zh,
        "label_en": label.en if label.en != label.zh else "",
        "note_zh": note.zh,
        "note_en": note.en if note.en != note.zh else "",
    }


def static_values(
    values: Mapping[str, str] | None = None,
    *,
    key: str = "",
    errors: Mapping[str, str] | None = None,
    effect: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the form of a list names."""
    return {**_around(values or {}, key), "errors": errors or {}, "effect": effect}


def _around(values: Mapping[str, str], key: str) -> dict[str, Any]:
    empty = dict.fromkeys(("label_zh", "label_en", "note_zh", "note_en", "key", "why"), "")
    return {
        "values": {**empty, **values},
        "key": key,
        "action": f"{page_of(key)}/edit" if key else f"{HERE}/new",
        "back": page_of(key) if key else HERE,
    }


def builder(
    asked: Asked,
    some: Choices,
    rule: Rule,
    values: Mapping[str, str],
    *,
    key: str = "",
    group: rows.Group | None = None,
    missing: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    effect: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the page of the builder names; without ``group`` the rows are those of the rule."""
    return {
        **_around(values, key),
        **sides(asked, some, rule, group, missing or {}),
        "errors": errors or {},
        "effect": effect,
    }


def sides(
    asked: Asked, some: Choices, rule: Rule, group: rows.Group | None, missing: Mapping[str, str]
) -> dict[str, Any]:
    """Return what both sides of a rule and what is said of it need."""
    seen = group if group is not None else rows_of(rule, some)
    if seen is None and not rule.text.strip():
        seen = rows.Group("and", (rows.Row(),))
    return {
        "rule": rule.text,
        "visual": some.group(seen, missing) if seen is not None else None,
        "broken": rule.node is None and bool(rule.text.strip()),
        "subjects": some.subjects(),
        "starts": some.start_labels(),
        "said": said(asked, some, rule),
    }


def said(asked: Asked, some: Choices, rule: Rule) -> dict[str, Any]:
    """Return what is said of a rule: in words, what is wrong, whom it finds."""
    node = rule.node
    counted = counting.first(asked, node) if node is not None else None
    return {
        "sentence": sentence(node, some.catalogue, asked.language) if node is not None else "",
        "online": needs(some.vocabulary, [node]).online if node is not None else True,
        "problems": [marked(asked, rule.text, one) for one in rule.problems],
        "hints": [
            marked(asked, rule.text, one)
            for one in (hints(rule.text, node, some.catalogue, some.met) if node is not None else ())
        ],
        "lacks": rule.lacks,
        "counted": counting.shown(counted) if counted is not None else None,
        "rule": rule.text,
    }


_AROUND: Final = 24
"""Letters shown on both sides of what is wrong."""


def marked(asked: Asked, text: str, problem: Problem) -> dict[str, Any]:
    """Return a problem with the part of the text that it is about, and what the click that mends it says."""
    start, end = min(problem.at.start, len(text)), min(problem.at.end, len(text))
    line = text.count("\n", 0, start) + 1
    return {
        "before": ("…" if start > _AROUND else "") + text[max(0, start - _AROUND) : start],
        "wrong": text[start:end] or "␣",
        "after": text[end : end + _AROUND] + ("…" if end + _AROUND < len(text) else ""),
        "line": line,
        "column": start - (text.rfind("\n", 0, start) + 1) + 1,
        "reason": problem.reason.in_(asked.language),
        "nearest": problem.nearest,
        "fix": f"{start}:{end}:{problem.nearest}" if problem.nearest else "",
    }


def mended(text: str, fix: str) -> str:
    """Return a text with what a click replaces; unchanged if the click makes no sense."""
    start, _, rest = fix.partition(":")
    end, _, name = rest.partition(":")
    if not (start.isdecimal() and end.isdecimal() and int(start) <= int(end) <= len(text)):
        return text
    wrong = text[int(start) : int(end)]
    quoted = "'" + name.replace("'", "''") + "'" if wrong.startswith("'") else name
    return text[: int(start)] + quoted + text[int(end) :]


def draft(asked: Asked) -> Response:
    """Answer a change of one side with the other, and with what the rule says."""
    some = choices(asked, asked.service(Audiences).vocabulary(asked.merchant))
    action, fix = asked.form.get("do"), asked.form.raw("fix")
    side = "text" if asked.form.get("side") == "text" or fix else "form"
    if side == "text":
        text = mended(text_of(asked), fix) if fix else text_of(asked)
        rule = read_rule(text, some)
        found = sides(asked, some, rule, None, {})
    else:
        group = rows.read(asked.form.fields)
        if action:
            group = rows.act(group, action, some.starts())
        rule, missing = picked(group, some)
        found = sides(asked, some, rule, group, missing)
        found["broken"] = False
    return asked.render(
        "audiences/builder.html", **_around({}, ""), **found, errors={}, effect=None, side=side
    )


def text_of(asked: Asked) -> str:
    """Return the text side as it was typed, with plain line ends."""
    return asked.form.raw("rule").replace("\r\n", "\n")


def count(asked: Asked) -> Response:
    """Say exactly how many members a rule finds, with the first of them."""
    audiences = asked.service(Audiences)
    refused = ""
    counted: Counted | None = None
    members: list[MemberLine] = []
    try:
        counted, members = counting.exact(asked, audiences.rule(asked.merchant, text_of(asked)))
    except GuanxiError as error:
        refused = error.say(asked.language)
    return asked.render(
        "audiences/counted.html",
        counted=counting.shown(counted) if counted is not None else None,
        members=[{"line": one, "href": counting.address(one)} for one in members],
        refused=refused,
    )
