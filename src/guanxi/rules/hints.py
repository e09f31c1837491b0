"""What is probably not meant though it is right: values that have never occurred. Pure: what occurred is handed in."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from guanxi.kernel.text import Text
from guanxi.rules.catalogue import Catalogue, nearest
from guanxi.rules.model import Node, Problem, Span, Window, quote, walk

Met = Mapping[tuple[str, str], Collection[str]]
"""The values that each dimension of each event type has had, by event type and dimension; long ones cut."""

UNMET = "value_never_met"

_LETTERS = 80
"""Letters of a value that ``Met`` holds."""


def hints(rule: str, node: Node, catalogue: Catalogue, met: Met) -> list[Problem]:
    """Return what the author of a rule may want to look at again, in the order of the text.

    A value that has not occurred may come tomorrow, so nothing here makes a rule wrong. Of a dimension of which nothing
    has occurred yet, and of one whose values are declared, nothing is said.
    """
    found = {
        (at, value): _unmet(window, value, known, at, catalogue)
        for window in walk(node)
        if isinstance(window, Window)
        and window.dimension
        and (known := met.get((window.event, window.dimension)))
        and not _declared(window, catalogue)
        for value in window.values
        if value[:_LETTERS] not in known
        for at in (_written(rule, window, value),)
    }
    return sorted(found.values(), key=lambda one: one.at)


def _declared(window: Window, catalogue: Catalogue) -> bool:
    kind = catalogue.events.get(window.event)
    dimension = kind.dimensions.get(window.dimension) if kind else None
    return bool(dimension and dimension.values)


def _unmet(window: Window, value: str, known: Collection[str], at: Span, catalogue: Catalogue) -> Problem:
    kind = catalogue.events.get(window.event)
    dimension = kind.dimensions.get(window.dimension) if kind else None
    label = dimension.label if dimension else Text(window.dimension, window.dimension)
    zh, en = f"{label.zh}“{value}”还没有出现过。", f"{quote(value)} has not occurred as {label.en} so far."
    if near := nearest(value, known):
        zh, en = f"{zh}是不是 {quote(near)}？", f"{en} Did you mean {quote(near)}?"
    return Problem(UNMET, at, Text(zh, en), near)


def _written(rule: str, window: Window, value: str) -> Span:
    """Return where a window names a value, or the window."""
    start = rule.find(quote(value), window.at.start, window.at.end)
    return Span(start, start + len(quote(value))) if start >= 0 else window.at
