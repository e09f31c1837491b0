"""Writes a rule as text again: the canonical text of a node, which parses to an equal one.

Brackets stand where they must, and around what is joined by ``and`` within an ``or``, where nobody should have to know
which binds tighter.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from guanxi.rules import days
from guanxi.rules.lexer import tokens
from guanxi.rules.model import (
    And,
    Arithmetic,
    Attribute,
    BadRule,
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
    quote,
    walk,
)

MOST_GENEROUS = 200
"""Nodes up to which brackets are written that only help the reader; larger rules may be near the language's limits."""


def text(node: Node) -> str:
    """Return the canonical text of a node that ``parse`` made."""
    generous = sum(1 for _ in walk(node)) <= MOST_GENEROUS
    return _Writer(generous=generous).write(node)[0]


def name(written: str) -> str:
    """Return a name as it stands in a rule: in double quotes unless it is one plain word."""
    try:
        first, *rest = tokens(written)
        plain = first.kind == "name" and first.text == written and len(rest) == 1
    except BadRule:
        plain = False
    return written if plain else '"' + written.replace('"', '""') + '"'


def number(value: float) -> str:
    """Return a number as it stands in a rule."""
    return repr(value)


def money(fen: int) -> str:
    """Return an amount as it stands in a rule: ``¥500`` or ``¥500.01``."""
    sign, whole, rest = "-" if fen < 0 else "", abs(fen) // 100, abs(fen) % 100
    return f"{sign}¥{whole}.{rest:02}" if rest else f"{sign}¥{whole}"


def listed(values: Sequence[str]) -> str:
    """Return written values as a list."""
    return f"({', '.join(values)})"


def window(how: str, target: str, dimension: str, values: Sequence[str], length: int) -> str:
    """Return an aggregate: ``target`` is an event and its field, joined by a dot; ``values`` are plain texts."""
    what = name(target)
    if dimension:
        quoted = [quote(value) for value in sorted(set(values))]
        what += f" where {name(dimension)} " + (
            f"= {quoted[0]}" if len(quoted) == 1 else f"in {listed(quoted)}"
        )
    return f"{how}({what}, {length}d)"


def between(node: Node) -> tuple[Node, Node, Node] | None:
    """Return a value and its bounds if a node says that it lies between them."""
    match node:
        case And(terms=(Comparison(op=">=") as low, Comparison(op="<=") as high)) if low.left == high.left:
            return low.left, low.right, high.right
    return None


class _Level(IntEnum):
    """How tightly what is written holds together."""

    OR = 0
    AND = 1
    NOT = 2
    PREDICATE = 3
    SUM = 4
    PRODUCT = 5
    SIGN = 6
    ATOM = 7


Written = tuple[str, _Level]


class _Writer:
    def __init__(self, *, generous: bool) -> None:
        self._in_or = _Level.NOT if generous else _Level.AND

    def _at(self, least: _Level, node: Node) -> str:
        written, level = self.write(node)
        return f"({written})" if level < least else written

    def _value(self, node: Node) -> str:
        return self._at(_Level.SUM, node)

    def _beside(self, node: Node, other: Node) -> str:
        """Return a value that stands beside another: a date is known for one there."""
        if isinstance(node, Literal) and node.type is Type.DATE and not isinstance(other, Literal):
            return quote(days.date(int(node.value or 0)).isoformat())
        return self._value(node)

    def write(self, node: Node) -> Written:
        match node:
            case Literal():
                return self._literal(node)
            case Attribute():
                return name(node.name), _Level.ATOM
            case Window():
                target = f"{node.event}.{node.field}" if node.field else node.event
                return window(node.how, target, node.dimension, node.values, node.days), _Level.ATOM
            case InAudience():
                return node.name, _Level.ATOM
            case Call():
                arguments = ", ".join(self._at(_Level.OR, one) for one in node.arguments)
                return f"{node.function}({arguments})", _Level.ATOM
            case Case():
                return self._case(node), _Level.ATOM
            case Negative():
                return f"-{self._at(_Level.ATOM, node.part)}", _Level.SIGN
            case Arithmetic():
                return self._arithmetic(node)
            case Or():
                return " or ".join(self._at(self._in_or, term) for term in node.terms), _Level.OR
            case And() if between(node) is None:
                return " and ".join(self._at(_Level.NOT, term) for term in node.terms), _Level.AND
            case Not():
                return self._not(node)
        return self._predicate(node, ""), _Level.PREDICATE

    def _literal(self, node: Literal) -> Written:
        value = node.value
        if isinstance(value, bool):
            return ("true" if value else "false"), _Level.ATOM
        if isinstance(value, str):
            return quote(value), _Level.ATOM
        if value is None:
            raise TypeError("no rule says null but for a case without else")
        if node.type is Type.DATE:
            return f"date {quote(days.date(int(value)).isoformat())}", _Level.ATOM
        written = money(int(value)) if node.type is Type.MONEY else number(value)
        return written, _Level.SIGN if written.startswith("-") else _Level.ATOM

    def _arithmetic(self, node: Arithmetic) -> Written:
        level = _Level.SUM if node.op in "+-" else _Level.PRODUCT
        right = self._at(_Level(level + 1), node.right)
        return f"{self._at(level, node.left)} {node.op} {right}", level

    def _case(self, node: Case) -> str:
        branches = " ".join(
            f"when {self._at(_Level.OR, when)} then {self._at(_Level.OR, then)}"
            for when, then in node.branches
        )
        unknown = isinstance(node.other, Literal) and node.other.value is None
        other = "" if unknown else f" else {self._at(_Level.OR, node.other)}"
        return f"case {branches}{other} end"

    def _not(self, node: Not) -> Written:
        term = node.term
        if isinstance(term, In | Like | IsNull) or between(term):
            return self._predicate(term, "not "), _Level.PREDICATE
        return f"not {self._at(_Level.PREDICATE, term)}", _Level.NOT

    def _predicate(self, node: Node, negation: str) -> str:
        match node:
            case And():
                value, low, high = between(node) or (node, node, node)
                bounds = f"{self._beside(low, value)} and {self._beside(high, value)}"
                return f"{self._value(value)} {negation}between {bounds}"
            case Comparison():
                left, right = self._beside(node.left, node.right), self._beside(node.right, node.left)
                return f"{left} {node.op} {right}"
            case In():
                among = listed([self._beside(one, node.value) for one in node.among])
                return f"{self._value(node.value)} {negation}in {among}"
            case Like():
                return f"{self._value(node.value)} {negation}like {quote(node.pattern)}"
            case IsNull():
                return f"{self._value(node.value)} is {negation}null"
            case Has():
                quoted = [quote(one) for one in node.wanted]
                wanted = f"{'all' if node.every else 'any'} {listed(quoted)}"
                if node.every and len(quoted) == 1:
                    wanted = quoted[0]
                return f"{self._value(node.value)} has {wanted}"
        raise TypeError(f"no rule has a {type(node).__name__}")
