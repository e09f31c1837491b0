"""Public ids: short, typed by a prefix, safe in URLs, easy to read aloud.

The alphabet is Crockford's base 32 in lower case: no ``i``, ``l``, ``o`` or ``u``.
"""

from __future__ import annotations

import re
import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")

MASK64 = (1 << 64) - 1


def encode(number: int, width: int) -> str:
    """Return the non-negative ``number`` in base 32, left-padded with zeros to ``width`` letters."""
    letters = []
    while number:
        number, rest = divmod(number, 32)
        letters.append(_ALPHABET[rest])
    return "".join(reversed(letters)).rjust(width, "0")


def decode(text: str) -> int:
    """Return the number that ``encode`` wrote; raises ``ValueError`` on any other letter."""
    number = 0
    for letter in text:
        try:
            number = number * 32 + _VALUES[letter]
        except KeyError:
            msg = f"not a base-32 letter: {letter!r}"
            raise ValueError(msg) from None
    return number


def member_id(fragment: int) -> str:
    """Return the public member id of a fragment (a signed 64-bit integer)."""
    return "mbr_" + encode(fragment & MASK64, 13)


def identity_id(fragment: int) -> str:
    """Return the public id of one identity: the same letters as in the member id that it is an alias of."""
    return "idn_" + encode(fragment & MASK64, 13)


def fragment_of(public: str) -> int:
    """Return the fragment that a public member or identity id names; raises ``ValueError`` if it is neither."""
    number = decode(public[4:]) if public.startswith(("mbr_", "idn_")) and len(public) == 17 else MASK64 + 1
    if number > MASK64:
        msg = f"not a member id: {public!r}"
        raise ValueError(msg)
    return number - (1 << 64) if number >= 1 << 63 else number


def fresh(prefix: str) -> str:
    """Return a new unguessable id with ``prefix``: 120 bits from the operating system."""
    return f"{prefix}_{encode(secrets.randbits(120), 24)}"


def is_slug(text: str) -> bool:
    """Say whether ``text`` can name a merchant, an account or a definition: 1–32 of ``a-z 0-9 _ -``."""
    return _SLUG.fullmatch(text) is not None
