"""What dimensions of events have been: what one may choose from who asks for a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.profiles import store

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction


def values_met(tx: Transaction, merchant_id: str) -> dict[tuple[str, str], list[str]]:
    """Return the values that each dimension of each event type has had, sorted, by event type and dimension."""
    found: dict[tuple[str, str], set[str]] = {}
    for one in store.series(tx, merchant_id):
        if one.dimension:
            found.setdefault((one.type, one.dimension), set()).add(one.value)
    return {place: sorted(some) for place, some in found.items()}
