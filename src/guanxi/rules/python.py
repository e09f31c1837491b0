"""Compiles a rule to a Python function: source is generated, and every value of the rule is handed in from outside it.

The source consists of fixed pieces and generated names only, so nothing that an author writes is ever run. A condition
is compiled twice at most: into an expression that is true exactly if the condition is true, and into one that is true
exactly if it is false. Unknown is when neither is, and needs no value of its own; SQL's three-valued logic follows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from guanxi.rules.functions import FUNCTIONS
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

Values = Mapping[str, Any]
"""What is known of a member: attributes, aggregates and audiences under their names; ``None`` or missing is unknown."""

_OPPOSITE = {"=": "!=", "<>": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_PYTHON = {"=": "==", "<>": "!="}


def compile_condition(node: Node) -> Callable[[Values, int], bool]:
    """Return a function of a member's values and today that says whether a condition is true (unknown is not)."""
    writer = _Writer()
    return writer.function(writer.true(node))


def compile_value(node: Node) -> Callable[[Values, int], Any]:
    """Return a function of a member's values and today that computes a node; ``None`` is unknown."""
    writer = _Writer()
    return writer.function(writer.value(node))


class _Unknown(dict[str, Any]):
    """A member's values, where whatever is missing is unknown."""

    def __missing__(self, name: str) -> None:
        return None


