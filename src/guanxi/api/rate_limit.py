"""How often one key may ask: a token bucket per key, in process.

Several server processes each keep their own buckets, so the limit is per process; it protects the machine from a client
gone wild and is no accounting.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guanxi.access.model import KeyKind

if TYPE_CHECKING:
    from collections.abc import Callable

BUCKETS = 50_000


@dataclass(frozen=True, slots=True)
class Limit:
    """``per_second`` requests lastingly, ``burst`` at once."""

    per_second: int
    burst: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits by kind of key. Tracking clients send many small batches, so write keys get more."""

    secret: Limit = Limit(200, 400)
    write: Limit = Limit(2_000, 4_000)

    def of(self, kind: KeyKind) -> Limit:
        """Return the limit of a kind of key."""
        return self.write if kind is KeyKind.WRITE else self.secret


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the bucket said; ``reset`` and ``retry_after`` are whole seconds (``retry_after`` 0 if allowed)."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    retry_after: int

    def headers(self) -> dict[str, str]:
        """Return the ``RateLimit-*`` fields (draft-ietf-httpapi-ratelimit-headers-06)."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class Buckets:
    """One token bucket per key. Used on the event loop only, so it needs no lock; the least used are forgotten."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, size: int = BUCKETS) -> None:
        self._monotonic = monotonic
        self._size = size
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key_id: str, limit: Limit) -> Verdict:
        """Take one token from a key's bucket."""
        now = self._monotonic()
        level, since = self._levels.get(key_id, (float(limit.burst), now))
        level = min(float(limit.burst), level + (now - since) * limit.per_second)
        allowed = level >= 1
        if allowed:
            level -= 1
        self._levels[key_id] = (level, now)
        self._levels.move_to_end(key_id)
        if len(self._levels) > self._size:
            self._levels.popitem(last=False)
        return Verdict(
            allowed,
            limit.burst,
            math.floor(level),
            math.ceil((limit.burst - level) / limit.per_second),
            0 if allowed else max(1, math.ceil((1 - level) / limit.per_second)),
        )
