"""What came and could not become an event: kept with its reason until somebody mends or drops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import Column, and_, bindparam, delete, func, or_, select, text, update

from guanxi.storage.events.schema import event_dead_letter as letters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.storage.database import Transaction

State = Literal["open", "mended", "dropped"]


class DeadLetter(NamedTuple):
    """One rejected input. ``letter_id`` is a hash of the input, so that the same one is kept once.

    ``source``, ``account`` and ``channel`` say who sent it: a mended one becomes an event of theirs. ``raw`` is sealed
    under the merchant's key; ``times`` counts how often it came; instants are microseconds UTC.
    """

    merchant_id: str
    letter_id: bytes
    state: State
    received_at: int
    source: str
    account: str
    channel: str
    code: str
    reason_zh: str
    reason_en: str
    path: str
    times: int
    raw: bytes
    settled_at: int


def add(tx: Transaction, new: Sequence[DeadLetter]) -> None:
    """Keep rejected inputs; one that came before is counted once more, and is open again if it had been dropped."""
    if not new:
        return
    unique = {(letter.merchant_id, letter.letter_id): letter for letter in new}
    ordered = [unique[key] for key in sorted(unique)]
    tx.conn.execute(
        text(
            f"INSERT INTO event_dead_letter ({', '.join(DeadLetter._fields)})"  # noqa: S608 - our own column names
            f" VALUES ({', '.join(':' + name for name in DeadLetter._fields)})"
            " ON CONFLICT (merchant_id, letter_id) DO UPDATE SET times = event_dead_letter.times + 1,"
            " state = CASE event_dead_letter.state WHEN 'mended' THEN 'mended' ELSE 'open' END"
        ),
        [letter._asdict() for letter in ordered],
    )


def find(tx: Transaction, merchant_id: str, letter_id: bytes) -> DeadLetter | None:
    """Return one rejected input."""
    row = tx.conn.execute(
        select(*_columns()).where(letters.c.merchant_id == merchant_id, letters.c.letter_id == letter_id)
    ).one_or_none()
    return None if row is None else DeadLetter(*row)


def page(
    tx: Transaction, merchant_id: str, state: State, before: tuple[int, bytes] | None, limit: int
) -> list[DeadLetter]:
    """Return rejected inputs, newest first, that come after the one with key ``before`` (arrival, id)."""
    query = select(*_columns()).where(letters.c.merchant_id == merchant_id, letters.c.state == state)
    if before is not None:
        at, letter_id = before
        query = query.where(
            or_(
                letters.c.received_at < at, and_(letters.c.received_at == at, letters.c.letter_id < letter_id)
            )
        )
    newest = query.order_by(letters.c.received_at.desc(), letters.c.letter_id.desc()).limit(limit)
    return [DeadLetter(*row) for row in tx.conn.execute(newest)]


def count(tx: Transaction, merchant_id: str) -> dict[str, int]:
    """Return how many rejected inputs there are, by state."""
    rows = tx.conn.execute(
        select(letters.c.state, func.count())
        .where(letters.c.merchant_id == merchant_id)
        .group_by(letters.c.state)
    )
    return {state: number for state, number in rows}  # noqa: C416 - a row is not a pair to the type checker


def settle(tx: Transaction, merchant_id: str, letter_id: bytes, state: State, now: int) -> bool:
    """Mark an open one as mended or dropped; says whether it was open."""
    changed = tx.conn.execute(
        update(letters)
        .where(
            letters.c.merchant_id == merchant_id, letters.c.letter_id == letter_id, letters.c.state == "open"
        )
        .values(state=state, settled_at=now)
    )
    return changed.rowcount == 1


def remove(tx: Transaction, merchant_id: str, letter_ids: Sequence[bytes]) -> None:
    """Delete rejected inputs for good."""
    if letter_ids:
        where = (letters.c.merchant_id == merchant_id, letters.c.letter_id == bindparam("one"))
        tx.conn.execute(delete(letters).where(*where), [{"one": letter_id} for letter_id in letter_ids])


def forget(tx: Transaction, merchant_id: str, before: int, limit: int) -> int:
    """Delete at most ``limit`` of those that were settled before an instant; returns how many."""
    old = (
        select(letters.c.letter_id)
        .where(
            letters.c.merchant_id == merchant_id,
            letters.c.state.in_(("mended", "dropped")),
            letters.c.settled_at < before,
        )
        .limit(limit)
    )
    where = (letters.c.merchant_id == merchant_id, letters.c.letter_id.in_(old))
    return tx.conn.execute(delete(letters).where(*where)).rowcount


def _columns() -> list[Column[Any]]:
    return [letters.c[name] for name in DeadLetter._fields]
