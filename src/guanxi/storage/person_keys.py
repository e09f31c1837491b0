"""One random key per identity fragment: whoever destroys the key has forgotten what was sealed under it.

Keys rest wrapped (AES-256-GCM under a merchant's key-wrapping key, the fragment as context), so that a stolen database
without the master key opens nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sqlalchemy import Column, PrimaryKeyConstraint, Table, bindparam, delete, select, text

from guanxi.storage.schema import Big, Bytes, Merchant, main
from guanxi.storage.vault import Sealer, Vault

if TYPE_CHECKING:
    from collections.abc import Collection

    from guanxi.storage.database import Transaction

storage_person_key = Table(
    "storage_person_key",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("fragment", Big, nullable=False),
    Column("wrapped", Bytes, nullable=False),
    PrimaryKeyConstraint("merchant_id", "fragment"),
    sqlite_with_rowid=False,
)

_CHUNK = 500


class PersonKeys:
    """The keys of a merchant's persons."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def sealers(self, tx: Transaction, merchant_id: str, fragments: Collection[int]) -> dict[int, Sealer]:
        """Return the sealers of those fragments that have a key."""
        wrapper = self._vault.sealer("wrap", merchant_id)
        wanted = list(set(fragments))
        found: dict[int, Sealer] = {}
        query = select(storage_person_key.c.fragment, storage_person_key.c.wrapped).where(
            storage_person_key.c.merchant_id == merchant_id,
            storage_person_key.c.fragment.in_(bindparam("fragments", expanding=True)),
        )
        for start in range(0, len(wanted), _CHUNK):
            for fragment, wrapped in tx.conn.execute(query, {"fragments": wanted[start : start + _CHUNK]}):
                found[fragment] = Sealer(wrapper.open(wrapped, _context(fragment)))
        return found

    def ensure(self, tx: Transaction, merchant_id: str, fragments: Collection[int]) -> dict[int, Sealer]:
        """Return the sealers of all fragments, making keys for those that have none."""
        found = self.sealers(tx, merchant_id, fragments)
        missing = sorted(set(fragments) - found.keys())
        if not missing:
            return found
        wrapper = self._vault.sealer("wrap", merchant_id)
        tx.conn.execute(
            text(
                "INSERT INTO storage_person_key (merchant_id, fragment, wrapped) VALUES (:m, :f, :w)"
                " ON CONFLICT (merchant_id, fragment) DO NOTHING"
            ),
            [
                {"m": merchant_id, "f": fragment, "w": wrapper.seal(os.urandom(32), _context(fragment))}
                for fragment in missing
            ],
        )
        found.update(self.sealers(tx, merchant_id, missing))
        return found

    def destroy(self, tx: Transaction, merchant_id: str, fragments: Collection[int]) -> None:
        """Destroy keys: what was sealed under them cannot be opened again, here or in any copy of the lake."""
        tx.conn.execute(
            delete(storage_person_key).where(
                storage_person_key.c.merchant_id == merchant_id,
                storage_person_key.c.fragment.in_(list(fragments)),
            )
        )


def _context(fragment: int) -> bytes:
    return fragment.to_bytes(8, "little", signed=True)
