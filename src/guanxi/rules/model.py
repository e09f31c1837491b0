"""What a rule is made of: types, typed nodes, and what is wrong with one.

Nodes are frozen and compare by meaning: ``at`` says where one stands in the text and does not count. Numbers are all of
one family and compute as IEEE doubles on every engine; ``INT`` and ``MONEY`` (fen) only say how to read them. A ``DATE`` is
a day of the merchant, held as days since 1970-01-01; a ``SET`` is a set of texts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from guanxi.kernel.errors import GuanxiError
from guanxi.kernel.text import Text


class Type(StrEnum):
    """What a value is."""

    BOOL = "bool"
    INT = "int"
    MONEY = "money"
    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    SET = "set"

    @property
    def label(self) -> Text:
        """Return the type's name for people."""
        return _TYPE_LABELS[self]


_TYPE_LABELS = {
    Type.BOOL: Text("是/否", "yes or no"),
    Type.INT: Text("整数", "a whole number"),
    Type.MONEY: Text("金额", "an amount of money"),
    Type.NUMBER: Text("数值", "a number"),
    Type.TEXT: Text("文字", "a text"),
    Type.DATE: Text("日期", "a date"),
    Type.SET: Text("集合", "a set of texts"),
}

NUMERIC = frozenset({Type.INT, Type.MONEY, Type.NUMBER})


class Span(NamedTuple):
    """Where something stands in a rule's text: from ``start`` until before ``end``, in characters."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """Return what reaches from here to the end of ``other``."""
        return Span(self.start, other.end)


NOWHERE = Span(0, 0)


class Problem(NamedTuple):
    """One thing that is wrong with a rule; ``code`` is stable, ``nearest`` a right name or empty."""

    code: str
    at: Span
    reason: Text
    nearest: str = ""


class BadRule(GuanxiError):
    """A rule that cannot be used. ``problems`` say why and where, in the order of the text."""

    code: ClassVar[str] = "bad_rule"
    status: ClassVar[int] = 422
    text: ClassVar[Text] = Text("规则有误：{reason_zh}", "The rule cannot be used: {reason_en}")

    def __init__(self, rule: str, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.at)
        first, more = self.problems[0], len(self.problems) - 1
        line, column = place(rule, first.at)
        super().__init__(
            reason_zh=f"第 {line} 行第 {column} 列，{first.reason.zh}"
            + (f"（另有 {more} 处）" if more else ""),
            reason_en=f"at line {line}, column {column}, {first.reason.en}"
            + (f" ({more} more)" if more else ""),
            problems=[
                {
                    "code": one.code,
                    "start": one.at.start,
                    "end": one.at.end,
                    "zh": one.reason.zh,
                    "en": one.reason.en,
                    "nearest": one.nearest,
                }
                for one in self.problems
            ],
        )


class Unsure(Exception):
    """A rule names what may be there or not (``Catalogue.unsure``); as far as can be told nothing is wrong with it."""


def place(text: str, at: Span) -> tuple[int, int]:
    """Return a place as line and column, both from 1."""
    before = text[: at.start]
    return before.count("\n") + 1, at.start - (before.rfind("\n") + 1) + 1


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A part of a rule that has a value; ``type`` is the value's type, ``at`` where it stands in the text."""

    at: Span = dataclasses.field(default=NOWHERE, compare=False, repr=False, kw_only=True)

    if TYPE_CHECKING:

        @property
        def type(self) -> Type:
            """Return what the value is."""


@dataclasses.dataclass(frozen=True, slots=True)
class Literal(Node):
    """A value written in the rule: bool, int, float, str, or a day; ``None`` is SQL's ``NULL``."""

    value: bool | float | str | None
    type: Type


@dataclasses.dataclass(frozen=True, slots=True)
class Attribute(Node):
    """What is known of a member under a name."""

    name: str
    type: Type


