"""The visual side of a rule as it stands on the page: rows of picked conditions in groups, some not filled in yet. Pure.

Every field of a row carries the row's place after an ``@``: ``op@1.0`` is how the first row of the second item compares.
A group has a ``join`` instead. What a row compares with is kept as it was typed; amounts are typed in yuan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from guanxi.console.i18n import N_
from guanxi.rules import BadRule, Catalogue, Type, parse, unparse
from guanxi.rules.form import Form
from guanxi.rules.model import NUMERIC, Aggregation
from guanxi.rules.operators import Takes, operators

ATTRIBUTE, EVENT, AUDIENCE = "attribute", "event", "audience"
_SPREAD: Final = {Takes.NOTHING: 0, Takes.ONE: 1, Takes.DAYS: 1, Takes.TWO: 2}
_OF_FIELDS: Final = (Aggregation.SUM, Aggregation.AVG, Aggregation.MAX, Aggregation.MIN)

CHOOSE: Final = N_("Choose what this condition is about.")
FILL_IN: Final = N_("Fill this in, and it counts.")
NO_NUMBER: Final = N_("This is no number.")
NO_AMOUNT: Final = N_("An amount is in yuan, such as 500 or 99.50.")
NO_DAYS: Final = N_("Days are a whole number from 1 on.")
NO_SLICE: Final = N_("Choose at least one value.")


@dataclass(frozen=True, slots=True)
class Row:
    """One condition. ``subject`` is ``attribute:age``, ``event:order.paid``, ``audience:vip`` or nothing yet.

    For an event ``what`` is ``count``, ``sum amount``, ``distinct category``…, over ``days``, and perhaps only where
    ``dimension`` is among ``chosen``.
    """

    subject: str = ""
    what: str = ""
    days: str = "90"
    dimension: str = ""
    chosen: tuple[str, ...] = ()
    op: str = ""
    values: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Return what sort of subject it is."""
        return self.subject.partition(":")[0]

    @property
    def name(self) -> str:
        """Return the subject's own name."""
        return self.subject.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions of which all (``and``) or one (``or``) must hold."""

    join: str = "and"
    items: tuple[Row | Group, ...] = ()


@dataclass(frozen=True, slots=True)
class Meant:
    """What the rows say: a form of those that are complete, ``None`` if none is, and what is missing of the others."""

    form: Form | None
    missing: Mapping[str, str] = field(default_factory=dict)


# From the page -------------------------------------------------------------------------------------------------------


def read(fields: Iterable[tuple[str, str]]) -> Group:
    """Return the rows that the fields of a form describe."""
    at: dict[str, dict[str, list[str]]] = {}
    for key, value in fields:
        name, mark, place = key.partition("@")
        if mark:
            at.setdefault(place, {}).setdefault(name, []).append(value)
    return _group("", at)


def _group(place: str, at: Mapping[str, Mapping[str, Sequence[str]]]) -> Group:
    join = at.get(place, {}).get("join", ["and"])[-1]
    items: list[Row | Group] = []
    number = 0
    while (here := f"{place}.{number}".lstrip(".")) in at:
        items.append(_group(here, at) if "join" in at[here] and not place else _row(at[here]))
        number += 1
    return Group("or" if join == "or" else "and", tuple(items))


def _row(said: Mapping[str, Sequence[str]]) -> Row:
    def last(name: str) -> str:
        return said.get(name, [""])[-1].strip()

    return Row(
        last("subject"),
        last("what"),
        last("days") or "90",
        last("where"),
        _lines(said.get("chosen", ())),
        last("op"),
        _lines(said.get("value", ())) if "listed" in said else tuple(map(str.strip, said.get("value", ()))),
    )


def _lines(values: Iterable[str]) -> tuple[str, ...]:
    """Return the lines of what was typed, or the boxes that were ticked, each once."""
    return tuple(
        dict.fromkeys(line.strip() for value in values for line in value.split("\n") if line.strip())
    )


def act(group: Group, action: str, ready: Mapping[str, Row]) -> Group:
    """Return the rows after ``add@``, ``group@``, ``drop@1.0`` or, for a row that is ``ready``, ``spent@``."""
    what, _, place = action.partition("@")
    steps = [int(step) for step in place.split(".") if step.isdecimal()]
    if what == "drop":
        return _changed(group, steps, None)
    added: Row | Group = ready.get(what, Row())
    return _changed(group, steps, Group("or", (added,)) if what == "group" else added, append=True)


def _changed(group: Group, steps: Sequence[int], one: Row | Group | None, *, append: bool = False) -> Group:
    items = list(group.items)
    if append and not steps:
        # An empty row is there to be filled; what is ready takes its place.
        if items and items[-1] == Row() and one is not None:
            items.pop()
        items.append(one or Row())
    elif steps and steps[0] < len(items):
        inner = items[steps[0]]
        if len(steps) == 1 and not append:
            del items[steps[0]]
        elif isinstance(inner, Group):
            inner = _changed(inner, steps[1:], one, append=append)
            items[steps[0] : steps[0] + 1] = [inner] if inner.items else []
    return replace(group, items=tuple(items))


# To a rule -----------------------------------------------------------------------------------------------------------


def type_of(row: Row, catalogue: Catalogue) -> Type | None:
    """Return the type of what a row compares; ``None`` for an audience, and while nothing is chosen."""
    if row.kind == ATTRIBUTE and row.name in catalogue.attributes:
        return catalogue.attributes[row.name].type
    if row.kind != EVENT or row.name not in catalogue.events:
        return None
    how, _, measure = row.what.partition(" ")
    try:
        return parse(unparse.window(how, f"{row.name}.{measure}".rstrip("."), "", [], 1), catalogue).type
    except BadRule:
        return Type.INT


def settled(row: Row, catalogue: Catalogue) -> Row:
    """Return a row with the first choice wherever what was chosen does not go with its subject."""
    known = {
        ATTRIBUTE: catalogue.attributes,
        EVENT: catalogue.events,
        AUDIENCE: catalogue.audiences,
    }
    if row.name not in known.get(row.kind, {}):
        return Row()
    if row.kind == EVENT:
        whats = whats_of(row.name, catalogue)
        row = replace(row, what=row.what if row.what in whats else whats[0])
        if row.dimension not in slices_of(row, catalogue):
            row = replace(row, dimension="", chosen=())
    else:
        row = replace(row, what="", days="90", dimension="", chosen=())
    type_ = type_of(row, catalogue)
    some = operators(type_)
    if row.op not in {one.op for one in some}:
        row = replace(row, op=some[0].op)
    spread = _SPREAD.get(takes_of(row, catalogue))
    if spread is not None:
        kept = (*row.values[:spread], *[""] * (spread - len(row.values)))
        row = replace(row, values=kept)
    return row


def takes_of(row: Row, catalogue: Catalogue) -> Takes:
    """Return what a settled row's operator takes."""
    return next(one.takes for one in operators(type_of(row, catalogue)) if one.op == row.op)


