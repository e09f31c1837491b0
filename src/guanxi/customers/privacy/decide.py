"""Whose an event is, what may stay of it, and which words give a person away. Pure."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from guanxi.customers.events.model import EventType, Field, FieldType
from guanxi.customers.identity.kinds import Rejection, identify
from guanxi.customers.privacy.model import Erasure
from guanxi.kernel.hashing import keyed_hash

_COUNTED = frozenset({FieldType.INT, FieldType.NUMBER, FieldType.MONEY, FieldType.BOOL})
_PIECE = re.compile(r"[^\s,;|\"'{}\[\]<>=&，；、]+")
_DIGITS = re.compile(r"(?:\+?86[\s-]?)?1[3-9]\d[\s.-]?\d{4}[\s.-]?\d{4}", re.ASCII)
_GONE = object()


class _Share(NamedTuple):
    upto: tuple[int, int]
    from_day: int
    until_day: int
    tombstone: int


class Forgotten:
    """Says of each fragment, day and position in the log whether it belongs to somebody who asked to be forgotten."""

    def __init__(self, erasures: Iterable[Erasure]) -> None:
        shares: defaultdict[int, list[_Share]] = defaultdict(list)
        for erasure in erasures:
            for fragment, from_day, until_day in erasure.holdings:
                shares[fragment].append(_Share(erasure.upto, from_day, until_day, erasure.tombstone))
        self._shares = {fragment: sorted(theirs) for fragment, theirs in shares.items()}

    @property
    def fragments(self) -> Collection[int]:
        """Every fragment of which at least some days are to be forgotten."""
        return self._shares.keys()

    def tombstone(self, fragment: int, day: int, position: tuple[int, int]) -> int | None:
        """Return what stands for the fragment's holder, or ``None`` if there is nothing to forget.

        Of a person who was forgotten, came back and was forgotten again, each time has its own tombstone.
        """
        for share in self._shares.get(fragment, ()):
            if position <= share.upto and share.from_day <= day < share.until_day:
                return share.tombstone
        return None


def remainder(payload: Mapping[str, Any], kind: EventType | None) -> dict[str, Any]:
    """Return what may stay of a forgotten person's event: what is counted, and by what; of lists, the things in them.

    Texts go unless they are a dimension or one of a few declared values: an order number leads back to its buyer.
    """
    properties = payload.get("properties")
    if kind is None or not isinstance(properties, Mapping):
        return {}
    left = {}
    for name, item in kind.fields.items():
        if name in properties and not item.personal:
            if item.type is FieldType.LIST:
                left[name] = _things(properties[name], item)
            elif _is_counted(name, item, kind):
                left[name] = properties[name]
    return {"properties": left} if left else {}


def _is_counted(name: str, item: Field, kind: EventType) -> bool:
    return (
        item.type in _COUNTED or bool(item.values) or any(by.key == name for by in kind.dimensions.values())
    )


def _things(elements: Any, item: Field) -> list[dict[str, Any]]:
    names = {name for name, inner in item.of.items() if not inner.personal}
    return [
        {name: value for name, value in element.items() if name in names}
        for element in (elements if isinstance(elements, list) else ())
        if isinstance(element, dict)
    ]


def without(value: Any, is_theirs: Callable[[str], bool]) -> Any:
    """Return a JSON value without every text and number that is somebody's; an object or a list stays one."""
    left = _without(value, is_theirs)
    return None if left is _GONE else left


def _without(value: Any, is_theirs: Callable[[str], bool]) -> Any:
    if isinstance(value, dict):
        kept = {name: _without(inner, is_theirs) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner is not _GONE}
    if isinstance(value, list):
        return [left for inner in value if (left := _without(inner, is_theirs)) is not _GONE]
    if value is None or isinstance(value, bool):
        return value
    return _GONE if is_theirs(str(value)) else value


def words(raw: bytes) -> Iterator[str]:
    """Yield what may be an identity in an input of any form: JSON, whole or cut off, or a line of a file."""
    text = raw.decode("utf-8", "replace")
    try:
        yield from _scalars(json.loads(text))
    except (ValueError, RecursionError):
        yield from re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    yield from _PIECE.findall(text)
    yield from _DIGITS.findall(text)


def _scalars(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif one is not None and not isinstance(one, bool):
            yield str(one)


def recogniser(
    key: bytes, kinds: Iterable[tuple[str, str]], fragments: Collection[int]
) -> Callable[[str], bool]:
    """Return what says whether a text is, in any spelling, one of the identities that ``fragments`` are hashes of."""
    named = sorted(set(kinds))

    def is_theirs(text: str) -> bool:
        for type_, scope in named:
            known = identify(type_, scope, text)
            if not isinstance(known, Rejection) and keyed_hash(key, known.key) in fragments:
                return True
        return False

    return is_theirs
