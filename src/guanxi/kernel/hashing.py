"""Keyed hashes: equal values hash alike, but only for whoever holds the key."""

from __future__ import annotations

import hashlib


def keyed_hash(key: bytes, text: str) -> int:
    """Return a signed 64-bit keyed hash (BLAKE2b, RFC 7693) of ``text``; ``key`` is at most 64 bytes."""
    digest = hashlib.blake2b(text.encode(), key=key, digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def content_hash(content: bytes) -> bytes:
    """Return a 16-byte hash (BLAKE2b) of ``content``: long enough that two contents never share one by chance."""
    return hashlib.blake2b(content, digest_size=16).digest()
