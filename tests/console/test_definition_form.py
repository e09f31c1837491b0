"""A trait as a form and as a text: one follows from the other."""

from __future__ import annotations

import pytest

from guanxi.console.definitions.form import fields_of, write
from guanxi.console.session import Form
from guanxi.definitions.text import parse

VALUE = "kind: trait\nkey: spent\nlabel: {zh: 消费, en: Spent}\nnote: 说明\nvalue: |\n  sum(order.paid.amount,\n    90d)\n"
STAGES = """kind: trait
key: stage
label: 阶段
history: true
stages:
  - {value: repeat, label: {zh: 复购, en: Repeat}, when: "count(order.paid, 90d) >= 2"}
  - {value: active, when: "count(order.paid, 90d) = 1"}
otherwise: {value: new, label: {zh: 新增, en: New}}
"""
FIFTH = (
    "kind: trait\nkey: fifth\nquintile: {of: 'count(order.paid, 365d)', among: spent > 0, reverse: true}\n"
)


def filled(text: str) -> Form:
    """Return the form as a browser would send it back unchanged."""
    shown = fields_of(parse(text)[0])
    fields = [("f_form", shown["form"])]
    fields += [(f"f_{name}", shown[name]) for name in ("key", "zh", "en", "value", "of", "among")]
    fields += [(f"f_{name}", "yes") for name in ("history", "reverse") if shown[name]]
    for row in shown["stages"]:
        fields += [(f"f_stage_{name}", row[name]) for name in ("value", "zh", "en", "when")]
    other = shown["otherwise"]
    fields += [
        ("f_otherwise", other["value"]),
        ("f_otherwise_zh", other["zh"]),
        ("f_otherwise_en", other["en"]),
    ]
    return Form(tuple(fields))


@pytest.mark.parametrize("text", [VALUE, STAGES, FIFTH])
def test_a_form_that_nobody_changed_says_the_same(text: str) -> None:
    before = parse(text)[0]
    after = parse(write(filled(text), before.spec))[0]
    assert after.ref == before.ref
    said = {**before.spec}
    if "value" in said:
        said["value"] = "sum(order.paid.amount, 90d)"
    assert dict(after.spec) == said


def test_another_form_takes_the_place_of_the_one_before() -> None:
    before = parse(STAGES)[0]
    fields = dict(filled(STAGES).fields) | {"f_form": "value", "f_value": "count(order.paid, 7d)"}
    after = parse(write(Form(tuple(fields.items())), before.spec))[0]
    assert dict(after.spec) == {"label": "阶段", "history": True, "value": "count(order.paid, 7d)"}


@pytest.mark.parametrize(
    "spec", ["stages: 3", "stages: [1, {}]", "quintile: []", "otherwise: x", "label: [1]"]
)
def test_what_has_another_shape_reads_as_empty(spec: str) -> None:
    shown = fields_of(parse(f"kind: trait\nkey: odd\n{spec}\n")[0])
    assert shown["key"] == "odd"
    assert shown["value"] == shown["of"] == ""
