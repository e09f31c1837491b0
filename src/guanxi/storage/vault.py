"""Keys and sealing: how personal fields rest on disk, and how values are looked up without being stored.

One master key (in the home) derives, per merchant and purpose, keys by HMAC-SHA256 as the expand step of HKDF
(RFC 5869). Sealing is AES-256-GCM with a random 96-bit nonce in front (NIST SP 800-38D). The keys of persons are not
derived: they are random, stored wrapped, and destroyed to forget somebody.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12


class SealBroken(ValueError):
    """A sealed value was changed, or sealed under another key."""


class Sealer:
    """Seals and opens byte strings under one key."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, plain: bytes, context: bytes | None = None) -> bytes:
        """Return nonce and ciphertext; ``context`` is authenticated but not stored."""
        nonce = os.urandom(NONCE)
        return nonce + self._aead.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes | None = None) -> bytes:
        """Return what was sealed; raises ``SealBroken`` if it is not whole or not ours."""
        try:
            return self._aead.decrypt(sealed[:NONCE], sealed[NONCE:], context)
        except (InvalidTag, ValueError) as error:
            msg = "sealed value cannot be opened"
            raise SealBroken(msg) from error


class Vault:
    """The keys of one installation."""

    def __init__(self, master_key: bytes) -> None:
        self._master = master_key
        self._derive = lru_cache(maxsize=1024)(self._derive_fresh)
        self.sealer = lru_cache(maxsize=1024)(self._sealer_fresh)

    def _derive_fresh(self, purpose: str, merchant_id: str) -> bytes:
        return hmac.new(
            self._master, f"guanxi/1/{purpose}/{merchant_id}\x01".encode(), hashlib.sha256
        ).digest()

    def _sealer_fresh(self, purpose: str, merchant_id: str) -> Sealer:
        return Sealer(self._derive(purpose, merchant_id))

    def lookup_key(self, merchant_id: str) -> bytes:
        """Return the key of a merchant's keyed hashes: equal values hash alike, only for whoever holds the key."""
        return self._derive("lookup", merchant_id)

    @property
    def check(self) -> str:
        """What only a holder of the master key can compute, and which says nothing about it."""
        return self._derive("check", "").hex()

    def token_hash(self, token: str) -> bytes:
        """Return the keyed hash under which a secret token is stored; tokens are random, so one fast hash suffices."""
        return hashlib.blake2b(token.encode(), key=self._derive("token", ""), digest_size=32).digest()
