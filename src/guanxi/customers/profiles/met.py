"""What dimensions of events have been: what one may choose from who asks for a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.profiles import store

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction


class Occurred:
    """The values that dimensions have had, kept until there is a new one."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, dict[tuple[str, str], list[str]]]] = {}

    def values(self, tx: Transaction, merchant_id: str) -> dict[tuple[str, str], list[str]]:
        """See ``values_met``."""
        top, known = store.series_there(tx, merchant_id), self._known.get(merchant_id)
        if known is None or known[0] != top:
            known = self._known[merchant_id] = (top, values_met(tx, merchant_id))
        return known[1]


def values_met(tx: Transaction, merchant_id: str) -> dict[tuple[str, str], list[str]]:
    """Return the values that each dimension of each event type has had, sorted, by event type and dimension."""
    found: dict[tuple[str, str], set[str]] = {}
    for one in store.series(tx, merchant_id):
        if one.dimension:
            found.setdefault((one.type, one.dimension), set()).add(one.value)
    return {place: sorted(some) for place, some in found.items()}
