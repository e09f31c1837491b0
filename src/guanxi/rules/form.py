"""The picture of a rule: groups of conditions that one picks instead of writing, and the way back to text.

A *form* is plain JSON data, two groups deep at most::

    {"join": "and", "items": [
        {"subject": {"attribute": "age"}, "op": "between", "values": [18, 35]},
        {"join": "or", "items": [
            {"subject": {"window": {"how": "sum", "event": "order.paid", "field": "amount", "dimension": "category",
                                    "values": ["GROCERY"], "days": 90}}, "op": ">=", "value": 50000, "money": true},
            {"subject": {"audience": "vip"}, "op": "not_in"}]}]}

``op`` is one of ``operators(type)`` and says by its ``takes`` whether there is a ``value``, ``values`` or neither. Days are
texts as in ``"2026-01-31"``. Amounts are fen; with ``money`` they are written as ``¥500``. An empty ``field`` or
``dimension`` may be left out. A rule that says more has no form.
"""

from __future__ import annotations

from typing import Any, NoReturn

from guanxi.kernel.errors import GuanxiError
from guanxi.kernel.text import Text
from guanxi.rules import days, unparse
from guanxi.rules.checker import WIDEST
from guanxi.rules.model import (
    Aggregation,
    And,
    Attribute,
    Call,
    Comparison,
    Has,
    In,
    InAudience,
    IsNull,
    Like,
    Literal,
    Node,
    Not,
    Or,
    Type,
    Window,
    quote,
)
from guanxi.rules.operators import AGGREGATES, OF_AUDIENCES, TAKES, Operator, Takes, operators
from guanxi.rules.parser import MOST_VALUES
from guanxi.rules.windows import LONGEST_WINDOW

__all__ = ["AGGREGATES", "BadForm", "Form", "Operator", "Takes", "operators", "to_form", "to_text"]

Form = dict[str, Any]

GROUPS = 2
"""Groups within each other."""


class BadForm(GuanxiError):
    """A form that is no rule. ``place`` leads to what is wrong: ``items[0].value``."""

    code = "bad_form"
    status = 422
    text = Text("条件 {place} 有误：{reason_zh}", "The condition is wrong at {place}: {reason_en}")


# From a rule ---------------------------------------------------------------------------------------------------------


class _SaysMore(Exception):
    """A rule that a form cannot show."""


def to_form(node: Node) -> Form | None:
    """Return the form that says what a condition says, ``None`` if there is none; a lone condition is a group of one."""
    try:
        form = _shown(node, GROUPS)
    except _SaysMore:
        return None
    return form if "join" in form else {"join": "and", "items": [form]}


def _shown(node: Node, groups: int) -> Form:
    if not isinstance(node, And | Or) or unparse.between(node):
        return _condition(node)
    if not groups:
        raise _SaysMore
    join = "and" if isinstance(node, And) else "or"
    return {"join": join, "items": [_shown(term, groups - 1) for term in node.terms]}


def _condition(node: Node) -> Form:
    negated = isinstance(node, Not)
    term = node.term if isinstance(node, Not) else node
    if isinstance(term, InAudience):
        return {"subject": {"audience": term.audience}, "op": "not_in" if negated else "in"}
    if isinstance(term, Attribute) and term.type is Type.BOOL:
        return _asked(term, "=", value=not negated)
    if isinstance(term, IsNull):
        return _asked(term.value, "is_not_null" if negated else "is_null")
    if isinstance(term, Comparison):
        if negated:
            raise _SaysMore
        return _compared(term)
    negation = "not_" if negated else ""
    bounds = unparse.between(term)
    if bounds:
        return _asked(bounds[0], f"{negation}between", **_values(bounds[0], bounds[1:]))
    match term:
        case In():
            return _asked(term.value, f"{negation}in", **_values(term.value, term.among))
        case Like():
            return _asked(term.value, f"{negation}like", value=term.pattern)
        case Has():
            which = "all" if term.every else "any"
            return _asked(term.value, f"{negation}has_{which}", values=list(term.wanted))
        case Call(function=("contains" | "starts_with" | "ends_with"), arguments=(value, Literal() as part)):
            return _asked(value, negation + term.function, value=part.value)
    raise _SaysMore


def _compared(node: Comparison) -> Form:
    match node:
        case Comparison(
            left=Call(function="days_since", arguments=(day,)), right=Literal(value=length, type=Type.INT)
        ):
            op = {"<=": "days_ago_at_most", ">=": "days_ago_at_least"}.get(node.op, "")
            return _asked(day, op, value=length)
    found = _values(node.left, (node.right,))
    found["value"] = found.pop("values")[0]
    return _asked(node.left, node.op, **found)


