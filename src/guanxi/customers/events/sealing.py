"""The personal part of an event at rest: what is in it, under whose key, and how it changes hands.

In the tail it is sealed under the merchant's key, because the person is not yet known; on its way to the lake it is
sealed again under the key of its subject, so that destroying that key is enough to forget it. The identities
themselves stay behind: by then they rest in the table of identities, under the same person's key.

The first byte says which it is: ``t`` identities only, ``T`` identities and personal properties (both under the
merchant's key), ``P`` personal properties only, under the person's key. Nothing sealed is an empty string.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from guanxi.customers.events.model import Seen
from guanxi.storage.events.model import unpack
from guanxi.storage.vault import SealBroken, Sealer

if TYPE_CHECKING:
    from guanxi.storage.database import Database
    from guanxi.storage.events.model import LoggedEvent
    from guanxi.storage.person_keys import PersonKeys
    from guanxi.storage.vault import Vault

_ONLY_IDENTITIES = b"t"
_WITH_PERSONAL = b"T"
_PERSON = b"P"
_PERSONAL = frozenset({_WITH_PERSONAL, _PERSON})


class Opened(msgspec.Struct):
    """The personal part of an event."""

    i: list[Seen] = []
    p: dict[str, Any] = {}


_decode = msgspec.json.Decoder(Opened).decode


def close(sealer: Sealer, content: bytes, *, personal: bool) -> bytes:
    """Seal an arriving event's personal part under the merchant's key."""
    return (_WITH_PERSONAL if personal else _ONLY_IDENTITIES) + sealer.seal(content)


def has_personal(sealed: bytes) -> bool:
    """Say whether there are personal properties, without opening anything."""
    return sealed[:1] in _PERSONAL


def open_event(event: LoggedEvent, merchant: Sealer, persons: Mapping[int, Sealer]) -> Opened:
    """Return an event's personal part; empty when there is none, or when its person has been forgotten."""
    if not event.sealed:
        return Opened()
    tag, rest = event.sealed[:1], event.sealed[1:]
    sealer = persons.get(event.subject) if tag == _PERSON else merchant
    if sealer is None:
        return Opened()
    try:
        return _decode(sealer.open(rest))
    except SealBroken:
        return Opened()


def sealed_without(
    event: LoggedEvent,
    merchant: Sealer,
    persons: Mapping[int, Sealer],
    gone: Container[int],
    strip: Callable[[dict[str, Any]], dict[str, Any]],
) -> bytes:
    """Return an event's personal part without the identities ``gone`` and with stripped properties.

    What cannot be opened any more stays as it is.
    """
    opened = open_event(event, merchant, persons)
    if not opened.i and not opened.p:
        return event.sealed
    tag = event.sealed[:1]
    sealer = persons[event.subject] if tag == _PERSON else merchant
    carried = zip(unpack(event.fragments), opened.i, strict=False)
    left = Opened([seen for fragment, seen in carried if fragment not in gone], strip(opened.p))
    return tag + sealer.seal(msgspec.json.encode(left))


def resealer(database: Database, vault: Vault, keys: PersonKeys) -> Any:
    """Return the function that the hand-over asks for the personal parts of events on their way to the lake."""

    def reseal(merchant_id: str, events: Sequence[LoggedEvent]) -> list[bytes]:
        tail = vault.sealer("tail", merchant_id)
        subjects = {event.subject for event in events if event.sealed[:1] == _WITH_PERSONAL}
        persons: Mapping[int, Sealer] = {}
        if subjects:
            with database.transaction() as tx:
                persons = keys.ensure(tx, merchant_id, subjects)
        return [_resealed(event, tail, persons) for event in events]

    return reseal


def _resealed(event: LoggedEvent, tail: Sealer, persons: Mapping[int, Sealer]) -> bytes:
    tag = event.sealed[:1]
    if tag == _WITH_PERSONAL:
        opened = _decode(tail.open(event.sealed[1:]))
        return _PERSON + persons[event.subject].seal(msgspec.json.encode({"p": opened.p}))
    return b"" if tag == _ONLY_IDENTITIES else event.sealed
