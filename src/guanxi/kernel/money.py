"""Money: an integer of the minor unit with its currency. Splits are exact; floats never come near."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Remainder = Literal["first", "last", "largest"]

_MINOR_DIGITS = {"CNY": 2, "HKD": 2, "USD": 2, "EUR": 2, "JPY": 0}
_LONGEST = 64
_FULL_WIDTH = str.maketrans("０１２３４５６７８９．，－", "0123456789.,-")
_PLAIN = re.compile(r"-?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?")


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount of one currency; ``minor`` counts fen, cents or whatever the currency's smallest unit is."""

    minor: int
    currency: str = "CNY"

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            msg = f"cannot mix {self.currency} and {other.currency}"
            raise ValueError(msg)

    def split(self, shares: Sequence[Fraction], remainder: Remainder = "largest") -> list[Money]:
        """Split by ``shares`` so that the parts sum to the whole; see ``split_minor``."""
        return [Money(part, self.currency) for part in split_minor(self.minor, shares, remainder)]


def split_minor(total: int, shares: Sequence[Fraction], remainder: Remainder = "largest") -> list[int]:
    """Split ``total`` minor units in proportion to ``shares``; the parts sum to ``total`` exactly.

    Each part is first rounded towards zero. What is left goes to the ``first`` part, the ``last`` part, or one unit
    each to the parts with the ``largest`` remainders (ties to the earlier), as in the method of largest remainder.
    Raises ``ValueError`` when there is no share, a negative one, or none above zero.
    """
    weight = sum(shares, Fraction(0))
    if not shares or weight <= 0 or any(share < 0 for share in shares):
        msg = "shares must be non-negative and not all zero"
        raise ValueError(msg)
    sign, size = (-1, -total) if total < 0 else (1, total)
    exact = [size * share / weight for share in shares]
    parts = [int(part) for part in exact]
    left = size - sum(parts)
    if remainder == "first":
        parts[0] += left
    elif remainder == "last":
        parts[-1] += left
    else:
        by_rest = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
        for index in by_rest[:left]:
            parts[index] += 1
    return [sign * part for part in parts]


def parse_major(text: str, currency: str = "CNY") -> Money:
    """Read an amount written in the major unit (``1,234.5``, ``¥12``, full-width digits, a trailing ``元``).

    Raises ``ValueError`` when the text is no amount or has more decimals than the currency.
    """
    plain = (
        text.strip().translate(_FULL_WIDTH).removeprefix("¥").removeprefix("￥").removesuffix("元").strip()
    )
    if not _PLAIN.fullmatch(plain):
        msg = f"not an amount: {text!r}"
        raise ValueError(msg)
    digits = _MINOR_DIGITS.get(currency)
    if digits is None or len(plain) > _LONGEST:
        msg = f"not an amount of {currency}: {text[:_LONGEST]!r}"
        raise ValueError(msg)
    whole, _, decimals = plain.replace(",", "").partition(".")
    decimals = "".join(str(int(digit)) for digit in decimals).rstrip("0")
    if len(decimals) > digits:
        msg = f"more decimals than {currency} has: {text!r}"
        raise ValueError(msg)
    return Money(int(whole + decimals.ljust(digits, "0")), currency)
