"""The catalogue of event types: read from declarations, checked against each event."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

from guanxi.customers.events.model import Dimension, EventType, Field, FieldType, Measure, Refused, titled
from guanxi.kernel.errors import Conflict, InvalidInput
from guanxi.kernel.text import Text

_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){0,3}")
_PROPERTY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOP = {"version", "label", "fields", "measures", "dimensions", "internal", "subject"}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Catalogue:
    """The event types of one merchant: those of the product and its own."""

    def __init__(self, types: Mapping[str, EventType]) -> None:
        self.types = dict(types)

    def get(self, name: str) -> EventType | None:
        """Return the newest version of a type, or ``None`` if nobody declared it."""
        return self.types.get(name)

    def extended(self, own: Mapping[str, EventType]) -> Catalogue:
        """Return the catalogue with a merchant's own types; they cannot replace the product's."""
        return Catalogue({**own, **self.types})


@cache
def builtin() -> Catalogue:
    """Return the product's own types."""
    text = resources.files("guanxi.customers.events").joinpath("catalogue.yaml").read_text("utf-8")
    return Catalogue(
        {name: read_type(name, spec, builtin=True) for name, spec in yaml.safe_load(text).items()}
    )


def read_type(name: str, spec: Any, *, builtin: bool = False) -> EventType:
    """Read a declaration; raises ``InvalidInput`` that names the place and the reason."""
    if not _NAME.fullmatch(name):
        raise _bad(
            name,
            "类型名应为小写英文，用点分段，如 order.paid",
            "a type is lower case, with dots, such as order.paid",
        )
    if not isinstance(spec, Mapping):
        raise _bad(name, "应为键值对", "should be a mapping")
    for key in spec:
        if key not in _TOP:
            raise _bad(f"{name}.{key}", "没有这个设置", "there is no such setting")
    version = spec.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _bad(f"{name}.version", "应为正整数", "should be a positive integer")
    if not builtin and (spec.get("internal") or spec.get("subject")):
        raise _bad(
            name, "internal 与 subject 仅供内置类型使用", "internal and subject are for built-in types"
        )
    fields = _read_fields(f"{name}.fields", spec.get("fields") or {})
    measures = _read_measures(f"{name}.measures", spec.get("measures") or {}, fields)
    return EventType(
        name=name,
        version=version,
        label=_read_label(f"{name}.label", spec.get("label"), name),
        fields=fields,
        measures=measures,
        dimensions=_read_dimensions(f"{name}.dimensions", spec.get("dimensions") or {}, fields, measures),
        internal=bool(spec.get("internal")),
        needs_subject=spec.get("subject") != "none",
        builtin=builtin,
    )


def following(kind: EventType, former: Sequence[EventType]) -> EventType:
    """Return a declaration as the version after others, whose measures and dimensions know since when they are there."""
    last = former[-1] if former else None
    measures = {}
    for name, one in kind.measures.items():
        before = last.measures.get(name) if last is not None else None
        always = one.always and (last is None or (before is not None and before.always))
        measures[name] = replace(one, since=before.since if before else kind.version, always=always)
    dimensions = {}
    for name, by in kind.dimensions.items():
        known = last.dimensions.get(name) if last is not None else None
        dimensions[name] = replace(by, since=known.since if known else kind.version)
    return replace(kind, measures=measures, dimensions=dimensions, former=tuple(former))


def check_meanings(kind: EventType, former: Sequence[EventType]) -> None:
    """Raise ``Conflict`` if a measure or a dimension of a new version was something else, or was given up, before.

    Events count as the version says under which they came, so its sums would be of two things.
    """
    for name in (*kind.measures, *kind.dimensions):
        now = _meaning(kind, name)
        if now != _meaning(former[-1], name) and any(any(_meaning(one, name)) for one in former):
            raise Conflict(
                reason_zh=f"{kind.title.zh}：{name} 在以前的版本里是别的意思，请换一个名字。",
                reason_en=f"{kind.title.en}: {name} meant something else in an earlier version; take another name.",
            )


def _meaning(kind: EventType, name: str) -> tuple[Any, ...]:
    """Return what a name stands for: a field, and what slices."""
    measure, by = kind.measures.get(name), kind.dimensions.get(name)
    return (measure and measure.field, by and (by.key, by.context, by.each, by.measures))


def _bad(place: str, zh: str, en: str) -> InvalidInput:
    return InvalidInput(reason_zh=f"{place}：{zh}。", reason_en=f"{place}: {en}.")


