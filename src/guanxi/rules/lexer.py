"""Cuts a rule's text into tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from guanxi.kernel.text import Text
from guanxi.rules.model import BadRule, Problem, Span

LONGEST = 20_000
"""Characters of a rule; a longer one is a list of members, and wants to be an audience."""

KEYWORDS = frozenset(
    "and or not in between like is null true false case when then else end where has any all date".split()
)

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<money>[¥￥]\s*\d+(?:\.\d{1,2})?(?![\w.]))
    | (?P<days>\d+[dD天](?!\w))
    | (?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    | (?P<symbol><>|!=|<=|>=|[=<>≠≤≥+\-*/(),])
    """,
    re.VERBOSE,
)
_UNSAYABLE = re.compile("[\x00\ud800-\udfff]")
"""What engines do not take inside a text: NUL and halves of a letter."""

_FULL_WIDTH = str.maketrans("（），＝＞＜＋－＊／×÷‘’", "(),=><+-*/*/''")
_SPELLINGS = {"!=": "<>", "≠": "<>", "≤": "<=", "≥": ">="}


class Token(NamedTuple):
    """``kind`` is a group of the token expression, ``keyword`` or ``end``; ``text`` its content, keywords in lower case."""

    kind: str
    text: str
    at: Span


def tokens(rule: str) -> list[Token]:
    """Return the tokens of a rule, an ``end`` last. Raises ``BadRule``."""
    if len(rule) > LONGEST:
        reason = Text(
            f"规则过长：{len(rule)} 个字符，最多 {LONGEST} 个。名单请上传为静态人群，再用 in_audience。",
            f"the rule is too long: {len(rule)} characters, at most {LONGEST}. Make a list a static audience and use in_audience.",
        )
        raise BadRule(rule, [Problem("too_long", Span(0, 0), reason)])
    if odd := _UNSAYABLE.search(rule):
        named = f"U+{ord(odd.group()):04X}"
        reason = Text(f"规则里不能有字符 {named}。", f"a rule cannot hold the character {named}.")
        raise BadRule(rule, [Problem("strange_character", Span(odd.start(), odd.end()), reason)])
    found: list[Token] = []
    at = 0
    plain = _plain(rule)
    while at < len(plain):
        match = _TOKEN.match(plain, at)
        if match is None:
            raise BadRule(rule, [_strange(plain, at)])
        kind, text, span = str(match.lastgroup), match.group(), Span(at, match.end())
        at = match.end()
        if kind == "space":
            continue
        if kind == "name" and text.lower() in KEYWORDS:
            kind, text = "keyword", text.lower()
        elif kind == "text":
            text = rule[span.start + 1 : span.end - 1].replace("''", "'")
        elif kind == "quoted":
            text = rule[span.start + 1 : span.end - 1].replace('""', '"')
        elif kind == "symbol":
            text = _SPELLINGS.get(text, text)
        found.append(Token(kind, text, span))
    found.append(Token("end", "", Span(len(rule), len(rule))))
    return found


def _plain(rule: str) -> str:
    """Return the rule with what a Chinese keyboard types for punctuation as the language has it, place by place."""
    if rule.isascii():
        return rule
    parts = re.split(r"('(?:[^']|'')*')", rule)
    return "".join(part if index % 2 else part.translate(_FULL_WIDTH) for index, part in enumerate(parts))


def _strange(rule: str, at: int) -> Problem:
    if rule[at] in "'\"":
        reason = Text("引号没有结束。", "the quotation mark is never closed.")
        return Problem("open_quote", Span(at, len(rule)), reason)
    if rule[at].isdigit() or rule[at] in "¥￥":
        word = re.match(r"\S+", rule[at:])
        shown = word.group() if word else rule[at]
        reason = Text(f"看不懂这个数：{shown}", f"this is no number: {shown}")
        return Problem("bad_number", Span(at, at + len(shown)), reason)
    return Problem(
        "strange_character",
        Span(at, at + 1),
        Text(f"这里不该有“{rule[at]}”。", f"“{rule[at]}” means nothing here."),
    )
