"""Compiles a rule to an Ibis expression over a table with a row per member and a column per name.

Columns are nullable and have these types: BOOL boolean, INT and MONEY int64, NUMBER float64, TEXT string, DATE date,
SET array of strings; ``in_audience`` columns are boolean. Windows stand under their ``name``.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir

from guanxi.rules import days
from guanxi.rules.functions import LOWER, UPPER
from guanxi.rules.model import (
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

_COLUMN = {
    Type.BOOL: "boolean",
    Type.INT: "int64",
    Type.MONEY: "int64",
    Type.NUMBER: "float64",
    Type.TEXT: "string",
    Type.DATE: "date",
    Type.SET: "array<string>",
}

MOST_CHOICES = 2
"""Choices within each other that a number may be written into."""


def column_type(type: Type) -> str:
    """Return the Ibis type of a column that holds values of a type."""
    return _COLUMN[type]


def to_ibis(node: Node, table: ir.Table, today: int) -> ir.Value:
    """Return a node as an expression over ``table``; ``today`` is the day of the question.

    A condition gives true, false or null; filter by it directly, since null does not pass a filter.
    """
    return _Compiler(table, ibis.literal(days.date(today), type="date")).expression(node)


class _Compiler:
    def __init__(self, table: ir.Table, today: ir.Value) -> None:
        self._table = table
        self._today = today
        self._choices = 0
        self._by_node: dict[type[Node], Callable[[Any], Any]] = {
            Literal: self._literal,
            Attribute: self._column,
            Window: self._column,
            InAudience: self._in_audience,
            And: self._joined,
            Or: self._joined,
            Not: self._not,
            Comparison: self._comparison,
            In: self._in,
            Like: self._like,
            IsNull: self._is_null,
            Has: self._has,
            Case: self._case,
            Negative: self._negative,
            Arithmetic: self._arithmetic,
            Call: self._call,
        }

    def expression(self, node: Node) -> Any:
        return self._by_node[type(node)](node)

    def _column(self, node: Attribute | Window) -> Any:
        return self._table[node.name]

    def _in_audience(self, node: InAudience) -> Any:
        return self._table[node.name].fill_null(False)

    def _not(self, node: Not) -> Any:
        return ~self.expression(node.term)

    def _in(self, node: In) -> Any:
        return self.expression(node.value).isin([self._literal(one) for one in node.among])

    def _like(self, node: Like) -> Any:
        return self.expression(node.value).like(node.pattern)

    def _is_null(self, node: IsNull) -> Any:
        value = self.expression(node.value)
        # As a number: the SQL writer leaves out the parentheses of `(NOT x) IS NULL`.
        return (value.cast("int8") if node.value.type is Type.BOOL else value).isnull()

    def _case(self, node: Case) -> Any:
        branches = [(self.expression(when), self._as(then, node.type)) for when, then in node.branches]
        return ibis.cases(*branches, else_=self._as(node.other, node.type))

    def _negative(self, node: Negative) -> Any:
        return -self.expression(node.part)

    def _literal(self, node: Literal) -> Any:
        if node.value is None:
            return ibis.null(_COLUMN[node.type])
        if node.type is Type.NUMBER:
            return ibis.literal(repr(node.value)).cast("float64")  # 0.1 alone is a decimal on Spark
        value = days.date(int(node.value)) if node.type is Type.DATE else node.value
        return ibis.literal(value, type=_COLUMN[node.type])

    def _as(self, node: Node, wanted: Type) -> Any:
        value = self.expression(node)
        return value.cast("float64") if wanted is Type.NUMBER else value

    def _joined(self, node: And | Or) -> Any:
        # Halved rather than chained, so that a thousand terms nest ten deep.
        terms = [self.expression(term) for term in node.terms]
        while len(terms) > 1:
            pairs = zip(terms[::2], terms[1::2], strict=False)
            joined = [one & other if isinstance(node, And) else one | other for one, other in pairs]
            terms = [*joined, terms[-1]] if len(terms) % 2 else joined
        return terms[0]

    def _comparison(self, node: Comparison) -> Any:
        left, right = self.expression(node.left), self.expression(node.right)
        if Type.NUMBER in {node.left.type, node.right.type}:
            left, right = left.cast("float64"), right.cast("float64")
        return _COMPARED[node.op](left, right)

    def _has(self, node: Has) -> Any:
        held = self.expression(node.value)
        found = [held.contains(text) for text in node.wanted]
        joined = found[0]
        for one in found[1:]:
            joined = joined & one if node.every else joined | one
        return ibis.cases((held.notnull(), joined.fill_null(False)), else_=ibis.null("boolean"))

    def _arithmetic(self, node: Arithmetic) -> Any:
        return self._kept(node, _finite)

    def _computed(self, node: Node) -> Any:
        """Return a number as a double which is infinite, or none at all, where it is beyond their range.

        Sums, products and quotients of such a one are too, so that it is enough to ask once for a whole term; only what
        one divides by must be asked itself.
        """
        match node:
            case Negative():
                return -self._computed(node.part)
            case Arithmetic(op="/"):
                return self._computed(node.left) / self._divisor(node.right)
            case Arithmetic():
                return _COMPUTED[node.op](self._computed(node.left), self._computed(node.right))
        return self.expression(node).cast("float64")

    def _divisor(self, node: Node) -> Any:
        match node:
            case Literal() if node.value:
                return self._computed(node)
            case Arithmetic() | Negative():
                return self._kept(node, lambda value: (value != 0) & _finite(value))
        return self._kept(node, lambda value: value != 0)

    def _kept(self, node: Node, test: Callable[[Any], Any]) -> Any:
        """Return a number as a double, null where a test fails.

        A choice writes the number twice, which would double the text with every level; a list, a little slower, once.
        """
        beside, self._choices = self._choices, 0
        value = self._computed(node)
        within, self._choices = self._choices, max(beside, self._choices + 1)
        if within < MOST_CHOICES:
            return ibis.cases((test(value), value), else_=ibis.null("float64"))
        return ibis.array([value]).filter(test).mins()

    def _call(self, node: Call) -> Any:
        if node.function == "coalesce":
            return ibis.coalesce(*(self._as(argument, node.type) for argument in node.arguments))
        return _CALLED[node.function](self._today, *(self.expression(one) for one in node.arguments))


def _finite(value: Any) -> Any:
    return value.abs() < math.inf  # what is no number is greater than all, on every engine


_COMPARED = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPUTED = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_CALLED: dict[str, Callable[..., Any]] = {
    "today": lambda today: today,
    "days_since": lambda today, day: today.delta(day, unit="day").cast("int64"),
    "days_until": lambda today, day: day.delta(today, unit="day").cast("int64"),
    "year": lambda _, day: day.year().cast("int64"),
    "month": lambda _, day: day.month().cast("int64"),
    "day": lambda _, day: day.day().cast("int64"),
    "weekday": lambda _, day: day.day_of_week.index().cast("int64") + 1,
    "lower": lambda _, text: text.translate(UPPER, LOWER),
    "upper": lambda _, text: text.translate(LOWER, UPPER),
    "trim": lambda _, text: text.re_replace("^ +| +$", ""),
    "length": lambda _, text: text.length().cast("int64"),
    # Spark counts -1 texts in an unknown set when it is not in its ANSI mode.
    "size": lambda _, texts: ibis.cases((texts.notnull(), texts.length().cast("int64"))),
    "abs": lambda _, number: number.abs().cast("float64"),
    "starts_with": lambda _, text, start: text.startswith(start),
    "ends_with": lambda _, text, end: text.endswith(end),
    "contains": lambda _, text, part: text.contains(part),
}
"""What each function of ``functions`` is on an engine; the day of the question comes first."""
