"""Says why a member is in or out: a condition taken apart, with what each part says of the member.

Conditions joined by ``and``, ``or`` and ``not`` are taken apart, and so is one that is asked whether it is known; what is
left is compared, and shows the values that were found. Nothing is hidden here: who may not see a value may not be shown
the explanation of a rule that names it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from guanxi.kernel.text import Text
from guanxi.rules import days
from guanxi.rules.catalogue import Catalogue
from guanxi.rules.model import (
    And,
    Attribute,
    InAudience,
    IsNull,
    Literal,
    Node,
    Not,
    Or,
    Type,
    Window,
    parts,
    walk,
)
from guanxi.rules.python import Values, compile_value
from guanxi.rules.sentence import sentence
from guanxi.rules.unparse import between, money, text


@dataclass(frozen=True, slots=True)
class Found:
    """A value that a condition looked at: its canonical text and its name for people; ``value`` is None if unknown.

    Days are written ``2026-01-31``, amounts ``¥500.01`` to the fen, sets with commas, conditions ``true`` or ``false``.
    ``aged`` if the value is not of now; ``said`` is the value with its labels, if it has any.
    """

    text: str
    label: Text
    value: str | None
    aged: bool = False
    said: Text | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """What a condition says of a member: ``verdict`` is None if it is unknown.

    ``text`` is canonical. ``found`` are the values of a condition that compares; ``parts`` the conditions of one that is
    made of some.
    """

    text: str
    sentence: Text
    verdict: bool | None
    found: tuple[Found, ...] = ()
    parts: tuple[Reason, ...] = ()


def explain(
    node: Node, values: Values, today: int, catalogue: Catalogue, aged: Collection[str] = ()
) -> Reason:
    """Return why a condition is true, false or unknown of a member's values on a day (days since 1970-01-01).

    The member belongs exactly where the verdict is True. ``aged`` names values that are not of now.
    """
    return _Explainer(values, today, catalogue, frozenset(aged)).reason(node)


class _Explainer:
    def __init__(self, values: Values, today: int, catalogue: Catalogue, aged: frozenset[str]) -> None:
        self._aged = aged
        self._values = values
        self._today = today
        self._catalogue = catalogue

    def reason(self, node: Node) -> Reason:
        within = tuple(self.reason(part) for part in _conditions(node))
        return Reason(
            text(node),
            self._said(node),
            _verdict(node, [part.verdict for part in within]) if within else self._value(node),
            () if within else tuple(self._found(node)),
            within,
        )

    def _value(self, node: Node) -> Any:
        return compile_value(node)(self._values, self._today)

    def _said(self, node: Node) -> Text:
        return Text(sentence(node, self._catalogue, "zh"), sentence(node, self._catalogue, "en"))

    def _found(self, node: Node) -> Iterator[Found]:
        """Yield what a condition compares, and below what is computed, what it is computed of."""
        seen = set()
        bounds = between(node)
        compared = bounds or parts(node) or (node,)
        for part in compared:
            for one in (part, *walk(part)):
                shown = one is part or isinstance(one, Attribute | Window | InAudience)
                if shown and not isinstance(one, Literal) and one not in seen:
                    seen.add(one)
                    aged = any(
                        isinstance(inner, Attribute | Window | InAudience) and inner.name in self._aged
                        for inner in walk(one)
                    )
                    value = self._value(one)
                    written, said = _written(value, one.type), self._labelled(one, value)
                    yield Found(text(one), self._said(one), written, aged, said)

    def _labelled(self, node: Node, value: Any) -> Text | None:
        """Return the labels of an attribute's value, or of all of a set's."""
        known = self._catalogue.attributes.get(node.name) if isinstance(node, Attribute) else None
        some = [value] if isinstance(value, str) else sorted(value) if isinstance(value, frozenset) else []
        if known is None or not any(known.label_of(one) for one in some):
            return None
        labels = [known.label_of(one) or Text(one, one) for one in some]
        return Text("、".join(one.zh for one in labels), ", ".join(one.en for one in labels))


def _conditions(node: Node) -> tuple[Node, ...]:
    """Return the conditions that a condition is made of; one of a value between two bounds is one."""
    if between(node):
        return ()
    match node:
        case And() | Or() | Not():
            return parts(node)
        case IsNull() if node.value.type is Type.BOOL:
            return parts(node)
    return ()


def _verdict(node: Node, verdicts: list[bool | None]) -> bool | None:
    match node:
        case And():
            return False if False in verdicts else None if None in verdicts else True
        case Or():
            return True if True in verdicts else None if None in verdicts else False
        case Not():
            return None if verdicts[0] is None else not verdicts[0]
    return verdicts[0] is None


def _written(value: Any, type: Type) -> str | None:
    if value is None:
        return None
    match type:
        case Type.BOOL:
            return "true" if value else "false"
        case Type.DATE:
            return days.date(value).isoformat()
        case Type.SET:
            return ", ".join(sorted(value))
        case Type.MONEY:
            return money(round(value))  # an average has parts of a fen
    return str(value)