def _asked(node: Node, op: str, **values: Any) -> Form:
    if op not in {one.op for one in operators(node.type)}:
        raise _SaysMore
    return {"subject": _subject(node), "op": op, **values}


def _subject(node: Node) -> Form:
    match node:
        case Attribute():
            return {"attribute": node.name}
        case Window():
            return {
                "window": {
                    "how": str(node.how),
                    "event": node.event,
                    "field": node.field,
                    "dimension": node.dimension,
                    "values": list(node.values),
                    "days": node.days,
                }
            }
    raise _SaysMore


def _values(subject: Node, nodes: tuple[Node, ...]) -> Form:
    """Return fixed values as a form has them; amounts only beside an amount, and not mixed with other numbers."""
    found, amounts = [], 0
    for node in nodes:
        if not isinstance(node, Literal):
            raise _SaysMore
        amounts += node.type is Type.MONEY
        found.append(days.date(int(node.value or 0)).isoformat() if node.type is Type.DATE else node.value)
    if amounts and (amounts < len(found) or subject.type is not Type.MONEY):
        raise _SaysMore
    return {"values": found, "money": True} if amounts else {"values": found}


# To text -------------------------------------------------------------------------------------------------------------


def to_text(form: object) -> str:
    """Return the rule that a form says, as text; whether its names and types are right, ``condition`` finds.

    Raises ``BadForm``.
    """
    if not isinstance(form, dict) or "join" not in form:
        _bad("", "这里应是一组条件。", "a group of conditions should stand here.")
    return _group(form, "", GROUPS)[0]


def _bad(place: str, zh: str, en: str) -> NoReturn:
    raise BadForm(place=place.removeprefix(".") or "items", reason_zh=zh, reason_en=en)


def _group(form: Form, place: str, groups: int) -> tuple[str, str]:
    """Return a group's text and the word that joins it, empty if nothing is joined."""
    join, items = form.get("join"), form.get("items")
    _only(form, {"join", "items"}, place)
    if join not in ("and", "or"):
        _bad(f"{place}.join", "请选择“且”或“或”。", "this is either and, or or.")
    if not isinstance(items, list) or not items:
        _bad(f"{place}.items", "请至少加一个条件。", "add at least one condition.")
    if not groups:
        _bad(place, f"分组最多 {GROUPS} 层。", f"groups are at most {GROUPS} deep.")
    written, inner = [], ""
    for index, item in enumerate(items):
        here = f"{place}.items[{index}]"
        if not isinstance(item, dict):
            _bad(here, "这里应是一个条件或一组条件。", "a condition or a group should stand here.")
        text, inner = _group(item, here, groups - 1) if "join" in item else (_one(item, here), "")
        written.append(f"({text})" if inner and len(items) > 1 else text)
    return f" {join} ".join(written), str(join) if len(items) > 1 else inner


def _one(form: Form, place: str) -> str:
    subject, op = form.get("subject"), form.get("op")
    if not isinstance(subject, dict) or len(subject) != 1:
        _bad(
            f"{place}.subject",
            "请选择一个属性、统计或人群。",
            "name one attribute, one window or one audience.",
        )
    (kind, of), here = next(iter(subject.items())), f"{place}.subject"
    if kind == "audience":
        _only(form, {"subject", "op"}, place)
        held = f"in_audience({quote(_named(of, f'{here}.audience'))})"
        if not isinstance(op, str) or op not in OF_AUDIENCES:
            _no_operator(place)
        return f"not {held}" if op == "not_in" else held
    if kind == "attribute":
        written = unparse.name(_named(of, f"{here}.attribute"))
    elif kind == "window":
        written = _window(of, f"{here}.window")
    else:
        _bad(here, f"不认识“{kind}”。", f"there is no subject {kind}.")
    if not isinstance(op, str) or op not in TAKES:
        _no_operator(place)
    return _said(written, op, form, place)


def _no_operator(place: str) -> NoReturn:
    _bad(f"{place}.op", "请选择一种比较。", "choose how to compare.")


