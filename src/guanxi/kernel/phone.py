"""Mainland phone numbers as they really arrive: plain, prefixed, masked, hashed, relayed, foreign or broken.

Numbering follows the national plan: mobile numbers are 11 digits that begin with 13–19; 162, 165, 167, 170 and 171
belong to virtual operators (a real subscriber, but often disposable); 10- to 12-digit numbers with a leading 0 are land lines.
Platforms hand out *relay* numbers (隐私号): a number that works for one order and often carries an extension.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

_FULL_WIDTH = str.maketrans("０１２３４５６７８９＋－＊（）　", "0123456789+-*() ")
_NOISE = re.compile(r"[\s().\u00b7]")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_RELAY = re.compile(r"(?:\+?86)?-?(1[3-9]\d{9})(?:-|,|#|转|ext\.?)(\d{1,6})", re.IGNORECASE)
_RELAY_TRUNK = re.compile(r"95\d{3,18}(?:[-,#转]\d{1,6})?")
_MASKED = re.compile(r"(?:\+?86-?)?1[3-9]?\d?[*xX•]{3,8}\d{0,4}|1\d{2}[*xX•]{4}\d{4}")
_LANDLINE = re.compile(r"0\d{2,3}-?\d{7,8}(?:-\d{1,6})?|[48]00-?\d{3}-?\d{4}")
_FOREIGN = re.compile(r"(?:\+|00)(?!86)[1-9]\d{6,14}")
_HEX = re.compile(r"[0-9a-fA-F]+")
_VIRTUAL_OPERATORS = ("162", "165", "167", "170", "171")


class PhoneKind(StrEnum):
    """What a piece of text that claims to be a phone number is."""

    MOBILE = "mobile"
    VIRTUAL_OPERATOR = "virtual_operator"
    RELAY = "relay"
    MASKED = "masked"
    SHA256 = "sha256"
    MD5 = "md5"
    LANDLINE = "landline"
    FOREIGN = "foreign"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone number read from text.

    ``number`` is 11 digits without +86 for mainland mobiles, E.164 for foreign numbers, the lower-case digest for
    hashed ones and the cleaned text otherwise. Only ``identifies`` ones may tell who somebody is.
    """

    kind: PhoneKind
    number: str

    @property
    def identifies(self) -> bool:
        """Say whether the number belongs to one subscriber, so that it can be a key across platforms."""
        return self.kind in {
            PhoneKind.MOBILE,
            PhoneKind.VIRTUAL_OPERATOR,
            PhoneKind.FOREIGN,
            PhoneKind.SHA256,
        }

    @property
    def digest(self) -> str:
        """Return the lower-case SHA-256 of the number: equal for a plain number and for the same one sent hashed."""
        return (
            self.number if self.kind is PhoneKind.SHA256 else hashlib.sha256(self.number.encode()).hexdigest()
        )


def read_phone(text: str) -> Phone:
    """Say what ``text`` is; never raises. Spaces, full-width digits, +86, 0086 and punctuation are understood."""
    if len(text) == 11 and text[0] == "1" and text.isascii() and text.isdigit() and text[1] > "2":
        return Phone(_subscriber(text), text)
    if len(text) > 80:
        return Phone(PhoneKind.INVALID, text[:80])
    plain = _NOISE.sub("", text.strip().translate(_FULL_WIDTH))
    if _HEX.fullmatch(plain):
        if len(plain) == 64:
            return Phone(PhoneKind.SHA256, plain.lower())
        if len(plain) == 32:
            return Phone(PhoneKind.MD5, plain.lower())
    if relay := _RELAY.fullmatch(plain):
        return Phone(PhoneKind.RELAY, f"{relay[1]}-{relay[2]}")
    if _RELAY_TRUNK.fullmatch(plain) and len(plain) > 5:
        return Phone(PhoneKind.RELAY, plain)
    if _MASKED.fullmatch(plain):
        return Phone(PhoneKind.MASKED, plain)
    if _LANDLINE.fullmatch(plain):
        return Phone(PhoneKind.LANDLINE, plain)
    bare = plain.replace("-", "")
    for prefix in ("+86", "0086", "86"):
        if bare.startswith(prefix) and _MOBILE.fullmatch(bare.removeprefix(prefix)):
            bare = bare.removeprefix(prefix)
            break
    if _MOBILE.fullmatch(bare) and bare.isascii():
        return Phone(_subscriber(bare), bare)
    if _FOREIGN.fullmatch(bare) and bare.isascii():
        return Phone(PhoneKind.FOREIGN, "+" + bare.removeprefix("+").removeprefix("00"))
    return Phone(PhoneKind.INVALID, plain)


def _subscriber(number: str) -> PhoneKind:
    return PhoneKind.VIRTUAL_OPERATOR if number[:3] in _VIRTUAL_OPERATORS else PhoneKind.MOBILE


def mask(number: str) -> str:
    """Return the number as a screen may show it: ``138****1234``; other shapes keep two characters at most."""
    if len(number) == 11 and number.isdigit():
        return f"{number[:3]}****{number[7:]}"
    if len(number) > 6:
        return f"{number[:3]}{'*' * min(8, len(number) - 5)}{number[-2:]}"
    return "*" * len(number)
