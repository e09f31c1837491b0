"""What an event is once it has been accepted."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import msgspec


class Position(NamedTuple):
    """A place in a merchant's log; positions sort in the order in which readers see events.

    On PostgreSQL ``epoch`` is the writing transaction's id and ``number`` a sequence value: numbers are handed out
    before commit, so order by number alone would let a reader overtake a transaction that commits late. On SQLite,
    which has one writer at a time, ``epoch`` is 0.
    """

    epoch: int
    number: int


START = Position(0, 0)


class Moment(NamedTuple):
    """A place among events in the order of what they tell about: their time, and the position to tell equals apart."""

    time: int
    epoch: int
    number: int


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """An event on its way into the log.

    Instants are microseconds UTC. ``day`` is the merchant's local day of ``time``; ``dedup_day`` is the UTC day of
    the time the sender wrote, which a retry repeats exactly. ``fragments`` packs the identities the event carries as
    little-endian signed 64-bit integers, the subject first. ``payload`` is JSON without personal fields; those are
    in ``sealed`` (empty if there are none).
    """

    merchant_id: str
    event_id: str
    id_hash: bytes
    dedup_day: int
    type: str
    version: int
    time: int
    day: int
    received_at: int
    account: str
    channel: str
    subject: int
    fragments: bytes
    payload: bytes
    sealed: bytes


COLUMNS: tuple[str, ...] = NewEvent.__struct_fields__


class LoggedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event in the log; fields as in ``NewEvent``, with its position in front."""

    epoch: int
    number: int
    merchant_id: str
    event_id: str
    id_hash: bytes
    dedup_day: int
    type: str
    version: int
    time: int
    day: int
    received_at: int
    account: str
    channel: str
    subject: int
    fragments: bytes
    payload: bytes
    sealed: bytes

    @property
    def position(self) -> Position:
        """Where the event stands in the log."""
        return Position(self.epoch, self.number)

    @property
    def moment(self) -> Moment:
        """Where the event stands in time."""
        return Moment(self.time, self.epoch, self.number)


LOGGED_COLUMNS: tuple[str, ...] = LoggedEvent.__struct_fields__


def pack(fragments: list[int]) -> bytes:
    """Pack fragments for storage."""
    return array("q", fragments).tobytes()


def unpack(packed: bytes) -> list[int]:
    """Return the fragments that ``pack`` packed."""
    numbers = array("q")
    numbers.frombytes(packed)
    return numbers.tolist()
