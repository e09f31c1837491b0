"""What a screen, a command or a program is told about members.

Ids are public: ``mbr_…`` names a member, ``idn_…`` one identity of theirs. Instants are microseconds UTC, days are the
merchant's since 1970-01-01, money is fen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from guanxi.customers.events.model import FieldType
from guanxi.customers.identity.model import LinkKind
from guanxi.kernel.text import Text


class Sort(StrEnum):
    """In which order members are listed: by when they were first met."""

    NEWEST = "newest"
    OLDEST = "oldest"


class Behind(StrEnum):
    """What members did in a period to stand behind a figure."""

    ACTIVE = "active"
    """Anything at all."""
    ORDERS = "orders"
    """They paid an order."""


@dataclass(frozen=True, slots=True)
class MemberLine:
    """A member in a list.

    ``display`` is their name, or the mask of their best identity when no name is known (then ``named`` is false).
    ``phone`` is masked; it and ``member_no`` are empty when there is none. ``known`` members have more than a device.
    ``orders`` and ``spent`` count ``order.paid`` over all days; ``kinds`` are the types of their identities.
    """

    member_id: str
    display: str
    named: bool
    phone: str
    member_no: str
    known: bool
    first_seen: int
    last_active_day: int | None
    orders: int
    spent: int
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentityView:
    """One identity of a member. ``masked`` may be shown to anybody who may see members.

    ``from_day`` and ``until_day`` limit since when and until before when they hold it, ``None`` where nothing does.
    ``shared`` says why the identity joins nobody, if so. ``readable`` says that ``Members.reveal`` finds a value.
    """

    identity_id: str
    type: str
    label: Text
    scope: str
    masked: str
    first_seen: int
    from_day: int | None
    until_day: int | None
    shared: Text | None
    readable: bool


@dataclass(frozen=True, slots=True)
class InFull:
    """An identity's value as it is, and of which type it is."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value of an attribute (any JSON value), with the identity and the event it came by.

    ``value`` is ``None`` when it is personal and the person has been forgotten.
    """

    value: Any
    time: int
    identity_id: str
    event_id: str


@dataclass(frozen=True, slots=True)
class AttributeView:
    """An attribute: the value shown, and every other one that an identity of the member brought, the latest first."""

    name: str
    personal: bool
    shown: SourcedValue
    others: tuple[SourcedValue, ...]


@dataclass(frozen=True, slots=True)
class ConsentView:
    """The consent that counts for a purpose and a channel."""

    purpose: str
    channel: str
    given: bool
    time: int
    event_id: str
    evidence: str


@dataclass(frozen=True, slots=True)
class MeasureTotal:
    """The sum, least and largest value of one measure; ``unit`` is ``fen`` for money."""

    name: str
    label: Text
    unit: str
    total: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class TypeTotal:
    """How often a member did something, when first and last, and what it adds up to."""

    type: str
    label: Text
    count: int
    first_at: int
    last_at: int
    measures: tuple[MeasureTotal, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a person, named by one of its identities."""

    identity_id: str
    type: str
    label: Text
    masked: str


@dataclass(frozen=True, slots=True)
class JoinView:
    """Why two parts are one person. ``event_id`` names the event, or ``by`` who decided it by hand.

    ``one`` and ``other`` are the two identities of the evidence: separating them takes this join back. ``left`` and
    ``right`` are the parts that it joined.
    """

    text: Text
    reason: LinkKind
    time: int
    event_id: str | None
    by: str | None
    one: Part
    other: Part
    left: Part
    right: Part


@dataclass(frozen=True, slots=True)
class RefusalView:
    """Why two identities that were seen together did not join two people."""

    text: Text
    code: str
    time: int
    event_id: str | None
    one: Part
    other: Part
    other_member_id: str | None


@dataclass(frozen=True, slots=True)
class VerdictView:
    """What somebody decided by hand about two identities; ``decision`` is ``joined`` or ``separated``."""

    decision: str
    time: int
    by: str
    one: Part
    other: Part


@dataclass(frozen=True, slots=True)
class JoinedMembers:
    """Two members whom somebody made one. ``one`` and ``other`` are the identities that the decision is about.

    Withdrawing the decision about these takes it back.
    """

    member_id: str
    one: str
    other: str


@dataclass(frozen=True, slots=True)
class MemberProfile:
    """Everything on a member's page but the timeline.

    Of an erased member only ``member_id`` and ``erased_at`` remain, and these only while ``erasing`` says that the log
    still has to forget them; after that nobody can tell that there ever was such a member.
    ``first_seen`` and ``last_seen`` are instants of events, ``None`` when there were none.
    """

    member_id: str
    display: str
    named: bool
    known: bool
    first_seen: int | None
    last_seen: int | None
    orders: int
    spent: int
    identities: tuple[IdentityView, ...]
    attributes: tuple[AttributeView, ...]
    consents: tuple[ConsentView, ...]
    totals: tuple[TypeTotal, ...]
    joins: tuple[JoinView, ...]
    refusals: tuple[RefusalView, ...]
    verdicts: tuple[VerdictView, ...]
    erased_at: int | None = None
    erasing: bool = False


@dataclass(frozen=True, slots=True)
class FieldView:
    """A declared property of an event. Money is fen, and ``unit`` then ``fen``; a list comes as it is."""

    name: str
    label: Text
    type: FieldType
    unit: str
    value: Any


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event of a member. ``personal`` is what was sealed: ``None`` unless it was asked for and can be opened.

    ``has_personal`` says that there is something sealed. ``other`` are properties that no declaration describes.
    ``member_id`` is the member whose event it is, ``None`` for an event about nobody.
    """

    event_id: str
    type: str
    label: Text
    time: int
    day: int
    received_at: int
    account: str
    channel: str
    fields: tuple[FieldView, ...]
    other: dict[str, Any]
    has_personal: bool
    personal: dict[str, Any] | None
    member_id: str | None = None


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day: orders paid, their money in fen, members active, members met for the first time."""

    day: int
    orders: int
    gmv: int
    active: int
    new_members: int


@dataclass(frozen=True, slots=True)
class Period:
    """Some days together; ``active`` counts every member once."""

    from_day: int
    until_day: int
    orders: int
    gmv: int
    active: int
    new_members: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The home page. ``members``, ``visitors``, ``orders`` and ``gmv`` are of all time; ``before`` is the same span earlier.

    A member is active on a day on which they did anything. Days are listed without gaps, the oldest first.
    """

    members: int
    visitors: int
    orders: int
    gmv: int
    window: Period
    before: Period
    days: tuple[DayFigures, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A merchant in five numbers; ``gmv`` in fen, ``events`` those of tail and lake, ``dead_letters`` the open ones."""

    members: int
    orders: int
    gmv: int
    events: int
    dead_letters: int
