"""Reads the fields of a definition and gathers what is wrong with them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from guanxi.definitions.model import Definition, Path, Problem, problems_of
from guanxi.kernel.text import Text
from guanxi.rules import BadRule, Catalogue, Node, Window, condition, parse, walk
from guanxi.rules.catalogue import nearest
from guanxi.rules.hints import Met, hints
from guanxi.rules.model import Unsure


class Reading:
    """One definition being read. What cannot be used is told in ``problems``, and reads as if it were not there."""

    def __init__(self, definition: Definition, fields: Collection[str]) -> None:
        self.definition = definition
        self.spec = definition.spec
        self.problems: list[Problem] = []
        self._rules: list[tuple[Path, str, Node]] = []
        self._only((), self.spec, {"label", "note", *fields})

    def bad(self, path: Path, code: str, zh: str, en: str, near: str = "", *, name: bool = False) -> None:
        """Keep a problem."""
        self.problems.append(self.definition.problem(path, code, Text(zh, en), near, name=name))

    def _only(self, path: Path, value: Mapping[str, Any], fields: Collection[str]) -> None:
        for key in value:
            if key not in fields:
                near = nearest(str(key), fields)
                zh, en = f"没有 {key} 这个字段。", f"there is no field {key}."
                if near:
                    zh, en = f"{zh}是不是 {near}？", f"{en} Did you mean {near}?"
                self.bad((*path, key), "unknown_field", zh, en, near, name=True)

    def label(self) -> Text:
        """Return what people call it: ``label`` with ``zh`` and ``en``, or one text for both; its key without one."""
        return self.said(("label",), self.spec.get("label"), self.definition.ref.key)

    def note(self) -> Text:
        """Return what there is to say about it."""
        return self.said(("note",), self.spec.get("note"), "")

    def said(self, path: Path, value: Any, default: str) -> Text:
        """Return a text in both languages."""
        if value is None:
            return Text(default, default)
        if isinstance(value, str) and value.strip():
            return Text(value, value)
        if isinstance(value, Mapping) and set(value) == {"zh", "en"}:
            zh, en = value["zh"], value["en"]
            if isinstance(zh, str) and isinstance(en, str) and zh.strip() and en.strip():
                return Text(zh, en)
        self.bad(
            path,
            "bad_text",
            "请写一段文字，或 {zh: 中文, en: English}。",
            "write a text, or {zh: 中文, en: English}.",
        )
        return Text(default, default)

    def flag(self, path: Path, value: Any) -> bool:
        """Return true or false."""
        if value is None or isinstance(value, bool):
            return bool(value)
        self.bad(path, "bad_flag", "请写 true 或 false。", "write true or false.")
        return False

    def choice(self, path: Path, value: Any, choices: Collection[str]) -> str:
        """Return one of several words; an empty text if it is none."""
        if isinstance(value, str) and value in choices:
            return value
        near = nearest(value, choices) if isinstance(value, str) else ""
        named = ", ".join(choices)
        self.bad(path, "bad_choice", f"请写 {named} 之一。", f"write one of {named}.", near)
        return ""

    def mapping(self, path: Path, value: Any, fields: Collection[str] | None = None) -> Mapping[str, Any]:
        """Return a mapping with none but the given fields."""
        if not isinstance(value, Mapping):
            self.bad(path, "bad_mapping", "这里应是键值对。", "a mapping should stand here.")
            return {}
        if fields is not None:
            self._only(path, value, fields)
        return value

    def listed(self, path: Path, value: Any) -> list[Any]:
        """Return a list that is not empty."""
        if isinstance(value, list) and value:
            return value
        self.bad(path, "bad_list", "这里应是不为空的列表。", "a list that is not empty should stand here.")
        return []

    def condition(self, path: Path, value: Any, catalogue: Catalogue) -> Node | None:
        """Return a condition; nothing if it is wrong or rests on what is."""
        return self._rule(path, value, catalogue, condition)

    def value(self, path: Path, value: Any, catalogue: Catalogue) -> Node | None:
        """Return a rule of any type."""
        return self._rule(path, value, catalogue, parse)

    def _rule(
        self, path: Path, value: Any, catalogue: Catalogue, read: Callable[[str, Catalogue], Node]
    ) -> Node | None:
        # YAML makes numbers of what is a rule all the same: `value: 1`.
        text = value if isinstance(value, str) else str(value) if isinstance(value, int | float) else None
        if text is None or isinstance(value, bool):
            self.bad(path, "bad_rule", "请写一条规则。", "write a rule.")
            return None
        try:
            node = read(text, catalogue)
        except Unsure:
            return None
        except BadRule as error:
            if isinstance(value, str):
                self.problems += problems_of(self.definition, path, error)
            else:
                one = error.problems[0]
                self.bad(path, one.code, one.reason.zh, one.reason.en)
            return None
        self._rules.append((path, text, node))
        return node

    def hints(self, catalogue: Catalogue, met: Callable[[], Met]) -> list[Problem]:
        """Return what of the rules that were read is right but perhaps not meant; ``met`` says what has occurred."""
        found: list[Problem] = []
        for path, text, node in self._rules:
            if any(isinstance(one, Window) and one.dimension for one in walk(node)):
                for one in hints(text, node, catalogue, met()):
                    place = self.definition.places.inside(path, text, one.at.start)
                    named = self.definition
                    found.append(
                        Problem(one.code, named.ref, named.source, *place, one.reason, one.nearest, hint=True)
                    )
        return found
