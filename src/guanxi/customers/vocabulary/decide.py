"""Event types as rules see them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.events.model import EventType, FieldType
from guanxi.customers.facts.model import SCALARS
from guanxi.kernel.text import Text
from guanxi.rules import Dimension, EventType as Known, Measure, Type

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES = {
    FieldType.INT: Type.INT,
    FieldType.MONEY: Type.MONEY,
    FieldType.NUMBER: Type.NUMBER,
    FieldType.TEXT: Type.TEXT,
    FieldType.BOOL: Type.TEXT,
}
"""A yes or no of an event is compared with ``'true'`` and ``'false'``, as a dimension is."""

_CONTEXT = {"channel": Text("渠道", "Channel"), "account": Text("账号", "Account")}


def events(types: Mapping[str, EventType]) -> dict[str, Known]:
    """Return what rules may aggregate: every type that tells of somebody, without what is personal."""
    return {name: _event(kind) for name, kind in types.items() if kind.needs_subject}


def _event(kind: EventType) -> Known:
    fields = {name: one for name, one in kind.fields.items() if not one.personal and one.type in SCALARS}
    measures = {
        one.name: Measure(
            _TYPES[kind.fields[one.field].type], kind.fields[one.field].label, kind.fields[one.field].required
        )
        for one in kind.measures.values()
        if one.field in fields
    }
    dimensions = {}
    for one in kind.dimensions.values():
        source = kind.fields[one.each].of if one.each else kind.fields
        described = source.get(one.key)
        label = (
            _CONTEXT[one.context]
            if one.context
            else described.label
            if described
            else Text(one.name, one.name)
        )
        values = {value: Text(value, value) for value in (described.values if described else ())}
        held = tuple(one.measures) or (() if one.each else tuple(kind.measures))
        dimensions[one.name] = Dimension(label, held, bool(one.each), values)
    taken = measures.keys() | dimensions.keys()
    properties = {
        name: Measure(_TYPES[one.type], one.label, one.required)
        for name, one in fields.items()
        if name not in taken
    }
    return Known(kind.label, measures, dimensions, properties)