def whats_of(event: str, catalogue: Catalogue) -> list[str]:
    """Return what may be asked of an event type, in the order of a menu."""
    kind = catalogue.events[event]
    numeric = [name for name, one in kind.measures.items() if one.type in NUMERIC]
    return [
        "count",
        *(f"{how} {name}" for name in numeric for how in _OF_FIELDS),
        "last",
        "first",
        *(f"distinct {name}" for name in kind.dimensions),
    ]


def slices_of(row: Row, catalogue: Catalogue) -> list[str]:
    """Return the dimensions that what a row asks may be restricted by."""
    kind, (how, _, measure) = catalogue.events[row.name], row.what.partition(" ")
    found = []
    for name, one in kind.dimensions.items():
        fits = not measure or not one.each or measure in one.measures
        if how == Aggregation.DISTINCT:
            fits = name != measure and not one.each
        if fits:
            found.append(name)
    return found


def meant(group: Group, catalogue: Catalogue) -> Meant:
    """Return what the rows say."""
    missing: dict[str, str] = {}
    form = _form(group, "", catalogue, missing)
    return Meant(form, missing)


def _form(group: Group, place: str, catalogue: Catalogue, missing: dict[str, str]) -> Form | None:
    items = []
    for number, item in enumerate(group.items):
        here = f"{place}.{number}".lstrip(".")
        if isinstance(item, Group):
            inner = _form(item, here, catalogue, missing)
            items += [inner] if inner else []
            continue
        try:
            items.append(_condition(settled(item, catalogue), catalogue))
        except _Missing as lack:
            missing[here] = lack.message
    return {"join": group.join, "items": items} if items else None


