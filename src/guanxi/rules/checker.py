"""Builds typed nodes and refuses what has no meaning: unknown names and wrong types.

Every refusal says where, why and, for a name, which right one is nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NoReturn

from guanxi.rules import days as calendar
from guanxi.rules.catalogue import nearest
from guanxi.rules.functions import FUNCTIONS
from guanxi.rules.model import (
    NUMERIC,
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
    Span,
    Type,
)
from guanxi.rules.refusing import Refusing
from guanxi.rules.windows import AGGREGATIONS

if TYPE_CHECKING:
    from guanxi.rules.lexer import Token

WIDEST = 1 << 53
"""Whole numbers beyond this are not exact in a double."""


class Checker(Refusing):
    """Makes the nodes of one rule."""

    # Values ---------------------------------------------------------------------------------------------------------

    def number(self, value: float, type: Type, at: Span) -> Literal:
        """Return a number."""
        if abs(value) > WIDEST:
            self.bad("number_too_large", at, "数太大。", "the number is too large.")
        return Literal(value, type, at=at)

    def money(self, text: str, at: Span) -> Literal:
        """Return an amount written in yuan as fen."""
        fen = Decimal(text[1:].strip()) * 100
        return self.number(int(fen), Type.MONEY, at)

    def null(self, at: Span) -> NoReturn:
        """Refuse ``null`` where a value is expected."""
        self.bad(
            "null", at, "null 不能当作值；请写 is null。", "null is no value to compare with; write is null."
        )

    def attribute(self, name: str, at: Span) -> Node:
        """Return an attribute by its name."""
        known = self._catalogue.attributes.get(name)
        if known is None:
            self._unknown_attribute(name, at)
        return Attribute(name, known.type, at=at)

    def _unknown_attribute(self, name: str, at: Span) -> NoReturn:
        if name in self._catalogue.events or self.event_of(name):
            self.bad(
                "event_without_window",
                at,
                f"{name} 是事件，请说明怎样汇总，例如 count({name}, 90d)。",
                f"{name} is an event: say how to aggregate it, such as count({name}, 90d).",
            )
        near = nearest(name, self._catalogue.attributes)
        self.bad("unknown_attribute", at, f"没有属性“{name}”。", f"there is no attribute {name}.", near)

    # Conditions -----------------------------------------------------------------------------------------------------

    def _condition(self, node: Node) -> Node:
        if node.type is not Type.BOOL:
            self.bad(
                "no_condition",
                node.at,
                f"这里应是条件，得到的是{node.type.label.zh}。",
                f"a condition should stand here, not {node.type.label.en}.",
            )
        return node

    def all_of(self, terms: Sequence[Node]) -> Node:
        """Return the conjunction of conditions."""
        return And(tuple(self._condition(term) for term in terms), at=terms[0].at.to(terms[-1].at))

    def either(self, terms: Sequence[Node]) -> Node:
        """Return the disjunction of conditions."""
        return Or(tuple(self._condition(term) for term in terms), at=terms[0].at.to(terms[-1].at))

    def negated(self, node: Node, at: Span) -> Node:
        """Return the opposite of a condition."""
        return Not(self._condition(node), at=at.to(node.at))

    def comparison(self, op: str, left: Node, right: Node, at: Span) -> Node:
        """Return the comparison of two values of one family."""
        left, right = self._alike(left, right), self._alike(right, left)
        span = left.at.to(right.at)
        if left.type is Type.BOOL and right.type is Type.BOOL:
            for one, other in ((left, right), (right, left)):
                if isinstance(other, Literal) and op in {"=", "<>"}:
                    return one if (op == "=") == other.value else Not(one, at=span)
            self.bad(
                "compared_conditions",
                at,
                "条件只能与 true 或 false 比较。",
                "compare conditions with true or false only.",
            )
        if left.type is Type.SET or right.type is Type.SET:
            self.bad(
                "compared_set",
                at,
                "集合请用 has，例如 标签 has '新客'。",
                "use has for sets, such as tags has 'new'.",
            )
        self._same_family(left, right, at)
        return Comparison(op, left, right, at=span)

    def _same_family(self, left: Node, right: Node, at: Span) -> None:
        if left.type != right.type and not (left.type in NUMERIC and right.type in NUMERIC):
            self.bad(
                "wrong_type",
                at,
                f"不能把{left.type.label.zh}与{right.type.label.zh}相比。",
                f"{left.type.label.en} cannot be compared with {right.type.label.en}.",
            )

    def _alike(self, node: Node, other: Node) -> Node:
        """Return a text literal as the date it names, where the other side is one; check it against declared values."""
        if not isinstance(node, Literal) or node.type is not Type.TEXT:
            return node
        if other.type is Type.DATE:
            day = calendar.parse(str(node.value))
            if day is None:
                self.bad("bad_date", node.at, "日期应写成 '2026-01-31'。", "write a date as '2026-01-31'.")
            return Literal(day, Type.DATE, at=node.at)
        if isinstance(other, Attribute):
            self.declared(str(node.value), self._catalogue.attributes[other.name].values, node.at)
        return node

    def one_of(self, value: Node, among: Sequence[Literal], at: Span) -> Node:
        """Return whether a value is one of several."""
        if value.type in {Type.SET, Type.BOOL}:
            self.bad(
                "wrong_type",
                at,
                "in 的左边应是数、文字或日期。",
                "in takes a number, a text or a date on its left.",
            )
        found = []
        for literal in among:
            one = self._alike(literal, value)
            self._same_family(value, one, literal.at)
            found.append(one)
        return In(value, tuple(found), at=value.at.to(among[-1].at))  # type: ignore[arg-type]

    def between(self, value: Node, low: Node, high: Node, at: Span) -> Node:
        """Return whether a value lies between two others, both included."""
        terms = (self.comparison(">=", value, low, at), self.comparison("<=", value, high, at))
        return And(terms, at=value.at.to(high.at))

    def like(self, value: Node, pattern: Node, at: Span) -> Node:
        """Return whether a text has a form."""
        if value.type is not Type.TEXT or not isinstance(pattern, Literal) or pattern.type is not Type.TEXT:
            self.bad(
                "wrong_type", at, "like 用于文字与固定的格式。", "like compares a text with a fixed pattern."
            )
        if "\\" in str(pattern.value):
            self.bad(
                "bad_pattern",
                pattern.at,
                "like 的格式里不能有反斜杠。",
                "a pattern of like has no backslash.",
            )
        return Like(value, str(pattern.value), at=value.at.to(pattern.at))

    def is_null(self, value: Node, at: Span) -> Node:
        """Return whether a value is unknown."""
        return IsNull(value, at=value.at.to(at))

    def has(self, value: Node, wanted: Sequence[Literal], at: Span, *, every: bool) -> Node:
        """Return whether a set has texts."""
        if value.type is not Type.SET:
            self.bad("wrong_type", at, "has 用于集合。", "has is for sets.")
        for one in wanted:
            if one.type is not Type.TEXT:
                self.bad("wrong_type", one.at, "集合里是文字。", "a set holds texts.")
            if isinstance(value, Attribute):
                self.declared(str(one.value), self._catalogue.attributes[value.name].values, one.at)
        return Has(
            value,
            tuple(dict.fromkeys(str(one.value) for one in wanted)),
            every,
            at=value.at.to(wanted[-1].at),
        )

    def audience(self, key: Token, at: Span) -> Node:
        """Return whether the member belongs to an audience that there is."""
        if key.kind != "text":
            self.bad(
                "wrong_type",
                key.at,
                "请写人群的代号，如 in_audience('vip')。",
                "name the audience, such as in_audience('vip').",
            )
        if key.text not in self._catalogue.audiences and key.text not in self._catalogue.unsure:
            near = nearest(key.text, self._catalogue.audiences)
            self.bad(
                "unknown_audience",
                key.at,
                f"没有人群“{key.text}”。",
                f"there is no audience {key.text}.",
                near,
            )
        return InAudience(key.text, at=at)

    # Computing ------------------------------------------------------------------------------------------------------

    def _numeric(self, node: Node, at: Span) -> None:
        if node.type not in NUMERIC:
            self.bad(
                "wrong_type",
                at,
                f"这里应是数，得到的是{node.type.label.zh}。",
                f"a number should stand here, not {node.type.label.en}.",
            )

    def arithmetic(self, op: str, left: Node, right: Node) -> Node:
        """Return what an operator makes of two numbers. A date less a date is not offered: ``days_since`` is."""
        self._numeric(left, left.at)
        self._numeric(right, right.at)
        money = Type.MONEY in {left.type, right.type}
        both = left.type is right.type
        type_ = Type.MONEY if money and (op in "+-" or (op == "*" and not both)) else Type.NUMBER
        return Arithmetic(op, left, right, type_, at=left.at.to(right.at))

    def negative(self, node: Node, at: Span) -> Node:
        """Return a number with the other sign."""
        self._numeric(node, node.at)
        if isinstance(node, Literal):
            return Literal(-node.value, node.type, at=at.to(node.at))  # type: ignore[operator]
        return Negative(node, node.type, at=at.to(node.at))

    def case(self, branches: Sequence[tuple[Node, Node]], other: Node | None, at: Span) -> Node:
        """Return a choice by conditions; all its values are of one family."""
        for when, _ in branches:
            self._condition(when)
        values = [then for _, then in branches] + ([other] if other else [])
        type_ = values[0].type
        for value in values[1:]:
            self._same_family(values[0], value, value.at)
            if value.type != type_:
                type_ = Type.NUMBER
        if type_ in {Type.BOOL, Type.SET}:
            self.bad(
                "wrong_type", at, "case 的结果应是数、文字或日期。", "case gives a number, a text or a date."
            )
        return Case(tuple(branches), other or Literal(None, type_), type_, at=at)

    def function(self, name: str, at: Span) -> None:
        """Refuse a function that there is not."""
        if name not in FUNCTIONS and name != "coalesce":
            names = [*FUNCTIONS, *AGGREGATIONS, "in_audience", "coalesce"]
            self.bad(
                "unknown_function",
                at,
                f"没有函数 {name}。",
                f"there is no function {name}.",
                nearest(name, names),
            )

    def call(self, name: str, arguments: Sequence[Node], at: Span) -> Node:
        """Return the value of a function that there is."""
        if name == "coalesce":
            return self._coalesce(arguments, at)
        function = FUNCTIONS[name]
        if len(arguments) != len(function.takes):
            count = len(function.takes)
            self.bad(
                "wrong_arguments", at, f"{name} 需要 {count} 个参数。", f"{name} takes {count} arguments."
            )
        for argument, types in zip(arguments, function.takes, strict=True):
            if argument.type not in types:
                wanted = next(iter(sorted(types)))
                self.bad(
                    "wrong_type",
                    argument.at,
                    f"{name} 需要{wanted.label.zh}，得到的是{argument.type.label.zh}。",
                    f"{name} takes {wanted.label.en}, not {argument.type.label.en}.",
                )
        return Call(name, tuple(arguments), function.gives, at=at)

    def _coalesce(self, arguments: Sequence[Node], at: Span) -> Node:
        if len(arguments) < 2 or arguments[0].type in {Type.BOOL, Type.SET}:
            self.bad(
                "wrong_arguments",
                at,
                "coalesce 需要至少两个数、文字或日期。",
                "coalesce takes at least two numbers, texts or dates.",
            )
        for argument in arguments[1:]:
            self._same_family(arguments[0], argument, argument.at)
        types = {argument.type for argument in arguments}
        return Call("coalesce", tuple(arguments), types.pop() if len(types) == 1 else Type.NUMBER, at=at)
