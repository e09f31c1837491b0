"""Reads a rule back as a sentence in Chinese or English, so that its author sees what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.rules import days
from guanxi.rules.functions import FUNCTIONS
from guanxi.rules.model import (
    Aggregation,
    And,
    Arithmetic,
    Attribute,
    Call,
    Case,
    Comparison,
    Has,
    In,
    InAudience,
    IsNull,
    Like,
    Literal,
    Negative,
    Node,
    Not,
    Or,
    Type,
    Window,
)

if TYPE_CHECKING:
    from guanxi.kernel.text import Language, Text
    from guanxi.rules.catalogue import Catalogue

_COMPARED = {
    "zh": {"=": "为", "<>": "不为", "<": "小于", "<=": "不超过", ">": "大于", ">=": "不少于"},
    "en": {
        "=": "is",
        "<>": "is not",
        "<": "is less than",
        "<=": "is at most",
        ">": "is more than",
        ">=": "is at least",
    },
}
_DATED = {
    "zh": {"<": "早于", "<=": "不晚于", ">": "晚于", ">=": "不早于"},
    "en": {"<": "is before", "<=": "is not after", ">": "is after", ">=": "is not before"},
}
_AGGREGATED = {
    "zh": {
        Aggregation.COUNT: "{what}次数",
        Aggregation.SUM: "{what}合计",
        Aggregation.MIN: "最小的{what}",
        Aggregation.MAX: "最大的{what}",
        Aggregation.AVG: "平均每次{what}",
        Aggregation.FIRST: "首次{what}日期",
        Aggregation.LAST: "最近一次{what}日期",
        Aggregation.DISTINCT: "不同{what}数",
    },
    "en": {
        Aggregation.COUNT: "number of {what}",
        Aggregation.SUM: "total {what}",
        Aggregation.MIN: "smallest {what}",
        Aggregation.MAX: "largest {what}",
        Aggregation.AVG: "average {what}",
        Aggregation.FIRST: "first day of {what}",
        Aggregation.LAST: "last day of {what}",
        Aggregation.DISTINCT: "number of different {what}",
    },
}


def sentence(node: Node, catalogue: Catalogue, language: Language) -> str:
    """Return what a rule says, in words."""
    return _Speaker(catalogue, language).say(node)


class _Speaker:
    def __init__(self, catalogue: Catalogue, language: Language) -> None:
        self._catalogue = catalogue
        self._language = language
        self._zh = language == "zh"

    def say(self, node: Node) -> str:
        match node:
            case Literal():
                return self._literal(node, None)
            case Attribute():
                known = self._catalogue.attributes.get(node.name)
                return self._of(known.label) if known else node.name
            case Window():
                return self._window(node)
            case InAudience():
                label = self._catalogue.audiences.get(node.audience)
                name = self._of(label) if label else node.audience
                return f"属于人群「{name}」" if self._zh else f"is in the audience “{name}”"
            case And() | Or() | Not() | Comparison() | In() | Like() | IsNull() | Has():
                return self._condition(node)
            case Negative():
                return f"-{self.say(node.part)}"
            case Arithmetic():
                sign = {"*": "×", "/": "÷"}.get(node.op, node.op)
                return f"{self._inside(node.left)} {sign} {self._inside(node.right)}"
            case Case():
                return self._case(node)
            case Call():
                return self._call(node)
        raise TypeError(f"no rule has a {type(node).__name__}")

    def _of(self, text: Text) -> str:
        return text.in_(self._language)

    def _inside(self, node: Node) -> str:
        said = self.say(node)
        return f"({said})" if isinstance(node, Arithmetic | And | Or | Case) else said

    def _condition(self, node: Node) -> str:
        match node:
            case And():
                return self._joined(node, "，且" if self._zh else " and ")
            case Or():
                return self._joined(node, "，或" if self._zh else " or ")
            case Not():
                return self._negated(node)
            case Comparison():
                return self._comparison(node)
            case In():
                values = [self._literal(one, node.value) for one in node.among]
                listed = "、".join(values) if self._zh else ", ".join(values)
                subject = self.say(node.value)
                return f"{subject}是 {listed} 之一" if self._zh else f"{subject} is one of {listed}"
            case Like():
                subject = self.say(node.value)
                return (
                    f"{subject}形如“{node.pattern}”" if self._zh else f"{subject} looks like “{node.pattern}”"
                )
            case IsNull():
                subject = self._inside(node.value)
                return f"{subject}未知" if self._zh else f"{subject} is unknown"
            case Has():
                return self._has(node)
        raise TypeError(f"{type(node).__name__} is no condition")

    def _joined(self, node: And | Or, word: str) -> str:
        return word.join(
            f"（{self.say(term)}）"
            if self._zh and isinstance(term, And | Or)
            else f"({self.say(term)})"
            if isinstance(term, And | Or)
            else self.say(term)
            for term in node.terms
        )

    def _negated(self, node: Not) -> str:
        term = node.term
        if isinstance(term, IsNull):
            subject = self._inside(term.value)
            return f"{subject}已知" if self._zh else f"{subject} is known"
        if isinstance(term, InAudience):
            label = self._catalogue.audiences.get(term.audience)
            name = self._of(label) if label else term.audience
            return f"不属于人群「{name}」" if self._zh else f"is not in the audience “{name}”"
        said = self.say(term)
        return f"并非（{said}）" if self._zh else f"not ({said})"

    def _comparison(self, node: Comparison) -> str:
        words = _COMPARED[self._language]
        if Type.DATE in {node.left.type, node.right.type}:
            words = {**words, **_DATED[self._language]}
        left = self._value(node.left, node.right)
        right = self._value(node.right, node.left)
        return f"{left}{words[node.op]} {right}" if self._zh else f"{left} {words[node.op]} {right}"

    def _value(self, node: Node, beside: Node) -> str:
        return self._literal(node, beside) if isinstance(node, Literal) else self._inside(node)

    def _has(self, node: Has) -> str:
        subject, listed = self.say(node.value), ("、" if self._zh else ", ").join(node.wanted)
        if len(node.wanted) == 1:
            return f"{subject}含 {listed}" if self._zh else f"{subject} has {listed}"
        if node.every:
            return f"{subject}同时含 {listed}" if self._zh else f"{subject} has all of {listed}"
        return f"{subject}含 {listed} 之一" if self._zh else f"{subject} has one of {listed}"

    def _literal(self, node: Literal, beside: Node | None) -> str:
        value = node.value
        if value is None:
            return "未知" if self._zh else "unknown"
        if isinstance(value, bool):
            return ("是" if value else "否") if self._zh else ("yes" if value else "no")
        if node.type is Type.DATE:
            return days.date(int(value)).isoformat()
        if isinstance(value, str):
            return self._labelled(value, beside)
        if node.type is Type.MONEY or (beside is not None and beside.type is Type.MONEY):
            return f"¥{value / 100:,.2f}"  # shown only; what is compared is the integer
        return f"{value:,}" if isinstance(value, int) else f"{value:,g}"

    def _labelled(self, value: str, beside: Node | None) -> str:
        if isinstance(beside, Attribute) and beside.name in self._catalogue.attributes:
            label = self._catalogue.attributes[beside.name].values.get(value)
            if label is not None:
                return self._of(label)
        return f"“{value}”"

    def _window(self, node: Window) -> str:
        kind = self._catalogue.events.get(node.event)
        event = self._of(kind.label) if kind else node.event
        what = event
        if node.field and kind:
            known = (
                kind.measures.get(node.field)
                or kind.dimensions.get(node.field)
                or kind.properties.get(node.field)
            )
            field = self._of(known.label) if known else node.field
            what = f"{event}的{field}" if self._zh else f"{field} of “{event}”"
        elif not self._zh:
            what = f"“{event}”"
        if node.dimension:
            dimension = kind.dimensions.get(node.dimension) if kind else None
            name = self._of(dimension.label) if dimension else node.dimension
            values = ("、" if self._zh else ", ").join(node.values)
            what = f"{what}（{name}为 {values}）" if self._zh else f"{what} (where {name} is {values})"
        said = _AGGREGATED[self._language][node.how].format(what=what)
        return f"近 {node.days} 天{said}" if self._zh else f"{said} in the last {node.days} days"

    def _case(self, node: Case) -> str:
        other = self.say(node.other)
        if self._zh:
            parts = "；".join(f"若{self.say(when)}则为{self.say(then)}" for when, then in node.branches)
            return f"{parts}；否则为{other}"
        parts = "; ".join(f"if {self.say(when)} then {self.say(then)}" for when, then in node.branches)
        return f"{parts}; otherwise {other}"

    def _call(self, node: Call) -> str:
        said = [self.say(argument) for argument in node.arguments]
        if node.function == "coalesce":
            return f"{said[0]}（未知时取 {said[1]}）" if self._zh else f"{said[0]} (if unknown {said[1]})"
        return self._of(FUNCTIONS[node.function].label).format(*said)
