"""How a rule is refused: at its place, with the reason in both languages and the nearest right name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from guanxi.kernel.text import Text
from guanxi.rules.catalogue import nearest
from guanxi.rules.model import BadRule, Problem, Span

if TYPE_CHECKING:
    from guanxi.rules.catalogue import Catalogue


class Refusing:
    """What everything that checks a rule has in common."""

    def __init__(self, rule: str, catalogue: Catalogue) -> None:
        self._rule = rule
        self._catalogue = catalogue

    def bad(self, code: str, at: Span, zh: str, en: str, near: str = "") -> NoReturn:
        """Raise ``BadRule``: ``zh`` and ``en`` are whole sentences, ``near`` the nearest right name."""
        if near:
            zh, en = f"{zh}是不是 {near}？", f"{en} Did you mean {near}?"
        raise BadRule(self._rule, [Problem(code, at, Text(zh, en), near)])

    def declared(self, value: str, values: Iterable[str], at: Span) -> None:
        """Refuse a value that is none of those declared; no values declared means that any will do."""
        allowed = list(values)
        if allowed and value not in allowed:
            shown = "、".join(allowed[:12])
            self.bad(
                "unknown_value",
                at,
                f"没有“{value}”这个值；可选：{shown}。",
                f"there is no value {value!r}; it is one of {', '.join(allowed[:12])}.",
                nearest(value, allowed),
            )

    def event_of(self, name: str) -> tuple[str, str] | None:
        """Return the event type that a dotted name begins with, and what follows."""
        parts = name.split(".")
        for cut in range(len(parts), 0, -1):
            event = ".".join(parts[:cut])
            if event in self._catalogue.events:
                return event, ".".join(parts[cut:])
        return None
