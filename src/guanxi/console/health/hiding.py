"""Showing a rejected message without what is personal in it, and putting that back into the mended text.

Whoever mends messages need not be allowed to see people's data. Each personal value is replaced by a mark; a mark that is
still there when the mended text comes back becomes the value again, so that an order's amount can be corrected without
ever showing whose order it is. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Final

from guanxi.customers.events.personal import ALWAYS, IN_CONTEXT, IN_TRAITS, split

_WHO: Final = frozenset({"userId", "anonymousId", "previousId", "groupId", "user_id", "anonymous_id"})
_DESCRIBED: Final = {"traits": IN_TRAITS, "context": IN_CONTEXT, "identities": ALWAYS | {"value"}}
_DEEPEST: Final = 100


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as text; ``hidden`` are the values behind its marks, in order."""

    text: str
    hidden: tuple[Any, ...]


def mark(number: int) -> str:
    """Return the mark of the ``number``-th hidden value."""
    return f"<hidden {number}>"


def show(raw: bytes, *, whole: bool) -> Shown | None:
    """Return a message as indented JSON, personal values hidden unless ``whole``; ``None`` if it cannot be shown.

    What is no JSON is shown as it is to whoever may see the whole, and to nobody else.
    """
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return Shown(raw.decode("utf-8", "replace"), ()) if whole else None
    hidden: list[Any] = []
    if not whole:
        try:
            value = _hide(value, ALWAYS, hidden, 0)
        except RecursionError:
            return None
    return Shown(json.dumps(value, ensure_ascii=False, indent=2), tuple(hidden))


def restore(text: str, hidden: tuple[Any, ...]) -> str:
    """Return the text with every mark replaced by what it stands for; marks that were removed stay away."""
    for number, value in enumerate(hidden, 1):
        text = text.replace(json.dumps(mark(number)), json.dumps(value, ensure_ascii=False))
    return text


def _hide(value: Any, names: Container[str], hidden: list[Any], depth: int) -> Any:
    if depth > _DEEPEST:
        raise RecursionError
    if isinstance(value, list):
        return [_hide(one, names, hidden, depth + 1) for one in value]
    if not isinstance(value, dict):
        return _closed(value, hidden) if split({"": value}, ())[1] else value
    shown: dict[str, Any] = {}
    for key, inner in value.items():
        if inner is None or inner in ("", [], {}):
            shown[key] = inner
        elif isinstance(inner, dict | list) and not split({key: 0}, names)[1]:
            shown[key] = _hide(inner, _DESCRIBED.get(key, names if depth else ALWAYS), hidden, depth + 1)
        elif key in _WHO or split({key: inner}, names)[1]:
            shown[key] = _closed(inner, hidden)
        else:
            shown[key] = inner
    return shown


def _closed(value: Any, hidden: list[Any]) -> str:
    hidden.append(value)
    return mark(len(hidden))
