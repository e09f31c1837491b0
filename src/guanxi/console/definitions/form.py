"""A trait as a form: the other view of its text. What the form does not show stays as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.console.definitions.shown import HERE
from guanxi.console.session import Asked, Form, Page, post
from guanxi.definitions import BadDefinitions, Definition, Ref, text as yaml

TRAIT: Final = "trait"
_FORMS: Final = ("value", "stages", "quintile")
_EMPTY_ROWS: Final = 2


def pages() -> list[Page]:
    """Return what shows a text as a form, and what writes a form as a text."""
    write = Permission.DEFINITIONS_WRITE
    return [post(f"{HERE}/form", show, write), post(f"{HERE}/written", written, write)]


def show(asked: Asked) -> Response:
    """Show the text of one trait as a form; any other text stays a text."""
    found = _one(asked.form)
    return asked.render("definitions/form.html", trait=fields_of(found) if found else None, here=HERE)


def written(asked: Asked) -> Response:
    """Write the form as a text."""
    before = _one(asked.form)
    text = write(asked.form, before.spec if before else {})
    return asked.render("definitions/form.html", trait=None, text=text, here=HERE)


def _one(form: Form) -> Definition | None:
    """Return the one trait that the text holds; ``None`` for any other text, and one that cannot be read."""
    try:
        found = yaml.parse(form.raw("text").replace("\r\n", "\n"))
    except BadDefinitions:
        return None
    return found[0] if len(found) == 1 and found[0].ref.kind == TRAIT else None


def fields_of(trait: Definition) -> dict[str, Any]:
    """Return what the form shows of a trait; what has another shape than it should reads as empty."""
    spec = trait.spec
    quintile = _mapping(spec.get("quintile"))
    stages = spec.get("stages")
    rows = [
        {"value": _text(one.get("value")), "when": _text(one.get("when")), **_label(one.get("label"))}
        for one in (stages if isinstance(stages, list) else ())
        if isinstance(one, Mapping)
    ]
    otherwise = _mapping(spec.get("otherwise"))
    return {
        "key": trait.ref.key,
        **_label(spec.get("label")),
        "form": next((form for form in _FORMS if form in spec), "value"),
        "value": _text(spec.get("value")),
        "history": spec.get("history") is True,
        "stages": [*rows, *({"value": "", "when": "", "zh": "", "en": ""} for _ in range(_EMPTY_ROWS))],
        "otherwise": {"value": _text(otherwise.get("value")), **_label(otherwise.get("label"))},
        "of": _text(quintile.get("of")),
        "among": _text(quintile.get("among")),
        "reverse": quintile.get("reverse") is True,
        "comments": "#" in trait.text,
    }


def write(form: Form, before: Mapping[str, Any]) -> str:
    """Return the text of the trait that a form says, with those fields of ``before`` that no form shows."""
    kind = form.get("f_form", "value")
    shown = {"label", "history", "otherwise", *_FORMS}
    spec: dict[str, Any] = {}
    if label := _both(form.get("f_zh"), form.get("f_en")):
        spec["label"] = label
    spec |= {name: value for name, value in before.items() if name not in shown}
    if form.get("f_history"):
        spec["history"] = True
    if kind == "stages":
        spec["stages"] = _stages(form)
        if value := form.get("f_otherwise"):
            label = _both(form.get("f_otherwise_zh"), form.get("f_otherwise_en"))
            spec["otherwise"] = {"value": value} | ({"label": label} if label else {})
    elif kind == "quintile":
        of, among = form.get("f_of"), form.get("f_among")
        spec["quintile"] = {"of": of} | ({"among": among} if among else {})
        if form.get("f_reverse"):
            spec["quintile"]["reverse"] = True
    else:
        spec["value"] = form.get("f_value")
    return yaml.write(Ref(TRAIT, form.get("f_key")), spec)


def _stages(form: Form) -> list[dict[str, Any]]:
    columns = (form.all(f"f_stage_{name}") for name in ("value", "zh", "en", "when"))
    found = []
    for row in zip(*columns, strict=False):
        value, zh, en, when = (cell.strip() for cell in row)
        if value or when:
            label = _both(zh, en)
            found.append({"value": value} | ({"label": label} if label else {}) | {"when": when})
    return found


def _both(zh: str, en: str) -> str | dict[str, str]:
    return {"zh": zh, "en": en} if zh and en and zh != en else zh or en


def _label(said: Any) -> dict[str, str]:
    if isinstance(said, Mapping):
        return {"zh": _text(said.get("zh")), "en": _text(said.get("en"))}
    return {"zh": _text(said), "en": _text(said)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    """Return a value as one line: rules may be written over several."""
    return "" if value is None or isinstance(value, bool | list | Mapping) else " ".join(str(value).split())