def _said(subject: str, op: str, form: Form, place: str) -> str:
    takes, here = TAKES[op], f"{place}.value"
    negation, plain = ("not ", op[4:]) if op.startswith("not_") else ("", op)
    wants = {Takes.NOTHING: set[str](), Takes.ONE: {"value", "money"}, Takes.DAYS: {"value"}}
    _only(form, {"subject", "op"} | wants.get(takes, {"values", "money"}), place)
    if takes is Takes.NOTHING:
        return f"{subject} is {'not ' if op == 'is_not_null' else ''}null"
    if takes is Takes.DAYS:
        length = _whole(form.get("value"), here, "请填写天数。", "this is a number of days.")
        return f"days_since({subject}) {'<=' if op == 'days_ago_at_most' else '>='} {length}"
    if plain == "like":
        return f"{subject} {negation}like {quote(_text(form.get('value'), here))}"
    if plain in {"contains", "starts_with", "ends_with"}:
        return f"{negation}{plain}({subject}, {quote(_text(form.get('value'), here))})"
    if takes is Takes.ONE:
        value = form.get("value")
        if isinstance(value, bool) and op == "=":
            return subject if value else f"not {subject}"
        return f"{subject} {op} {_value(value, form, here)}"
    values = _several(form, place, 2 if takes is Takes.TWO else None)
    if takes is Takes.TWO:
        return f"{subject} {negation}between {values[0]} and {values[1]}"
    if plain.startswith("has_"):
        return f"{negation}{subject} has {_wanted(plain, form['values'], f'{place}.values')}"
    return f"{subject} {negation}in {unparse.listed(values)}"


def _wanted(op: str, values: list[Any], place: str) -> str:
    quoted = [quote(one) for one in dict.fromkeys(_text(value, place) for value in values)]
    if op == "has_all" and len(quoted) == 1:
        return quoted[0]
    return f"{op.removeprefix('has_')} {unparse.listed(quoted)}"


def _several(form: Form, place: str, count: int | None) -> list[str]:
    values, here = form.get("values"), f"{place}.values"
    if not isinstance(values, list) or not values or (count and len(values) != count):
        _bad(
            here,
            "请填写两个值。" if count else "请至少填写一个值。",
            "this takes two values." if count else "this takes at least one value.",
        )
    if len(values) > MOST_VALUES:
        _bad(here, f"最多 {MOST_VALUES} 个值。", f"this takes {MOST_VALUES} values at most.")
    return [_value(value, form, f"{here}[{index}]") for index, value in enumerate(values)]


def _value(value: object, form: Form, place: str) -> str:
    money = form.get("money", False)
    if not isinstance(money, bool):
        _bad(place.partition(".value")[0] + ".money", "这里应是 true 或 false。", "this is true or false.")
    if money:
        fen = "金额应是以分为单位的整数。", "an amount is a whole number of fen."
        return unparse.money(_whole(value, place, *fen))
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= WIDEST:
        _bad(
            place,
            "请填写数（不要太大）、文字或日期。",
            "this takes a number, not too large, a text or a date.",
        )
    return unparse.number(value)


def _whole(value: object, place: str, zh: str, en: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > WIDEST:
        _bad(place, zh, en)
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        _bad(place, "请填写文字。", "this takes a text.")
    return value


def _named(value: object, place: str) -> str:
    if not isinstance(value, str) or not value:
        _bad(place, "请选择一项。", "choose one.")
    return value


def _window(window: object, place: str) -> str:
    if not isinstance(window, dict):
        _bad(place, "这里应是一个统计。", "a window should stand here.")
    _only(window, {"how", "event", "field", "dimension", "values", "days"}, place)
    how, values = window.get("how"), window.get("values") or []
    if not isinstance(how, str) or how not in set(Aggregation):
        _bad(f"{place}.how", "请选择一种统计方式。", "choose how to aggregate.")
    wrong = f"天数应为 1 到 {LONGEST_WINDOW}。", f"this is 1 to {LONGEST_WINDOW} days."
    length = _whole(window.get("days"), f"{place}.days", *wrong)
    if not 1 <= length <= LONGEST_WINDOW:
        _bad(f"{place}.days", *wrong)
    dimension = _text(window.get("dimension") or "", f"{place}.dimension")
    if not isinstance(values, list) or bool(dimension) != bool(values):
        both = "维度与它的值应同时填写。", "a dimension and its values are given both or neither."
        _bad(f"{place}.values", *both)
    chosen = [_text(value, f"{place}.values[{index}]") for index, value in enumerate(values)]
    event = _named(window.get("event"), f"{place}.event")
    field = _text(window.get("field") or "", f"{place}.field")
    return unparse.window(how, f"{event}.{field}" if field else event, dimension, chosen, length)


def _only(part: Form, known: set[str], place: str) -> None:
    for key in part:
        if key not in known:
            _bad(f"{place}.{key}", f"这里不该有“{key}”。", f"{key} does not belong here.")
