"""Search without storing what is searched: keyed hashes of whole values and of their pieces. Pure.

A name is found by any two neighbouring letters of a Chinese name and by the beginnings (two letters or more) of the
words of others; a phone by its last four digits (a whole one is looked up as an identity); everything else whole.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from guanxi.kernel.hashing import keyed_hash

if TYPE_CHECKING:
    from guanxi.customers.events.model import Seen

MOST_LETTERS = 40
_WORD = re.compile(r"[^\W_]+")
_HAN = re.compile(r"[\u3400-\u9fff]")


def identity_tokens(key: bytes, seen: Seen) -> list[int]:
    """Return the tokens under which an identity is found."""
    if not seen.shown or seen.type in {"device", "anonymous_id"}:
        return []
    tokens = [keyed_hash(key, f"id|{seen.shown.lower()}")]
    if seen.type == "phone" and len(seen.shown) >= 8:
        tokens.append(keyed_hash(key, f"last4|{seen.shown[-4:]}"))
    return tokens


def name_tokens(key: bytes, name: str) -> list[int]:
    """Return the tokens under which a name is found."""
    return [keyed_hash(key, f"name|{piece}") for piece in sorted(_pieces(name, prefixes=True))]


def query_tokens(key: bytes, query: str) -> tuple[list[int], list[int]]:
    """Return what to look for: tokens of which one suffices (an id, last digits), and name tokens all of which must hold."""
    text = query.strip()
    exact = [keyed_hash(key, f"id|{text.lower()}")]
    if len(text) == 4 and text.isdigit():
        exact.append(keyed_hash(key, f"last4|{text}"))
    return exact, [keyed_hash(key, f"name|{piece}") for piece in sorted(_pieces(text, prefixes=False))]


def _pieces(name: str, *, prefixes: bool) -> set[str]:
    pieces: set[str] = set()
    for word in _WORD.findall(unicodedata.normalize("NFKC", name).casefold()[:MOST_LETTERS]):
        if _HAN.search(word):
            pieces.update(word[start : start + 2] for start in range(max(1, len(word) - 1)))
        elif prefixes:
            pieces.update(word[:end] for end in range(min(2, len(word)), len(word) + 1))
        else:
            pieces.add(word)
    return pieces
