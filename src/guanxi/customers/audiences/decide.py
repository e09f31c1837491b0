"""Reads lists of who is put into an audience, and writes values for programs. Pure."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Any

from guanxi.customers.audiences.model import BadRow, Counted
from guanxi.customers.events.model import Seen
from guanxi.customers.identity.kinds import KINDS, Typed, identify
from guanxi.kernel.clock import day_to_date
from guanxi.kernel.errors import InvalidInput
from guanxi.kernel.ids import fragment_of
from guanxi.rules import Type
from guanxi.rules.catalogue import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def rows_of(lines: Iterable[tuple[int, str]], kind: str, scope: str) -> Iterator[Seen | BadRow]:
    """Yield the identity that each numbered line names, or why it names nobody. Empty lines are skipped.

    Raises ``InvalidInput`` for a kind of identity that there is not.
    """
    if kind not in KINDS:
        named, near = ", ".join(KINDS), nearest(kind, KINDS)
        raise InvalidInput(
            reason_zh=f"没有身份类型 {kind}" + (f"，是不是 {near}？" if near else "。") + f"可用：{named}。",
            reason_en=f"there is no kind of identity {kind}"
            + (f"; did you mean {near}?" if near else ";")
            + f" It is one of: {named}.",
        )
    for number, line in lines:
        text = line.strip()
        if not text:
            continue
        found = identify(kind, scope, text)
        if isinstance(found, Typed):
            yield Seen(found.type, found.scope, found.value, "")
        else:
            yield BadRow(number, found.text)


def estimated(found: int, asked: int, members: int) -> Counted:
    """Return how many of ``members`` there are if ``found`` of those ``asked`` are, at random.

    The margin is the half width of Wilson's 95 % interval (E. B. Wilson, 1927), which holds for small shares as well.
    """
    if not asked:
        return Counted(0, members)
    z, share = 1.96, found / asked
    half = z * math.sqrt(share * (1 - share) / asked + z * z / (4 * asked * asked)) / (1 + z * z / asked)
    return Counted(round(share * members), members, asked, math.ceil(half * members))


def plain(value: Any, type_: Type) -> Any:
    """Return a value as a JSON value: days as dates (``2026-01-31``), sets sorted, money in whole fen; ``None`` is unknown.

    A day beyond the calendar and an infinite number are unknown. Days come as numbers online and as dates in batch.
    """
    if value is None:
        return None
    if type_ is Type.SET:
        return sorted(map(str, value))
    if isinstance(value, date):
        return value.isoformat()
    if type_ is Type.DATE:
        try:
            return day_to_date(int(value)).isoformat()
        except (OverflowError, ValueError):
            return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return round(value) if type_ is Type.MONEY or (type_ is Type.INT and value.is_integer()) else value
    return value


def cell(value: Any, type_: Type) -> str:
    """Return a value as a CSV has it: as ``plain`` does, sets parted by ``|``, nothing for unknown."""
    known = plain(value, type_)
    if known is None:
        return ""
    if isinstance(known, bool):
        return "true" if known else "false"
    return "|".join(known) if isinstance(known, list) else str(known)


def place_after(after: str) -> int:
    """Return the member after whom a list goes on; raises ``InvalidInput``."""
    try:
        return fragment_of(after)
    except ValueError:
        raise InvalidInput(
            reason_zh=f"{after[:40]} 不是会员编号。", reason_en=f"{after[:40]} is no member id."
        ) from None
