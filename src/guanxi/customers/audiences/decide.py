"""Reads lists of who is put into an audience. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from guanxi.customers.audiences.model import BadRow, Counted
from guanxi.customers.events.model import Seen
from guanxi.customers.identity.kinds import KINDS, Typed, identify
from guanxi.kernel.errors import InvalidInput
from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def rows_of(lines: Iterable[tuple[int, str]], kind: str, scope: str) -> Iterator[Seen | BadRow]:
    """Yield the identity that each numbered line names, or why it names nobody. Empty lines are skipped.

    Raises ``InvalidInput`` for a kind of identity that there is not.
    """
    if kind not in KINDS:
        named = ", ".join(KINDS)
        raise InvalidInput(
            reason_zh=f"没有身份类型 {kind}；可用：{named}。",
            reason_en=f"there is no kind of identity {kind}; it is one of: {named}.",
        )
    for number, line in lines:
        text = line.strip()
        if not text:
            continue
        found = identify(kind, scope, text)
        if isinstance(found, Typed):
            yield Seen(found.type, found.scope, found.value, "")
        else:
            yield BadRow(number, Text("不是有效的身份", "this is no such identity"))


def estimated(found: int, asked: int, members: int) -> Counted:
    """Return how many of ``members`` there are if ``found`` of those ``asked`` are, at random.

    The margin is the half width of Wilson's 95 % interval (E. B. Wilson, 1927), which holds for small shares as well.
    """
    if not asked:
        return Counted(0, members)
    z, share = 1.96, found / asked
    half = z * math.sqrt(share * (1 - share) / asked + z * z / (4 * asked * asked)) / (1 + z * z / asked)
    return Counted(round(share * members), members, asked, math.ceil(half * members))