class _Missing(Exception):
    """Something that a row lacks; ``message`` is to be translated."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def _condition(row: Row, catalogue: Catalogue) -> Form:
    if not row.subject:
        raise _Missing(CHOOSE)
    if row.kind == AUDIENCE:
        return {"subject": {AUDIENCE: row.name}, "op": row.op}
    subject: Form = {ATTRIBUTE: row.name} if row.kind == ATTRIBUTE else {"window": _window(row)}
    type_, takes = type_of(row, catalogue), takes_of(row, catalogue)
    found: Form = {"subject": subject, "op": row.op}
    if takes is Takes.NOTHING:
        return found
    if takes is Takes.DAYS:
        return found | {"value": _whole(row.values[0])}
    if not row.values or not all(row.values):
        raise _Missing(FILL_IN)
    values = [_value(text, type_) for text in row.values]
    found |= {"value": values[0]} if takes is Takes.ONE else {"values": values}
    return found | ({"money": True} if type_ is Type.MONEY else {})


def _window(row: Row) -> Form:
    how, _, measure = row.what.partition(" ")
    if row.dimension and not row.chosen:
        raise _Missing(NO_SLICE)
    return {
        "how": how,
        "event": row.name,
        "field": measure,
        "dimension": row.dimension,
        "values": list(row.chosen),
        "days": _whole(row.days),
    }


def _whole(text: str) -> int:
    if not text:
        raise _Missing(FILL_IN)
    if not text.isdecimal() or len(text) > 6 or not int(text):
        raise _Missing(NO_DAYS)
    return int(text)


def _value(text: str, type_: Type | None) -> Any:
    if type_ is Type.BOOL:
        return text == "true"
    if type_ not in NUMERIC:
        return text
    money = type_ is Type.MONEY
    try:
        number = Decimal(text.replace(",", "").replace("，", "").strip("¥￥元 ")) * (100 if money else 1)
    except InvalidOperation:
        raise _Missing(NO_AMOUNT if money else NO_NUMBER) from None
    if not number.is_finite() or (money and number != number.to_integral_value()):
        raise _Missing(NO_AMOUNT if money else NO_NUMBER)
    return int(number) if number == number.to_integral_value() else float(number)


# From a rule ---------------------------------------------------------------------------------------------------------


def shown(form: Form | None, catalogue: Catalogue) -> Group | None:
    """Return the rows of a form; ``None`` if they could not say all of it."""
    if form is None:
        return None
    items: list[Row | Group] = []
    for item in form["items"]:
        one = shown(item, catalogue) if "join" in item else _shown_row(item, catalogue)
        if one is None:
            return None
        items.append(one)
    return Group(form["join"], tuple(items))


def _shown_row(item: Form, catalogue: Catalogue) -> Row | None:
    ((kind, of),) = item["subject"].items()
    if kind == "window":
        what = f"{of['how']} {of['field']}".strip()
        row = Row(f"{EVENT}:{of['event']}", what, str(of["days"]), of["dimension"], tuple(of["values"]))
        if what not in whats_of(of["event"], catalogue) or (
            of["dimension"] and of["dimension"] not in slices_of(row, catalogue)
        ):
            return None
    else:
        row = Row(f"{kind}:{of}")
    values = item.get("values", [item["value"]] if "value" in item else [])
    type_ = type_of(row, catalogue)
    typed = [_typed(value, type_) for value in values] if "days_ago" not in item["op"] else [str(values[0])]
    if None in typed:
        return None
    return replace(row, op=item["op"], values=tuple(one for one in typed if one is not None))


def _typed(value: Any, type_: Type | None) -> str | None:
    """Return a value as somebody would type it; ``None`` for one that nobody can."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if type_ is Type.MONEY and not isinstance(value, str):
        if not isinstance(value, int):
            return None
        return unparse.money(value).replace("¥", "")
    if isinstance(value, str):
        return value if "\n" not in value else None
    return None if value is None else f"{value}"
