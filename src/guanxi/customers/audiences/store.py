"""SQL of the members of static audiences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from guanxi.customers.schema import listed
from guanxi.storage import sets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from guanxi.storage.database import Transaction


def put(tx: Transaction, merchant_id: str, audience: str, fragments: Iterable[int], now: int) -> None:
    """Put identities into an audience; those in it stay as they are."""
    sets.upsert(tx, listed, [(merchant_id, audience, fragment, now) for fragment in set(fragments)])


def take(tx: Transaction, merchant_id: str, audience: str, fragments: Collection[int]) -> None:
    """Take identities out of an audience."""
    for start in range(0, len(rows := sorted(fragments)), 500):
        tx.conn.execute(
            delete(listed).where(
                listed.c.merchant_id == merchant_id,
                listed.c.audience == audience,
                listed.c.fragment.in_(rows[start : start + 500]),
            )
        )


def clear(tx: Transaction, merchant_id: str, audience: str) -> None:
    """Take everybody out of an audience."""
    tx.conn.execute(delete(listed).where(listed.c.merchant_id == merchant_id, listed.c.audience == audience))


def fragments(tx: Transaction, merchant_id: str, audience: str) -> list[int]:
    """Return the identities in an audience."""
    rows = tx.conn.execute(
        select(listed.c.fragment).where(listed.c.merchant_id == merchant_id, listed.c.audience == audience)
    )
    return [int(row[0]) for row in rows]


def among(tx: Transaction, merchant_id: str, some: Collection[int]) -> list[tuple[int, str]]:
    """Return (fragment, audience) of those identities that are in any."""
    rows = sets.find(tx, listed, merchant_id, "fragment", some, "fragment, audience")
    return [(int(row[0]), str(row[1])) for row in rows]


def count(tx: Transaction, merchant_id: str, audience: str) -> int:
    """Return how many identities are in an audience."""
    return int(
        tx.conn.execute(
            select(func.count()).where(listed.c.merchant_id == merchant_id, listed.c.audience == audience)
        ).scalar_one()
    )
