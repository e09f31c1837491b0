"""Event types as declared, and messages on their way to becoming events."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping


class FieldType(StrEnum):
    """What a property may be. ``money`` is an integer of the minor unit; ``number`` may have decimals."""

    TEXT = "text"
    INT = "int"
    NUMBER = "number"
    MONEY = "money"
    BOOL = "bool"
    TIME = "time"
    DATE = "date"
    LIST = "list"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Field:
    """A declared property. ``of`` describes the elements of a list."""

    name: str
    type: FieldType
    label: Text
    required: bool = False
    personal: bool = False
    values: tuple[str, ...] = ()
    of: Mapping[str, Field] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measure:
    """A numeric property that may be aggregated."""

    name: str
    field: str
    unit: str


@dataclass(frozen=True, slots=True)
class Dimension:
    """What measures may be sliced by.

    One of: ``key`` (a property), ``context`` (``channel`` or ``account``), or ``each`` with ``key`` (a property of the
    elements of a list, whose own numbers stand for the measures named in ``measures``).
    """

    name: str
    key: str = ""
    context: str = ""
    each: str = ""
    measures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventType:
    """One version of a declared event type. ``internal`` ones may only be written by Guanxi itself."""

    name: str
    version: int
    label: Text
    fields: Mapping[str, Field]
    measures: Mapping[str, Measure]
    dimensions: Mapping[str, Dimension]
    internal: bool = False
    needs_subject: bool = True
    builtin: bool = False


class Source(NamedTuple):
    """Who sent messages: what a write key or an import stands for."""

    name: str
    account: str
    channel: str
    internal: bool = False


class Seen(NamedTuple):
    """An identity as a message carries it.

    ``value`` is its normal form, which decides who it is; ``shown`` is what a person reads (a phone's digits, where
    ``value`` is their digest), empty when the sender hashed it.
    """

    type: str
    scope: str
    value: str
    shown: str


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A message that may become an event; instants in microseconds UTC.

    ``written_at`` is the time the sender wrote (equal in every retry), ``time`` the same corrected for a wrong clock.
    Texts that came as identities but identify nobody (a masked phone) are kept in ``personal`` as ``unidentified``.
    """

    event_id: str
    type: str
    version: int
    written_at: int
    time: int
    account: str
    channel: str
    identities: list[Seen]
    payload: dict[str, Any]
    personal: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a message cannot become an event; ``code`` is stable, ``reason`` says what to mend."""

    code: str
    reason: Text
    path: str = ""