class Aggregation(StrEnum):
    """How a window's events become one value."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    AVG = "avg"
    FIRST = "first"
    LAST = "last"
    DISTINCT = "distinct"


@dataclasses.dataclass(frozen=True, slots=True)
class Window(Node):
    """An aggregate over a member's events of one type in the last ``days`` whole days, today included.

    ``field`` is a measure or, batch only, another property; empty where events are counted or dated. ``dimension``
    restricts to events, or elements of their lists, with one of ``values``. Without events ``count``, ``sum`` and
    ``distinct`` are 0 and all others are unknown. ``first`` and ``last`` are days.
    """

    how: Aggregation
    event: str
    field: str
    dimension: str
    values: tuple[str, ...]
    days: int
    type: Type
    online: bool = dataclasses.field(default=True, compare=False)

    @property
    def name(self) -> str:
        """Return the aggregate as text: equal ones have equal names, under which their values are handed in."""
        what = f"{self.event}.{self.field}" if self.field else self.event
        if self.dimension:
            quoted = [quote(value) for value in self.values]
            chosen = f"= {quoted[0]}" if len(quoted) == 1 else f"in ({', '.join(quoted)})"
            what += f" where {self.dimension} {chosen}"
        return f"{self.how}({what}, {self.days}d)"


@dataclasses.dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """``+``, ``-``, ``*`` or ``/``, in doubles; dividing by zero is unknown."""

    op: str
    left: Node
    right: Node
    type: Type


@dataclasses.dataclass(frozen=True, slots=True)
class Negative(Node):
    """A number with the other sign."""

    part: Node
    type: Type


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison(Node):
    """``=``, ``<>``, ``<``, ``<=``, ``>`` or ``>=``; unknown if either side is."""

    op: str
    left: Node
    right: Node
    type: Type = dataclasses.field(default=Type.BOOL, init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class And(Node):
    """True if all are, false if one is, otherwise unknown."""

    terms: tuple[Node, ...]
    type: Type = dataclasses.field(default=Type.BOOL, init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Or(Node):
    """True if one is, false if all are, otherwise unknown."""

    terms: tuple[Node, ...]
    type: Type = dataclasses.field(default=Type.BOOL, init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Not(Node):
    """The other way round; unknown stays unknown."""

    term: Node
    type: Type = dataclasses.field(default=Type.BOOL, init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class In(Node):
    """Whether a value is one of some; unknown if the value is, or if it is none of them and one of them is unknown."""

    value: Node
    among: tuple[Literal, ...]
    type: Type = dataclasses.field(default=Type.BOOL, init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Like(Node):
    """Whether a text has a pattern's form: ``%`` stands for any letters, ``_`` for one."""

    value: Node
    pattern: str
    type: Type = dataclasses.field(default=Type.BOOL, init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class IsNull(Node):
    """Whether a value is unknown; never unknown itself."""

    value: Node
    type: Type = dataclasses.field(default=Type.BOOL, init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Has(Node):
    """Whether a set has ``any`` or ``all`` of some texts; unknown if the set is."""

    value: Node
    wanted: tuple[str, ...]
    every: bool
    type: Type = dataclasses.field(default=Type.BOOL, init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Case(Node):
    """The value that goes with the first condition that is true, else ``other``."""

    branches: tuple[tuple[Node, Node], ...]
    other: Node
    type: Type


@dataclasses.dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of ``rules.functions``; unknown if an argument is, but for ``coalesce``."""

    function: str
    arguments: tuple[Node, ...]
    type: Type


@dataclasses.dataclass(frozen=True, slots=True)
class InAudience(Node):
    """Whether the member belongs to an audience; never unknown."""

    audience: str
    type: Type = dataclasses.field(default=Type.BOOL, init=False)

    @property
    def name(self) -> str:
        """Return the text under which the answer is handed in."""
        return f"in_audience({quote(self.audience)})"

    @staticmethod
    def key_of(name: str) -> str:
        """Return the key of the audience that such a text names."""
        return name.removeprefix("in_audience('").removesuffix("')")


def parts(node: Node) -> tuple[Node, ...]:
    """Return the nodes that a node is made of, in the order of the text."""
    match node:
        case And() | Or():
            return node.terms
        case Not():
            return (node.term,)
        case Comparison() | Arithmetic():
            return (node.left, node.right)
        case Negative():
            return (node.part,)
        case In():
            return (node.value, *node.among)
        case Like() | IsNull() | Has():
            return (node.value,)
        case Case():
            return (*(one for branch in node.branches for one in branch), node.other)
        case Call():
            return node.arguments
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and everything it is made of, outermost first."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(parts(one)))


def quote(text: str) -> str:
    """Return a text as it is written in a rule."""
    return "'" + text.replace("'", "''") + "'"
