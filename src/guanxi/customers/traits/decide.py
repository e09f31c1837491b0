"""Event types as rules see them, and which definitions rest on which. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from guanxi.customers.events.model import CHANNELS, EventType, FieldType
from guanxi.customers.facts.model import SCALARS
from guanxi.customers.projection.decide import SILENT
from guanxi.customers.traits.derived import ATTRIBUTE, AUDIENCE, TRAIT, rules
from guanxi.definitions.model import Definition, Ref, World
from guanxi.kernel.text import Text
from guanxi.rules import BadRule, Dimension, EventType as Known, Measure, Type
from guanxi.rules.lexer import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    """Return what rules may aggregate: every type that counts for somebody, without what is personal."""
    return {name: _event(kind) for name, kind in types.items() if kind.needs_subject and name not in SILENT}


def _event(kind: EventType) -> Known:
    fields = {name: one for name, one in kind.fields.items() if not one.personal and one.type in SCALARS}
    measures = {
        one.name: Measure(_TYPES[fields[one.field].type], fields[one.field].label, one.always)
        for one in kind.measures.values()
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
        called = CHANNELS if one.context == "channel" else {}
        dimensions[one.name] = Dimension(label, kind.held(one), bool(one.each), values, called)
    taken = measures.keys() | dimensions.keys()
    properties = {
        name: Measure(_TYPES[one.type], one.label, one.required)
        for name, one in fields.items()
        if name not in taken
    }
    return Known(kind.label, measures, dimensions, properties)


_TOLD = {"trait.changed": "trait", "audience.entered": "audience", "audience.left": "audience"}
"""Our own events whose dimension names a definition."""


def told(
    known: Mapping[str, Known], traits: Mapping[str, Text], audiences: Mapping[str, Text]
) -> dict[str, Known]:
    """Return event types in which traits and audiences are called by their labels."""
    found = dict(known)
    for name, dimension in _TOLD.items():
        kind = known.get(name)
        if kind is not None and dimension in kind.dimensions:
            called = traits if dimension == "trait" else audiences
            named = {**kind.dimensions, dimension: replace(kind.dimensions[dimension], called=called)}
            found[name] = replace(kind, dimensions=named)
    return found


def mentioned(texts: Iterable[str]) -> set[Ref]:
    """Return everything that rules may mean by the names in them, whether it exists or not; never raises.

    A name is an attribute or a trait, which share their names; ``in_audience`` names an audience.
    """
    found: set[Ref] = set()
    for text in texts:
        try:
            read = tokens(text)
        except BadRule:
            continue
        for before, opening, one in zip(read, read[1:], read[2:], strict=False):
            if before.text.lower() == "in_audience" and opening.text == "(" and one.kind == "text":
                found.add(Ref(AUDIENCE, one.text))
        for one in read:
            if one.kind in {"name", "quoted"}:
                found |= {Ref(TRAIT, one.text), Ref(ATTRIBUTE, one.text)}
    return found


def refs(definition: Definition) -> set[Ref]:
    """Return what a trait or an audience may rest on."""
    if definition.ref.kind == TRAIT:
        return mentioned(rules(definition.spec))
    rule = definition.spec.get("rule")
    return mentioned([rule] if isinstance(rule, str) else [])


def order(world: World) -> list[Definition]:
    """Return traits and audiences so that each comes after what it rests on; those in a circle are left out."""
    some = {ref: one for ref, one in world.definitions.items() if ref.kind in {TRAIT, AUDIENCE}}
    rests = {ref: refs(one) & some.keys() for ref, one in some.items()}
    found: list[Definition] = []
    done: set[Ref] = set()
    waiting = sorted(some)
    while True:
        ready = [ref for ref in waiting if rests[ref] <= done]
        if not ready:
            return found
        found += [some[ref] for ref in ready]
        done.update(ready)
        waiting = [ref for ref in waiting if ref not in done]
