"""The use cases of access. Every function takes an open transaction and ``now`` unless it says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guanxi.access.passwords import Passwords
from guanxi.access.service import idempotency, people, trail
from guanxi.access.service.keys import KeyRing, Keys
from guanxi.access.service.sessions import Attempt, Checked, Sessions

if TYPE_CHECKING:
    from guanxi.storage.database import Database
    from guanxi.storage.vault import Vault

__all__ = [
    "Access",
    "Attempt",
    "Checked",
    "KeyRing",
    "Keys",
    "Passwords",
    "Sessions",
    "idempotency",
    "people",
    "trail",
]


@dataclass(frozen=True, slots=True)
class Access:
    """The parts of access that hold something: keys of the vault, a cache, a password hasher."""

    passwords: Passwords
    sessions: Sessions
    keys: Keys
    ring: KeyRing

    @classmethod
    def of(cls, database: Database, vault: Vault, passwords: Passwords | None = None) -> Access:
        """Build them for one process of an installation."""
        passwords = passwords or Passwords()
        ring = KeyRing(database, vault)
        return cls(passwords, Sessions(vault, passwords), Keys(vault, ring), ring)
