"""Passwords: argon2id (RFC 9106, second recommended option: 64 MiB, 3 passes, 4 lanes)."""

from __future__ import annotations

import secrets
import threading

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from guanxi.access.decide import PASSWORD_MAX, check_password

AT_ONCE = 4
"""Hashes computed at the same time; more would only trade memory for waiting."""


def fresh_password() -> str:
    """Return a password for somebody who is to change it: 96 random bits, in 16 letters."""
    return secrets.token_urlsafe(12)


class Passwords:
    """Hashes and verifies passwords; takes tens of milliseconds, so never call it inside a transaction."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self.nobody = self._hasher.hash("nobody has this password")
        """A hash to verify against when there is no such person, so that it takes as long."""

    @classmethod
    def cheap(cls) -> Passwords:
        """Return one that costs next to nothing, for tests of everything else."""
        return cls(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=Type.ID))

    def hash(self, password: str, *, login: str) -> str:
        """Return the hash to store; raises ``WeakPassword``."""
        check_password(password, login)
        with self._turns:
            return self._hasher.hash(password)

    def verify(self, stored: str, password: str) -> bool:
        """Say whether ``password`` is the one whose hash was stored."""
        fits = len(password) <= PASSWORD_MAX
        with self._turns:
            try:
                self._hasher.verify(stored, password if fits else "")
            except (VerificationError, InvalidHashError):
                return False
        return fits

    def renewed(self, stored: str, password: str) -> str | None:
        """Return a hash at today's cost if the stored one was made at another, after a successful ``verify``."""
        if not self._hasher.check_needs_rehash(stored):
            return None
        with self._turns:
            return self._hasher.hash(password)
