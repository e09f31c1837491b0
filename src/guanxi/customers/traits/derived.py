"""Reads the definitions of attributes, traits and audiences. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from guanxi.customers.profiles.model import Derived, Quintile
from guanxi.definitions.reading import Reading
from guanxi.kernel.text import Text
from guanxi.rules import Catalogue, InAudience, Node, Type
from guanxi.rules.catalogue import Known
from guanxi.rules.model import NUMERIC, Case, Literal

ATTRIBUTE, TRAIT, AUDIENCE = "attribute", "trait", "audience"
"""Kinds of definitions that rules may name."""

ATTRIBUTE_FIELDS = ("type", "source", "values")
TRAIT_FIELDS = ("value", "stages", "otherwise", "quintile", "history")
AUDIENCE_FIELDS = ("rule", "static")

_VALUE = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")
_FORMS = ("value", "stages", "quintile")
_MOST_STAGES = 50


def attribute(reading: Reading) -> tuple[str, Known]:
    """Return the name under which an attribute comes in, and what it is.

    ``source`` is the name, by default the key; ``type`` one of the rule language's; ``values`` all that it can be.
    """
    spec = reading.spec
    source = spec.get("source", reading.definition.ref.key)
    # A wrong key, which reads as empty, is told once.
    if not isinstance(source, str) or ("source" in spec and not source.strip()):
        reading.bad(
            ("source",), "bad_source", "请写属性传来时的名字。", "write the name under which it comes."
        )
        source = ""
    kind = reading.choice(("type",), spec.get("type"), [type_.value for type_ in Type])
    values = _values(reading, spec.get("values")) if "values" in spec else {}
    type_ = Type(kind) if kind else Type.TEXT
    if values and type_ not in {Type.TEXT, Type.SET}:
        reading.bad(
            ("values",),
            "bad_values",
            "只有文字和集合能列出取值。",
            "only a text or a set may list its values.",
        )
    return source, Known(type_, reading.label(), values)


def _values(reading: Reading, given: Any) -> dict[str, Text]:
    if isinstance(given, list):
        return {str(value): Text(str(value), str(value)) for value in given}
    found = reading.mapping(("values",), given)
    return {str(value): reading.said(("values", value), said, str(value)) for value, said in found.items()}


def trait(reading: Reading, catalogue: Catalogue) -> Derived | None:
    """Return a trait: a ``value`` by rule, ``stages`` of which the first whose ``when`` is true holds, or a ``quintile``.

    ``history`` makes its changes events.
    """
    spec, name = reading.spec, reading.definition.ref.key
    forms = [form for form in _FORMS if form in spec]
    if len(forms) != 1:
        reading.bad(
            (),
            "one_form",
            "请写 value、stages、quintile 其中一个。",
            "write one of value, stages and quintile.",
        )
        return None
    label, told = reading.label(), reading.flag(("history",), spec.get("history"))
    reading.note()
    if forms[0] == "stages":
        return _stages(reading, catalogue, name, label, told=told)
    if "otherwise" in spec:
        reading.bad(
            ("otherwise",),
            "unknown_field",
            "otherwise 只与 stages 同用。",
            "otherwise goes with stages.",
            name=True,
        )
    if forms[0] == "quintile":
        return _quintile(reading, catalogue, name, label, told=told)
    node = reading.value(("value",), spec["value"], catalogue)
    if node is None:
        return None
    if told and node.type in {Type.MONEY, Type.NUMBER, Type.SET}:
        reading.bad(
            ("history",),
            "bad_history",
            "只有取值不多的标签才记录变化，例如阶段或等级。",
            "only what has few values keeps a history, such as a stage or a level.",
        )
    return Derived(name, label, node.type, node, told=told)


def _stages(reading: Reading, catalogue: Catalogue, name: str, label: Text, *, told: bool) -> Derived | None:
    values: dict[str, Text] = {}
    branches: list[tuple[Node, Node]] = []
    given = reading.listed(("stages",), reading.spec["stages"])
    if len(given) > _MOST_STAGES:
        reading.bad(
            ("stages",), "too_many", f"最多 {_MOST_STAGES} 个阶段。", f"at most {_MOST_STAGES} stages."
        )
        return None
    for number, one in enumerate(given):
        path = ("stages", number)
        stage = reading.mapping(path, one, ("value", "label", "when"))
        if not stage:
            continue
        value = _value(reading, path, stage, values)
        when = reading.condition((*path, "when"), stage.get("when"), catalogue)
        if value and when is not None:
            branches.append((when, Literal(value, Type.TEXT)))
    other = Literal(None, Type.TEXT)
    if "otherwise" in reading.spec:
        stage = reading.mapping(("otherwise",), reading.spec["otherwise"], ("value", "label"))
        value = _value(reading, ("otherwise",), stage, values) if stage else ""
        other = Literal(value or None, Type.TEXT)
    if reading.problems:
        return None
    return Derived(name, label, Type.TEXT, Case(tuple(branches), other, Type.TEXT), values, told)


def _value(
    reading: Reading, path: tuple[str | int, ...], stage: Mapping[str, Any], values: dict[str, Text]
) -> str:
    value = stage.get("value")
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        reading.bad(
            (*path, "value"),
            "bad_value",
            "取值应为小写英文、数字和下划线。",
            "a value is lower-case letters, digits and underscores.",
        )
        return ""
    if value in values:
        reading.bad((*path, "value"), "repeated", f"取值 {value} 重复。", f"the value {value} is repeated.")
        return ""
    values[value] = reading.said((*path, "label"), stage.get("label"), value)
    return value


def _quintile(
    reading: Reading, catalogue: Catalogue, name: str, label: Text, *, told: bool
) -> Derived | None:
    spec = reading.mapping(("quintile",), reading.spec["quintile"], ("of", "among", "reverse"))
    of = reading.value(("quintile", "of"), spec.get("of"), catalogue)
    among = reading.condition(("quintile", "among"), spec["among"], catalogue) if spec.get("among") else None
    reverse = reading.flag(("quintile", "reverse"), spec.get("reverse"))
    if of is not None and of.type not in NUMERIC:
        reading.bad(("quintile", "of"), "wrong_type", "五分位需要数值。", "fifths are of numbers.")
    if of is None or reading.problems:
        return None
    return Derived(name, label, Type.INT, Quintile(of, among, reverse), told=told)


def rules(spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield the rules of a trait's definition as they are written, whatever else is wrong with it."""
    yield from _texts(spec.get("value"))
    stages = spec.get("stages")
    for one in stages if isinstance(stages, list) else ():
        if isinstance(one, Mapping):
            yield from _texts(one.get("when"))
    quintile = spec.get("quintile")
    if isinstance(quintile, Mapping):
        yield from _texts(quintile.get("of"))
        yield from _texts(quintile.get("among"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value


def audience(reading: Reading, catalogue: Catalogue) -> Derived | None:
    """Return an audience by ``rule``; ``None`` for one that is ``static``, whose members are put in by hand or file."""
    reading.note()
    label = reading.label()
    static = reading.flag(("static",), reading.spec.get("static"))
    if static == ("rule" in reading.spec):
        reading.bad(
            (),
            "one_form",
            "请写 rule，或 static: true（成员由名单导入），二者选一。",
            "write a rule, or static: true for a list of members that is put in.",
        )
        return None
    if static:
        return None
    node = reading.condition(("rule",), reading.spec["rule"], catalogue)
    if node is None:
        return None
    name = InAudience(reading.definition.ref.key).name
    return Derived(name, label, Type.BOOL, node, told=True, membership=True)
