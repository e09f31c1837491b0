"""Reads a rule: precedence climbing over tokens, building typed nodes as it goes.

From loosest to tightest: ``or``, ``and``, ``not``; comparison, ``in``, ``between``, ``like``, ``is null``, ``has``;
``+ -``; ``* /``; a sign. Chains of ``and`` and ``or`` are flat, so only real nesting counts towards ``DEEPEST``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.kernel.text import Text
from guanxi.rules import days
from guanxi.rules.checker import Checker
from guanxi.rules.lexer import Token, tokens
from guanxi.rules.mending import Mending, Wrong
from guanxi.rules.model import BadRule, Literal, Node, Problem, Span, Type, Unsure, parts
from guanxi.rules.windows import AGGREGATIONS, Windows

if TYPE_CHECKING:
    from guanxi.rules.catalogue import Catalogue

MOST_NODES = 2_000
DEEPEST = 40
TALLEST = 50
"""Levels of nodes, which are a few more than those of brackets."""
MOST_VALUES = 1_000
"""Values in one list, beyond which it should be a static audience."""

_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})


def parse(rule: str, catalogue: Catalogue) -> Node:
    """Return a rule or score as typed nodes.

    Raises ``BadRule`` with everything that is wrong, and ``Unsure`` if the rule rests on ``catalogue.unsure``.
    """
    return _Parser(rule, catalogue).whole()


def condition(rule: str, catalogue: Catalogue) -> Node:
    """Return a rule that is a condition; see ``parse`` for what is raised."""
    node = parse(rule, catalogue)
    if node.type is not Type.BOOL:
        reason = Text(
            f"规则应是一个条件，这里得到的是{node.type.label.zh}。请与某个值比较，例如 >= 100。",
            f"a rule is a condition, but this gives {node.type.label.en}. Compare it with something, such as >= 100.",
        )
        raise BadRule(rule, [Problem("no_condition", Span(0, len(rule)), reason)])
    return node


class _Parser:
    def __init__(self, rule: str, catalogue: Catalogue) -> None:
        self._rule = rule
        self._tokens = tokens(rule)
        self._next = 0
        self._depth = 0
        self._nodes = 0
        self._make = Checker(rule, catalogue)
        self._windows = Windows(rule, catalogue)
        self._mending = Mending(rule)
        self._made = self._mending.made
        self._unsure = catalogue.unsure

    def whole(self) -> Node:
        if self._token.kind == "end":
            raise self._bad("empty", Span(0, 0), "规则是空的。", "the rule is empty.")
        try:
            node = self._or()
            if self._token.kind != "end":
                raise self._unexpected()
            self._shallow(node)
        except BadRule as error:
            raise error if not self._mending.problems else self._mending.refused(error) from None
        if self._mending.problems:
            raise self._mending.refused()
        if isinstance(node, Wrong):
            raise Unsure
        return node

    def _shallow(self, node: Node) -> None:
        """Refuse what came out deeper than its brackets: chains of operators nest to the left."""
        level = [node]
        for _ in range(TALLEST):
            level = [part for one in level for part in parts(one)]
        if level:
            raise self._bad(
                "too_deep",
                level[0].at,
                f"嵌套太深：最多 {TALLEST} 层。",
                f"this is nested more than {TALLEST} levels deep.",
            )

    # Tokens ---------------------------------------------------------------------------------------------------------

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise self._bad(
                "too_many_nodes",
                token.at,
                f"规则太大：最多 {MOST_NODES} 个部分。请拆成多个人群再组合。",
                f"the rule has more than {MOST_NODES} parts; split it into audiences and combine these.",
            )
        return token

    def _is(self, *texts: str) -> bool:
        token = self._token
        return token.kind in {"keyword", "symbol"} and token.text in texts

    def _try(self, *texts: str) -> Token | None:
        return self._take() if self._is(*texts) else None

    def _expect(self, text: str) -> Token:
        if not self._is(text):
            raise self._unexpected(text)
        return self._take()

    def _bad(self, code: str, at: Span, zh: str, en: str, nearest: str = "") -> BadRule:
        return BadRule(self._rule, [Problem(code, at, Text(zh, en), nearest)])

    def _unexpected(self, wanted: str = "") -> BadRule:
        token = self._token
        want_zh = f"这里应为 {wanted}" if wanted else "这里不完整或多了内容"
        want_en = f"{wanted} should stand here" if wanted else "something is missing or too much here"
        if token.kind == "end":
            return self._bad(
                "unexpected_end", token.at, f"{want_zh}，规则已结束。", f"{want_en}; the rule ends."
            )
        shown = self._rule[token.at.start : token.at.end]
        return self._bad("unexpected", token.at, f"{want_zh}，实际为 {shown}。", f"{want_en}, not {shown}.")

    # Grammar --------------------------------------------------------------------------------------------------------

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._bad(
                "too_deep",
                self._token.at,
                f"嵌套太深：最多 {DEEPEST} 层。",
                f"this is nested more than {DEEPEST} levels deep.",
            )

    def _or(self) -> Node:
        self._deeper()
        terms = [self._and()]
        while self._try("or"):
            terms.append(self._and())
        self._depth -= 1
        return terms[0] if len(terms) == 1 else self._mending.joined(self._make.either, terms)

    def _and(self) -> Node:
        terms = [self._not()]
        while self._try("and"):
            terms.append(self._not())
        return terms[0] if len(terms) == 1 else self._mending.joined(self._make.all_of, terms)

    def _not(self) -> Node:
        odd: Token | None = None
        while token := self._try("not"):
            odd = None if odd else token
        node = self._predicate()
        return self._made(odd.at, self._make.negated, node, odd.at) if odd else node

    def _predicate(self) -> Node:
        left = self._sum()
        token = self._token
        if token.kind == "symbol" and token.text in _COMPARISONS:
            self._take()
            node = self._made(token.at, self._make.comparison, token.text, left, self._sum(), token.at)
            if self._token.kind == "symbol" and self._token.text in _COMPARISONS:
                raise self._bad(
                    "chained",
                    self._token.at,
                    "比较不能连写；请用 between … and …。",
                    "comparisons cannot be chained; use between … and ….",
                )
            return node
        negated = (
            self._take()
            if self._is("not") and self._tokens[self._next + 1].text in {"in", "between", "like"}
            else None
        )
        node = self._membership(left)
        return self._made(negated.at, self._make.negated, node, negated.at) if negated else node

    def _membership(self, left: Node) -> Node:
        if token := self._try("in"):
            return self._made(token.at, self._make.one_of, left, self._values(), token.at)
        if token := self._try("between"):
            low = self._sum()
            self._expect("and")
            return self._made(token.at, self._make.between, left, low, self._sum(), token.at)
        if token := self._try("like"):
            return self._made(token.at, self._make.like, left, self._sum(), token.at)
        if token := self._try("is"):
            negated = self._try("not")
            self._expect("null")
            node = self._made(token.at, self._make.is_null, left, token.at)
            return self._made(negated.at, self._make.negated, node, negated.at) if negated else node
        if token := self._try("has"):
            every = bool(self._try("all"))
            if every or self._try("any"):
                return self._made(token.at, self._make.has, left, self._values(), token.at, every=every)
            return self._made(token.at, self._make.has, left, [self._literal()], token.at, every=True)
        return left

    def _values(self) -> list[Literal]:
        opened = self._expect("(")
        values = [self._literal()]
        while self._try(","):
            values.append(self._literal())
        self._expect(")")
        if len(values) > MOST_VALUES:
            raise self._bad(
                "too_many_values",
                opened.at,
                f"列表最多 {MOST_VALUES} 项；更长的名单请上传为静态人群。",
                f"a list has at most {MOST_VALUES} items; make a longer one a static audience.",
            )
        return values

    def _literal(self) -> Literal:
        node = self._signed()
        if not isinstance(node, Literal):
            raise self._bad(
                "no_literal",
                self._tokens[self._next - 1].at,
                "列表里只能写固定值。",
                "a list holds fixed values only.",
            )
        return node

    def _sum(self) -> Node:
        depth = self._depth
        node = self._product()
        while token := self._try("+", "-"):
            self._deeper()
            node = self._made(token.at, self._make.arithmetic, token.text, node, self._product())
        self._depth = depth
        return node

    def _product(self) -> Node:
        depth = self._depth
        node = self._signed()
        while token := self._try("*", "/"):
            self._deeper()
            node = self._made(token.at, self._make.arithmetic, token.text, node, self._signed())
        self._depth = depth
        return node

    def _signed(self) -> Node:
        signs: list[Token] = []
        while token := self._try("-"):
            signs.append(token)
        node = self._atom()
        if len(signs) % 2:
            node = self._made(signs[0].at, self._make.negative, node, signs[0].at)
        return node

    def _atom(self) -> Node:
        token = self._take()
        match token.kind:
            case "number":
                whole = token.text.isdigit()
                value = int(token.text) if whole else float(token.text)
                type_ = Type.INT if whole else Type.NUMBER
                return self._made(token.at, self._make.number, value, type_, token.at)
            case "money":
                return self._made(token.at, self._make.money, token.text, token.at)
            case "text":
                return Literal(token.text, Type.TEXT, at=token.at)
            case "name" | "quoted":
                if self._is("(") and token.kind == "name":
                    return self._called(token)
                if token.text in self._unsure:
                    return Wrong(at=token.at)
                return self._made(token.at, self._make.attribute, token.text, token.at)
            case "keyword" if token.text in {"true", "false"}:
                return Literal(token.text == "true", Type.BOOL, at=token.at)
            case "keyword" if token.text == "null":
                return self._made(token.at, self._make.null, token.at)
            case "keyword" if token.text == "case":
                return self._case(token)
            case "keyword" if token.text == "date":
                return self._date(token)
            case "symbol" if token.text == "(":
                node = self._or()
                self._expect(")")
                return node
        self._next -= 1
        raise self._unexpected()

    def _date(self, token: Token) -> Node:
        text = self._take()
        day = days.parse(text.text) if text.kind == "text" else None
        if day is None:
            raise self._bad(
                "bad_date", text.at, "应为日期，如 date '2026-01-31'。", "a date such as date '2026-01-31'."
            )
        return Literal(day, Type.DATE, at=token.at.to(text.at))

    def _case(self, token: Token) -> Node:
        branches: list[tuple[Node, Node]] = []
        while self._try("when"):
            when = self._or()
            self._expect("then")
            branches.append((when, self._or()))
        if not branches:
            raise self._unexpected("when")
        other = self._or() if self._try("else") else None
        end = self._expect("end")
        return self._made(token.at, self._make.case, branches, other, token.at.to(end.at))

    def _called(self, name: Token) -> Node:
        self._expect("(")
        function = name.text.lower()
        if function == "in_audience":
            key = self._take()
            if key.kind != "text":
                return self._make.audience(key, key.at)  # which refuses it: who knows what comes next
            end = self._expect(")")
            return self._made(key.at, self._make.audience, key, name.at.to(end.at))
        if function in AGGREGATIONS:
            return self._window(function, name)
        self._make.function(function, name.at)
        arguments: list[Node] = []
        if not self._is(")"):
            arguments.append(self._or())
            while self._try(","):
                arguments.append(self._or())
        end = self._expect(")")
        return self._made(name.at, self._make.call, function, arguments, name.at.to(end.at))

    def _window(self, how: str, name: Token) -> Node:
        target = self._take()
        if target.kind not in {"name", "quoted"}:
            self._next -= 1
            raise self._unexpected("event")
        where: tuple[Token, list[Literal]] | None = None
        if self._try("where"):
            dimension = self._take()
            if dimension.kind not in {"name", "quoted"}:
                self._next -= 1
                raise self._unexpected("dimension")
            where = (dimension, self._chosen(how, target, dimension))
        if where and self._is("and", "or"):
            raise self._windows.one_dimension(self._token.at)
        if not self._is(","):
            raise self._windows.no_window(self._token.at)
        self._take()
        length = self._windows.length(self._take())
        end = self._expect(")")
        return self._made(name.at, self._windows.window, how, target, where, length, name.at.to(end.at))

    def _chosen(self, how: str, target: Token, dimension: Token) -> list[Literal]:
        if self._try("="):
            return [self._literal()]
        if self._is("<>", "<", "<=", ">", ">=", "not", "like", "between", "is", "has"):
            raise self._windows.only_chosen(how, target.text, dimension.text, self._token.at)
        self._expect("in")
        return self._values()
