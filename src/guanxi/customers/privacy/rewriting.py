"""Events as they are once their person is forgotten: their numbers stay, under a tombstone; who it was does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from guanxi.customers.events import sealing
from guanxi.customers.privacy.decide import Forgotten, recogniser, remainder, without
from guanxi.customers.privacy.model import ERASED, NOBODY
from guanxi.storage.events.model import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guanxi.customers.events.catalogue import Catalogue
    from guanxi.customers.privacy.model import Erasure
    from guanxi.storage.events.model import LoggedEvent
    from guanxi.storage.vault import Sealer

_json = msgspec.json


class Rewriter:
    """Rewrites a merchant's events for some erasures. The same event always becomes the same, and twice is once."""

    def __init__(
        self, erasures: Sequence[Erasure], catalogue: Catalogue, lookup_key: bytes, merchant: Sealer
    ) -> None:
        self._forgotten = Forgotten(erasures)
        self._kinds = {kind for erasure in erasures for kind in erasure.kinds}
        self._catalogue = catalogue
        self._key = lookup_key
        self._merchant = merchant

    @property
    def fragments(self) -> Collection[int]:
        """The fragments that an event must carry to be changed at all."""
        return self._forgotten.fragments

    def changes(self, event: LoggedEvent) -> bool:
        """Say whether the event is of somebody to be forgotten, or names them."""
        return any(stone is not None for stone in self._tombstones(event, unpack(event.fragments)))

    def _tombstones(self, event: LoggedEvent, fragments: Sequence[int]) -> list[int | None]:
        return [self._forgotten.tombstone(one, event.day, event.position) for one in fragments]

    def of(self, event: LoggedEvent, persons: Mapping[int, Sealer]) -> LoggedEvent:
        """Return the event as it stays; ``persons`` opens the sealed parts of those who are not forgotten."""
        fragments = unpack(event.fragments)
        stones = self._tombstones(event, fragments)
        if all(stone is None for stone in stones):
            return event
        kind = self._catalogue.get(event.type)
        if stones[0] is not None:
            payload = remainder(_json.decode(event.payload), kind)
            return msgspec.structs.replace(
                event,
                event_id=ERASED + event.id_hash.hex(),
                subject=stones[0],
                fragments=pack([stones[0]]),
                payload=_json.encode(payload),
                sealed=b"",
            )
        gone = {one for one, stone in zip(fragments, stones, strict=True) if stone is not None}
        kept = [one for one in fragments if one not in gone]
        is_theirs = recogniser(self._key, self._kinds, gone)

        def strip(part: dict[str, Any]) -> dict[str, Any]:
            left: dict[str, Any] = without(part, is_theirs)
            return left

        part = _json.decode(event.payload)
        # What Guanxi itself writes about two identities names both.
        part = remainder(part, kind) if kind is not None and kind.internal else strip(part)
        return msgspec.structs.replace(
            event,
            fragments=pack([*kept, *[NOBODY] * (len(fragments) - len(kept))]),
            payload=_json.encode(part),
            sealed=sealing.sealed_without(event, self._merchant, persons, gone, strip),
        )
