"""Compiles a rule to a Python function: source is generated, and every value of the rule is handed in from outside it.

The source consists of fixed pieces and generated names only, so nothing that an author writes is ever run. A condition
is compiled twice at most: into an expression that is true exactly if the condition is true, and into one that is true
exactly if it is false. Unknown is when neither is, and needs no value of its own; SQL's three-valued logic follows.
The source grows with the rule, not faster, and nests no deeper than the rule does.
"""

from __future__ import annotations

import ast
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
    parts,
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
    ``_settled`` are conditions whose truth has been computed already, under the names given.
    """

    def __init__(self) -> None:
        self._given: dict[str, Any] = {}
        self._constants: dict[tuple[type, Any], str] = {}
        self._locals: dict[str, str] = {}
        self._sure: set[str] = set()
        self._settled: dict[Node, str] = {}
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
        try:
            code = compile(self._bound(source), "<rule>", "exec")
        except RecursionError:  # a tree is limited to about a thousand levels, source is not
            code = compile(source, "<rule>", "exec")
        exec(code, names)  # noqa: S102 - made of our own pieces only
        made: Callable[[Values, int], Any] = names["rule"]
        return made

    def _bound(self, source: str) -> ast.Module:
        """Return the source as a tree with the rule's values in the places of their names, which costs no look-up."""
        tree = ast.parse(source)
        for parent in ast.walk(tree):
            for field, part in ast.iter_fields(parent):
                if isinstance(part, list):
                    part[:] = [self._constant_for(one) for one in part]
                else:
                    setattr(parent, field, self._constant_for(part))
        return tree

    def _constant_for(self, part: Any) -> Any:
        if not isinstance(part, ast.Name) or part.id not in self._given:
            return part
        value = self._given[part.id]
        plain = isinstance(value, int | float | str | frozenset)
        return ast.copy_location(ast.Constant(value), part) if plain else part

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
                chosen = ""
                for when, then in node.branches:
                    with self._fork():
                        test = self.true(when)
                        chosen += f"{self.value(then)} if {test} else "
                return f"({chosen}{self.value(node.other)})"
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
            return self._coalesce(node.arguments)
        function = FUNCTIONS[node.function]
        name = f"f_{node.function}"
        self._given[name] = function.compute
        known, names = self._known(list(node.arguments))
        text = f"{name}({', '.join([*(['today'] if function.dated else []), *names])})"
        return f"({text} if {known} else None)" if known else text

    def _coalesce(self, arguments: tuple[Node, ...]) -> str:
        chosen = ""
        for argument in arguments[:-1]:
            with self._fork():
                known, (name,) = self._known([argument])
            if not known:
                return f"({chosen}{name})"
            chosen += f"{name} if {known} else "
        return f"({chosen}{self.value(arguments[-1])})"

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
                return self._is_null(node, wanted=wanted)
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

    def _is_null(self, node: IsNull, *, wanted: bool) -> str:
        if node.value.type is not Type.BOOL:
            with self._fork():
                known, _ = self._known([node.value])
            return f"(not {known or True})" if wanted else f"({known or True})"
        name = self._settled.get(node)
        if name is None:
            return f"(not {self._says(node.value)})" if wanted else self._says(node.value)
        return f"({name} is {wanted})"

    def _says(self, condition: Node) -> str:
        """Return an expression that is true if a condition is true or false, but not unknown.

        Both are asked, so what they have in common and would itself be asked for both is settled before.
        """
        before = dict(self._settled)
        settled = ""
        for inner in _asked_whether_known(condition):
            if inner not in self._settled:
                name, text = self._temporary(), self._alone(inner, wanted=True)
                settled += f"({name} := {text}) is None or "  # never None
                self._settled[inner] = name
        known = f"{self._alone(condition, wanted=True)} or {self._alone(condition, wanted=False)}"
        self._settled = before
        return f"({settled}{known})"

    def _test(self, node: In | Like | Has, name: str) -> str:
        match node:
            case In():
                among: frozenset[Any] = frozenset(literal.value for literal in node.among)
                return f"({name} in {self._constant(among)})"
            case Like():
                return f"({self._constant(like_expression(node.pattern).fullmatch)}({name}) is not None)"
        test = f"{name}.issuperset" if node.every else f"not {name}.isdisjoint"
        return f"({test}({self._constant(frozenset(node.wanted))}))"


def _asked_whether_known(condition: Node) -> Iterator[IsNull]:
    """Yield the conditions within one that ask whether a condition is known, but not those within these."""
    waiting = [condition]
    while waiting:
        node = waiting.pop()
        if isinstance(node, IsNull) and node.value.type is Type.BOOL:
            yield node
        else:
            waiting.extend(parts(node))


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
