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
from guanxi.rules.unparse import between

if TYPE_CHECKING:
    from guanxi.kernel.text import Language, Text
    from guanxi.rules.catalogue import Catalogue, EventType

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
        Aggregation.COUNT: "{event}次数",
        Aggregation.SUM: "{event}的{field}合计",
        Aggregation.MIN: "{event}的最小{field}",
        Aggregation.MAX: "{event}的最大{field}",
        Aggregation.AVG: "{event}的平均{field}",
        Aggregation.FIRST: "首次{event}日期",
        Aggregation.LAST: "最近一次{event}日期",
        Aggregation.DISTINCT: "{event}的不同{field}数",
    },
    "en": {
        Aggregation.COUNT: "number of {event}",
        Aggregation.SUM: "total {field} of {event}",
        Aggregation.MIN: "smallest {field} of {event}",
        Aggregation.MAX: "largest {field} of {event}",
        Aggregation.AVG: "average {field} of {event}",
        Aggregation.FIRST: "first day of {event}",
        Aggregation.LAST: "last day of {event}",
        Aggregation.DISTINCT: "number of different values of {field} of {event}",
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
                return self._audience(node, inside=True)
            case And() | Or() | Not() | Comparison() | In() | Like() | IsNull() | Has():
                return self._condition(node)
            case Negative():
                return f"-{self._inside(node.part)}"
            case Arithmetic():
                sign = {"*": "×", "/": "÷"}.get(node.op, node.op)
                return f"{self._term(node, node.left)} {sign} {self._term(node, node.right)}"
            case Case():
                return self._case(node)
            case Call():
                return self._call(node)
        raise TypeError(f"no rule has a {type(node).__name__}")

    def _of(self, text: Text) -> str:
        return text.in_(self._language)

    def _bracketed(self, said: str) -> str:
        return f"（{said}）" if self._zh else f"({said})"

    def _inside(self, node: Node) -> str:
        said = self.say(node)
        return self._bracketed(said) if isinstance(node, Arithmetic | And | Or | Case) else said

    def _term(self, node: Arithmetic, part: Node) -> str:
        """Return a part of a computation, in brackets where it would be read otherwise."""
        alike = isinstance(part, Arithmetic) and part is node.left and (part.op in "+-") == (node.op in "+-")
        return self.say(part) if alike else self._inside(part)

    def _condition(self, node: Node) -> str:
        match node:
            case And() if (found := between(node)) is not None:
                return self._between(*found, yes=True)
            case And():
                return self._joined(node, "，且" if self._zh else " and ")
            case Or():
                return self._joined(node, "，或" if self._zh else " or ")
            case Not():
                return self._negated(node.term)
            case Comparison():
                return self._comparison(node)
            case In():
                return self._among(node, yes=True)
            case Like():
                return self._words(self.say(node.value), ("形如", "looks like"), f"“{node.pattern}”")
            case IsNull():
                return self._words(self._inside(node.value), ("未知", "is unknown"))
            case Has():
                return self._has(node, yes=True)
        raise TypeError(f"{type(node).__name__} is no condition")

    def _words(self, subject: str, verb: tuple[str, str], *rest: str) -> str:
        """Return a subject with what is said of it, in the reader's language."""
        if self._zh:
            return glued(
                subject, verb[0], *(one if one.startswith("“") else f" {one}" for one in rest if one)
            )
        return " ".join((subject, verb[1], *filter(None, rest)))

    def _whole(self, node: Node) -> str:
        """Return a condition; one that is a mere attribute says what of it is asked."""
        if isinstance(node, Attribute):
            return self._words(self.say(node), ("为", "is"), "是" if self._zh else "yes")
        return self.say(node)

    def _joined(self, node: And | Or, word: str) -> str:
        said = [
            self._bracketed(self._whole(term))
            if isinstance(term, And | Or) and not between(term)
            else self._whole(term)
            for term in node.terms
        ]
        if not self._zh:
            return word.join(said)
        return glued(said[0], *(glued(word, one) for one in said[1:]))

    def _negated(self, term: Node) -> str:
        match term:
            case IsNull():
                return self._words(self._inside(term.value), ("已知", "is known"))
            case InAudience():
                return self._audience(term, inside=False)
            case Attribute():
                return self._words(self.say(term), ("为", "is"), "否" if self._zh else "no")
            case In():
                return self._among(term, yes=False)
            case Has():
                return self._has(term, yes=False)
            case Like():
                return self._words(
                    self.say(term.value), ("不形如", "does not look like"), f"“{term.pattern}”"
                )
            case And() if (found := between(term)) is not None:
                return self._between(*found, yes=False)
        said = self.say(term)
        return f"并非（{said}）" if self._zh else f"not ({said})"

    def _audience(self, node: InAudience, *, inside: bool) -> str:
        label = self._catalogue.audiences.get(node.audience)
        name = self._of(label) if label else node.audience
        if self._zh:
            return f"{'属于' if inside else '不属于'}人群「{name}」"
        return f"{'is in' if inside else 'is not in'} the audience “{name}”"

    def _comparison(self, node: Comparison) -> str:
        words = _COMPARED[self._language]
        if Type.DATE in {node.left.type, node.right.type}:
            words = {**words, **_DATED[self._language]}
        word = words[node.op]
        return self._words(
            self._value(node.left, node.right), (word, word), self._value(node.right, node.left)
        )

    def _value(self, node: Node, beside: Node) -> str:
        return self._literal(node, beside) if isinstance(node, Literal) else self._inside(node)

    def _between(self, value: Node, low: Node, high: Node, *, yes: bool) -> str:
        subject, one, other = self._inside(value), self._value(low, value), self._value(high, value)
        if self._zh:
            return glued(subject, "在" if yes else "不在", f" {one} 到 {other} 之间（含两端）")
        return f"{subject} {'is' if yes else 'is not'} between {one} and {other} (both included)"

    def _among(self, node: In, *, yes: bool) -> str:
        values = [self._literal(one, node.value) for one in node.among]
        subject = self.say(node.value)
        if len(values) == 1:
            return self._words(subject, ("为", "is") if yes else ("不为", "is not"), values[0])
        if not self._zh:
            return (
                f"{subject} is {listed(values, 'or')}" if yes else f"{subject} is none of {', '.join(values)}"
            )
        return self._several(subject, "是" if yes else "不是", values, "之一" if yes else "中的任何一个")

    def _has(self, node: Has, *, yes: bool) -> str:
        subject = self.say(node.value)
        values = [self._labelled(value, node.value, plain=True) for value in node.wanted]
        if len(values) == 1:
            return self._words(subject, ("含", "has") if yes else ("不含", "does not have"), values[0])
        if self._zh:
            if node.every:
                return self._several(subject, "同时含" if yes else "不同时含", values, "")
            return self._several(subject, "含" if yes else "不含", values, "之一" if yes else "中的任何一个")
        if node.every:
            return f"{subject} {'has' if yes else 'does not have'} all of {', '.join(values)}"
        return f"{subject} has {'one' if yes else 'none'} of {', '.join(values)}"

    @staticmethod
    def _several(subject: str, verb: str, values: list[str], after: str) -> str:
        said = "、".join(values)
        quoted = said.startswith("“")
        return glued(
            subject, verb, said if quoted else f" {said}", after if quoted or not after else f" {after}"
        )

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

    def _labelled(self, value: str, beside: Node | None, *, plain: bool = False) -> str:
        if isinstance(beside, Attribute) and beside.name in self._catalogue.attributes:
            label = self._catalogue.attributes[beside.name].label_of(value)
            if label is not None:
                return self._of(label)
        return value if plain else f"“{value}”"

    def _window(self, node: Window) -> str:
        kind = self._catalogue.events.get(node.event)
        event, field = self._of(kind.label) if kind else node.event, node.field
        if not self._zh:
            event = f"“{event}”"
        if kind and field:
            known = kind.measures.get(field) or kind.dimensions.get(field) or kind.properties.get(field)
            field = self._of(known.label) if known else field
        if node.dimension:
            event += self._only(node, kind)
            # Behind the brackets the word that follows needs a tie.
            event += "的" if self._zh and not field else ""
        said = _AGGREGATED[self._language][node.how].format(event=event, field=field)
        if not self._zh:
            return f"{said} in the last {node.days} days"
        return f"近 {node.days} 天{said}"

    def _only(self, node: Window, kind: EventType | None) -> str:
        """Return which of the events a window is about."""
        dimension = kind.dimensions.get(node.dimension) if kind else None
        known = dimension or (kind.properties.get(node.dimension) if kind else None)
        name = self._of(known.label) if known else node.dimension
        labels = [dimension.label_of(value) if dimension else None for value in node.values]
        values = [
            self._of(label) if label else value for label, value in zip(labels, node.values, strict=True)
        ]
        if self._zh:
            return f"（{glued(name, '为', ' ' + '、'.join(values))}）"
        return f" (where {name} is {listed(values, 'or')})"

    def _case(self, node: Case) -> str:
        other = self.say(node.other)
        if self._zh:
            parts = "；".join(
                glued("若", self._whole(when), "，则为", self._behind(then)) for when, then in node.branches
            )
            return f"{parts}；{glued('否则为', self._behind(node.other))}"
        parts = "; ".join(f"if {self._whole(when)} then {self.say(then)}" for when, then in node.branches)
        return f"{parts}; otherwise {other}"

    def _behind(self, node: Node) -> str:
        said = self.say(node)
        return said if said.startswith("“") else f" {said}"

    def _call(self, node: Call) -> str:
        said = [self._inside(argument) for argument in node.arguments]
        if node.function == "coalesce":
            return f"{said[0]}（未知时取 {said[1]}）" if self._zh else f"{said[0]} (if unknown {said[1]})"
        return self._of(FUNCTIONS[node.function].label).format(*said)


def glued(*parts: str) -> str:
    """Return Chinese written together, with a space where it meets Latin letters or digits."""
    whole = ""
    for part in parts:
        meet = (
            whole
            and part
            and ((_is_latin(whole[-1]) and _is_han(part[0])) or (_is_han(whole[-1]) and _is_latin(part[0])))
        )
        whole += f" {part}" if meet else part
    return whole


def _is_latin(letter: str) -> bool:
    return letter.isascii() and (letter.isalnum() or letter in "¥%_")


def _is_han(letter: str) -> bool:
    return "\u4e00" <= letter <= "\u9fff"


def listed(values: list[str], word: str) -> str:
    """Return English values parted by commas, the last by a word."""
    return f"{', '.join(values[:-1])} {word} {values[-1]}" if len(values) > 1 else values[0]
