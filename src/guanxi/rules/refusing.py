"""How a rule is refused: at its place, with the reason in both languages and the nearest right name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from guanxi.kernel.text import Text
from guanxi.rules.catalogue import nearest
from guanxi.rules.model import BadRule, Problem, Span, quote

if TYPE_CHECKING:
    from guanxi.rules.catalogue import Catalogue

_LISTED = 12
"""Values that a message names."""


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

    def declared(self, value: str, values: Mapping[str, Text], at: Span) -> None:
        """Refuse a value that is none of those declared; no values declared means that any will do.

        Who wrote a value's label meant the value.
        """
        if not values or value in values:
            return
        named = {said: one for one, label in values.items() for said in (label.zh, label.en)}
        meant = named.get(value, "")
        if not meant:
            near = nearest(value, [*values, *named])
            meant = near if near in values else named.get(near, "")
        if not meant:
            listed = list(values.items())[:_LISTED]
            more = ("……", ", …") if len(values) > _LISTED else ("", "")
            self.bad(
                "unknown_value",
                at,
                f"没有“{value}”这个值；可写 {'、'.join(_shown(one, label.zh, '（{}）') for one, label in listed)}{more[0]}。",
                f"there is no value {quote(value)}; it is one of"
                f" {', '.join(_shown(one, label.en, ' ({})') for one, label in listed)}{more[1]}.",
            )
        label = values[meant]
        zh, en = _shown(meant, label.zh, "（{}）"), _shown(meant, label.en, " ({})")
        if value in named:
            zh, en = f"“{value}”是名称，请写 {zh}。", f"{quote(value)} is a label; write {en}."
        else:
            zh, en = (
                f"没有“{value}”这个值，是不是 {zh}？",
                f"there is no value {quote(value)}. Did you mean {en}?",
            )
        raise BadRule(self._rule, [Problem("unknown_value", at, Text(zh, en), meant)])

    def event_of(self, name: str) -> tuple[str, str] | None:
        """Return the event type that a dotted name begins with, and what follows."""
        parts = name.split(".")
        for cut in range(len(parts), 0, -1):
            event = ".".join(parts[:cut])
            if event in self._catalogue.events:
                return event, ".".join(parts[cut:])
        return None


def _shown(value: str, label: str, form: str) -> str:
    """Return a value as a rule names it, with its label if that says more."""
    return quote(value) + (form.format(label) if label != value else "")