class _Writer:
    """Writes one function.

    ``_given`` are the values that its source names. ``_sure`` are names that have been fetched and found known wherever
    the piece being written is reached: in ``a > 1 and a < 5`` the second half need not ask again. A conjunction adds to
    it, because its next term is only reached when the ones before are true; every other fork forgets what it added.
    """

    def __init__(self) -> None:
        self._given: dict[str, Any] = {}
        self._constants: dict[tuple[type, Any], str] = {}
        self._locals: dict[str, str] = {}
        self._sure: set[str] = set()
        self._temporaries = 0

    def function(self, expression: str) -> Callable[[Values, int], Any]:
        source = (
            "def rule(values, today):\n"
            "    try:\n"
            f"        return {expression}\n"
            "    except KeyError:\n"
            "        return rule(unknown(values), today)\n"
        )
        names: dict[str, Any] = {"__builtins__": {"KeyError": KeyError}, "unknown": _Unknown, **self._given}
        exec(compile(source, "<rule>", "exec"), names)  # noqa: S102 - made of our own pieces only
        made: Callable[[Values, int], Any] = names["rule"]
        return made

    @contextmanager
    def _fork(self) -> Iterator[None]:
        before = set(self._sure)
        yield
        self._sure = before

    def _fetched(self, name: str) -> str:
        """Return an expression of a value that is handed in."""
        local = self._locals.setdefault(name, f"v{len(self._locals)}")
        return local if local in self._sure else f"({local} := values[{self._constant(name)}])"

    def _constant(self, value: Any) -> str:
        key = (type(value), value)
        name = self._constants.get(key)
        if name is None:
            name = self._constants[key] = f"c{len(self._constants)}"
            self._given[name] = value
        return name

    def _temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    # Values ---------------------------------------------------------------------------------------------------------

    def value(self, node: Node) -> str:
        """Return an expression that computes a node, or None."""
        with self._fork():
            return self._value(node)

    def _value(self, node: Node) -> str:
        match node:
            case Literal():
                return self._constant(node.value)
            case Attribute() | Window():
                return self._fetched(node.name)
            case Negative():
                known, (name,) = self._known([node.part])
                return f"(-{name} if {known} else None)" if known else f"(-{name})"
            case Arithmetic():
                return self._arithmetic(node)
            case Case():
                text = self.value(node.other)
                for when, then in reversed(node.branches):
                    with self._fork():
                        test = self.true(when)
                        text = f"({self.value(then)} if {test} else {text})"
                return text
            case Call():
                return self._call(node)
        true, false = self._alone(node, wanted=True), self._alone(node, wanted=False)
        return f"(True if {true} else False if {false} else None)"

    def _known(self, nodes: list[Node]) -> tuple[str, list[str]]:
        """Return an expression that is true if all values are known, and names under which they then are."""
        tests, names = [], []
        for node in nodes:
            if isinstance(node, Literal) and node.value is not None:
                names.append(self._constant(node.value))
                continue
            if isinstance(node, Attribute | Window):
                text, name = self._fetched(node.name), self._locals[node.name]
                if text != name:
                    tests.append(f"{text} is not None")
                    self._sure.add(name)
            else:
                text, name = self.value(node), self._temporary()
                tests.append(f"({name} := {text}) is not None")
            names.append(name)
        return " and ".join(tests), names

    def _arithmetic(self, node: Arithmetic) -> str:
        known, (left, right) = self._known([node.left, node.right])
        tests = [known] if known else []
        if node.op == "/":
            tests.append(f"{right} != 0")
        name, far = self._temporary(), self._constant(math.inf)
        # What leaves the range of doubles is unknown: engines disagree about how to compare it.
        left, right = self._double(node.left, left), self._double(node.right, right)
        tests.append(f"-{far} < ({name} := {left} {node.op} {right}) < {far}")
        return f"({name} if {' and '.join(tests)} else None)"

    def _double(self, node: Node, name: str) -> str:
        """Return a number as a double, as which engines compute and compare where one is among the numbers."""
        if node.type is Type.NUMBER:
            return name
        if isinstance(node, Literal):
            return self._constant(float(node.value or 0))
        return f"{self._builtin(float)}({name})"

    def _builtin(self, function: Callable[..., Any]) -> str:
        name = f"f_{function.__name__}"
        self._given[name] = function
        return name

    def _call(self, node: Call) -> str:
        if node.function == "coalesce":
            text = self.value(node.arguments[-1])
            for argument in reversed(node.arguments[:-1]):
                known, (name,) = self._known([argument])
                text = f"({name} if {known} else {text})" if known else name
            return text
        function = FUNCTIONS[node.function]
        name = f"f_{node.function}"
        self._given[name] = function.compute
        known, names = self._known(list(node.arguments))
        text = f"{name}({', '.join([*(['today'] if function.dated else []), *names])})"
        return f"({text} if {known} else None)" if known else text

    # Conditions -----------------------------------------------------------------------------------------------------

    def true(self, node: Node) -> str:
        """Return an expression that is true exactly if the condition is true."""
        return self._verdict(node, wanted=True)

    def false(self, node: Node) -> str:
        """Return an expression that is true exactly if the condition is false."""
        return self._verdict(node, wanted=False)

    def _verdict(self, node: Node, *, wanted: bool) -> str:
        match node:
            case And() | Or():
                if isinstance(node, And) == wanted:
                    return f"({' and '.join(self._verdict(term, wanted=wanted) for term in node.terms)})"
                return f"({' or '.join(self._alone(term, wanted=wanted) for term in node.terms)})"
            case Not():
                return self._verdict(node.term, wanted=not wanted)
            case Comparison():
                return self._comparison(node, wanted=wanted)
            case IsNull():
                return self._is_null(node.value, wanted=wanted)
            case InAudience():
                held = f"values[{self._constant(node.name)}]"
                return f"({held} is True)" if wanted else f"({held} is not True)"
            case Literal():
                return str(node.value is wanted)
            case In() | Like() | Has():
                known, names = self._known([node.value])
                test = self._test(node, names[0])
                test = test if wanted else f"not {test}"
                return f"({known} and {test})" if known else f"({test})"
        # A value that is true or false: an attribute, or what a function says.
        return f"({self.value(node)} is {wanted})"

    def _alone(self, node: Node, *, wanted: bool) -> str:
        with self._fork():
            return self._verdict(node, wanted=wanted)

    def _comparison(self, node: Comparison, *, wanted: bool) -> str:
        known, (left, right) = self._known([node.left, node.right])
        if Type.NUMBER in {node.left.type, node.right.type}:
            left, right = self._double(node.left, left), self._double(node.right, right)
        op = _PYTHON.get(node.op, node.op) if wanted else _OPPOSITE[node.op]
        test = f"{left} {op} {right}"
        return f"({known} and {test})" if known else f"({test})"

    def _is_null(self, value: Node, *, wanted: bool) -> str:
        if value.type is Type.BOOL:
            known = f"({self._alone(value, wanted=True)} or {self._alone(value, wanted=False)})"
            return f"(not {known})" if wanted else known
        text = self.value(value)
        return f"({text} is None)" if wanted else f"({text} is not None)"

    def _test(self, node: In | Like | Has, name: str) -> str:
        match node:
            case In():
                among: frozenset[Any] = frozenset(literal.value for literal in node.among)
                return f"({name} in {self._constant(among)})"
            case Like():
                return f"({self._constant(like_expression(node.pattern).fullmatch)}({name}) is not None)"
        test = f"{name}.issuperset" if node.every else f"not {name}.isdisjoint"
        return f"({test}({self._constant(frozenset(node.wanted))}))"


def like_expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression that a pattern of ``like`` means, to be matched against a whole text.

    Each piece between ``%`` takes its first place and keeps it (an atomic group), so that no pattern makes it try again
    and again: the last piece alone is bound to the end.
    """
    first, *rest = (
        "".join("(?s:.)" if letter == "_" else re.escape(letter) for letter in piece)
        for piece in re.sub("%+", "%", pattern).split("%")
    )
    if not rest:
        return re.compile(first)
    middle = "".join(f"(?>(?s:.*?){piece})" for piece in rest[:-1] if piece)
    return re.compile(f"{first}{middle}(?s:.*){rest[-1]}")