def _mapping(place: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or any(not isinstance(key, str) for key in value):
        raise _bad(place, "应为键值对", "should be a mapping")
    return value


def _read_label(place: str, value: Any, default: str) -> Text:
    if value is None:
        return Text(default, default)
    label = _mapping(place, value)
    if set(label) != {"zh", "en"} or any(not isinstance(part, str) for part in label.values()):
        raise _bad(place, "应有 zh 和 en 两个文字", "should have the texts zh and en")
    return Text(label["zh"], label["en"])


def _read_fields(place: str, value: Any) -> dict[str, Field]:
    fields = {}
    for name, spec in _mapping(place, value).items():
        where = f"{place}.{name}"
        if not _PROPERTY.fullmatch(name):
            raise _bad(where, "字段名应为小写英文与下划线", "a field is lower case with underscores")
        options = _mapping(where, spec)
        unknown = set(options) - {"type", "label", "required", "personal", "values", "min", "of"}
        if unknown:
            raise _bad(f"{where}.{min(unknown)}", "没有这个设置", "there is no such setting")
        try:
            kind = FieldType(str(options.get("type")))
        except ValueError:
            names = ", ".join(FieldType)
            raise _bad(f"{where}.type", f"应为 {names} 之一", f"should be one of {names}") from None
        fields[name] = Field(
            name=name,
            type=kind,
            label=_read_label(f"{where}.label", options.get("label"), name),
            required=bool(options.get("required")),
            personal=bool(options.get("personal")),
            least=_read_least(where, options.get("min"), kind),
            values=tuple(str(choice) for choice in options.get("values") or ()),
            of=_read_fields(f"{where}.of", options.get("of") or {}) if kind is FieldType.LIST else {},
        )
    return fields


def _read_least(place: str, value: Any, kind: FieldType) -> int | None:
    if value is None:
        return None
    if kind not in {FieldType.INT, FieldType.MONEY, FieldType.NUMBER} or type(value) is not int:
        raise _bad(
            f"{place}.min", "应为整数，且只用于数字", "should be a whole number, and belongs to numbers"
        )
    return value


def _read_measures(place: str, value: Any, fields: Mapping[str, Field]) -> dict[str, Measure]:
    measures = {}
    for name, spec in _mapping(place, value).items():
        options = _mapping(f"{place}.{name}", spec)
        source = _open(fields).get(options.get("field", name))
        if source is None or source.type not in {FieldType.INT, FieldType.MONEY}:
            raise _bad(
                f"{place}.{name}.field", "应为一个整数或金额字段", "should be a field of type int or money"
            )
        unit = str(options.get("unit", "fen" if source.type is FieldType.MONEY else ""))
        measures[name] = Measure(name=name, field=source.name, unit=unit, always=source.required)
    return measures


def _read_dimensions(
    place: str, value: Any, fields: Mapping[str, Field], measures: Mapping[str, Measure]
) -> dict[str, Dimension]:
    dimensions = {}
    for name, spec in _mapping(place, value).items():
        where = f"{place}.{name}"
        options = _mapping(where, spec)
        dimension = Dimension(
            name=name,
            key=str(options.get("key", "")),
            context=str(options.get("context", "")),
            each=str(options.get("each", "")),
            measures={
                str(key): str(item) for key, item in _mapping(where, options.get("measures") or {}).items()
            },
        )
        _check_dimension(where, dimension, fields, measures)
        dimensions[name] = dimension
    return dimensions


def _check_dimension(
    place: str, dimension: Dimension, fields: Mapping[str, Field], measures: Mapping[str, Measure]
) -> None:
    source = _open(fields)
    if dimension.context:
        if dimension.context not in {"channel", "account"}:
            raise _bad(f"{place}.context", "应为 channel 或 account", "should be channel or account")
        _check_numbers(place, dimension, source, measures)
        return
    if dimension.each:
        listed = source.get(dimension.each)
        if listed is None or listed.type is not FieldType.LIST:
            raise _bad(f"{place}.each", "应为一个列表字段", "should be a field of type list")
        source = _open(listed.of)
    key = source.get(dimension.key)
    if key is None or key.type not in {FieldType.TEXT, FieldType.BOOL}:
        raise _bad(f"{place}.key", "应为一个文字或是非字段", "should be a field of type text or bool")
    _check_numbers(place, dimension, source, measures)


def _open(fields: Mapping[str, Field]) -> Mapping[str, Field]:
    """Return the fields that may be counted: those that are personal are sealed."""
    return {name: one for name, one in fields.items() if not one.personal}


def _check_numbers(
    place: str, dimension: Dimension, source: Mapping[str, Field], measures: Mapping[str, Measure]
) -> None:
    for measure, number in dimension.measures.items():
        numeric = number in source and source[number].type in {FieldType.INT, FieldType.MONEY}
        if measure not in measures or not numeric:
            raise _bad(
                f"{place}.measures.{measure}",
                "应把指标对应到一个整数或金额字段",
                "should map a measure to a field of type int or money",
            )


def check(kind: EventType, properties: Mapping[str, Any]) -> Refused | None:
    """Say what is wrong with an event's properties, or ``None``. Properties that are not declared are kept."""
    wrong = _check_fields(kind.fields, properties)
    if wrong is None:
        return None
    code, place, declared, said = wrong
    path = f"properties.{place}"
    where = Text(f"{path} ", path)
    if declared is not None and declared.label != Text(declared.name, declared.name):
        where = titled(declared.label, path)
    zh, en = f"{kind.title.zh}：{where.zh}{said.zh}。", f"{kind.title.en}: {where.en} {said.en}."
    return Refused(code, Text(zh, en), path)


_Wrong = tuple[str, str, Field | None, Text]
"""Code, place, what was declared there, and the reason; put together on the way out, so that good events do not pay."""


def _check_fields(fields: Mapping[str, Field], values: Mapping[str, Any]) -> _Wrong | None:
    met = 0
    for name, value in values.items():
        declared = fields.get(name)
        if declared is None or value is None:
            continue
        met += declared.required
        if not _FITS[declared.type](value):
            wanted = declared.type.label
            said = Text(f"应为{wanted.zh}", f"should be {wanted.en}")
            return ("wrong_type", name, declared, said)
        if declared.least is not None and value < declared.least:
            said = Text(f"不能小于 {declared.least}", f"should not be less than {declared.least}")
            return ("wrong_value", name, declared, said)
        if declared.values and value not in declared.values:
            allowed = ", ".join(declared.values)
            said = Text(f"应为 {allowed} 之一", f"should be one of {allowed}")
            return ("wrong_value", name, declared, said)
        if declared.of and (wrong := _check_elements(declared.of, value)):
            code, place, inner, said = wrong
            return (code, f"{name}{place}", inner, said)
    if met == _required(fields):
        return None
    missing = min(name for name, item in fields.items() if item.required and values.get(name) is None)
    said = Text("必填，但没有提供", "is required but missing")
    return ("missing_property", missing, fields[missing], said)


def _check_elements(fields: Mapping[str, Field], elements: list[Any]) -> _Wrong | None:
    for index, element in enumerate(elements):
        if not isinstance(element, dict):
            return ("wrong_type", f"[{index}]", None, Text("应为对象", "should be an object"))
        if wrong := _check_fields(fields, element):
            code, place, inner, said = wrong
            return (code, f"[{index}].{place}", inner, said)
    return None


_REQUIRED: dict[int, tuple[Mapping[str, Field], int]] = {}


def _required(fields: Mapping[str, Field]) -> int:
    """Return how many fields are required; counted once per declaration, which stays referenced while remembered."""
    found = _REQUIRED.get(id(fields))
    if found is None or found[0] is not fields:
        found = (fields, sum(item.required for item in fields.values()))
        if len(_REQUIRED) < 10_000:
            _REQUIRED[id(fields)] = found
    return found[1]


_WIDEST = 1 << 53


def _is_int(value: Any) -> bool:
    # Wider integers would lose digits in every JSON client and could overflow a sum.
    return type(value) is int and -_WIDEST <= value <= _WIDEST


def _is_date(value: Any) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        datetime.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_time(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return datetime.datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_FITS: dict[FieldType, Callable[[Any], bool]] = {
    FieldType.TEXT: lambda value: type(value) is str,
    FieldType.INT: _is_int,
    FieldType.MONEY: _is_int,
    FieldType.NUMBER: lambda value: _is_int(value) or isinstance(value, float),
    FieldType.BOOL: lambda value: isinstance(value, bool),
    FieldType.TIME: _is_time,
    FieldType.DATE: _is_date,
    FieldType.LIST: lambda value: isinstance(value, list),
    FieldType.OBJECT: lambda value: isinstance(value, Mapping),
}
