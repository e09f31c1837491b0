"""Members as the API shows them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from guanxi.api.happenings import both
from guanxi.api.paging import Paged
from guanxi.api.problems import BothLanguages
from guanxi.api.values import Day, Instant, Output
from guanxi.customers.identity.model import LinkKind
from guanxi.customers.members.model import (
    AttributeView as Attribute,
    ConsentView as Consent,
    IdentityView as Identity,
    JoinView as Join,
    MemberLine,
    MemberProfile,
    Part,
    RefusalView as Refusal,
    TypeTotal,
    VerdictView as Verdict,
)


class LineView(Output):
    """A member in a list."""

    id: str
    display: str = Field(description="their name, or their best identity, masked")
    named: bool
    phone: str = Field(description="masked, empty if none")
    member_no: str
    known: bool
    first_seen: Instant
    last_active_day: Day | None
    orders: int
    spent: int = Field(description="fen, over all days")
    kinds: list[str] = Field(description="types of their identities, the best first")


class MemberPage(Paged[LineView]):
    """Some members."""


class IdentityView(Output):
    """One identity of a member."""

    id: str
    type: str
    label: BothLanguages
    scope: str
    masked: str
    first_seen: Instant
    from_day: Day | None = Field(description="since when it is theirs, if that is limited")
    until_day: Day | None = Field(description="until before when it was theirs, if that is limited")
    shared: BothLanguages | None = Field(description="why it joins nobody")
    readable: bool = Field(description="its value can be revealed")


class SourcedView(Output):
    """A value with where it came from; null when it is personal."""

    value: Any
    time: Instant
    identity_id: str
    event_id: str


class AttributeView(Output):
    """An attribute."""

    name: str
    personal: bool
    shown: SourcedView
    others: list[SourcedView]


class ConsentView(Output):
    """The consent that counts for a purpose and a channel."""

    purpose: str
    channel: str
    given: bool
    time: Instant
    event_id: str
    evidence: str


class MeasureView(Output):
    """What one measure adds up to."""

    name: str
    label: BothLanguages
    unit: str
    total: int
    low: int
    high: int


class TotalView(Output):
    """How often a member did something."""

    type: str
    label: BothLanguages
    count: int
    first_at: Instant
    last_at: Instant
    measures: list[MeasureView]


class PartView(Output):
    """An identity as one end of a reason."""

    id: str
    type: str
    label: BothLanguages
    masked: str


class JoinView(Output):
    """Why two parts are one person; separating `one` from `other` takes it back."""

    text: BothLanguages
    reason: LinkKind
    time: Instant
    event_id: str | None
    by: str | None
    one: PartView
    other: PartView
    left: PartView
    right: PartView


class RefusalView(Output):
    """Why two identities that met did not join two people."""

    text: BothLanguages
    code: str
    time: Instant
    event_id: str | None
    one: PartView
    other: PartView
    other_member_id: str | None


class VerdictView(Output):
    """What somebody decided by hand."""

    decision: str
    time: Instant
    by: str
    one: PartView
    other: PartView


class MemberView(Output):
    """A member."""

    id: str
    display: str
    named: bool
    known: bool
    first_seen: Instant | None
    last_seen: Instant | None
    orders: int
    spent: int = Field(description="fen")
    identities: list[IdentityView]
    attributes: list[AttributeView]
    consents: list[ConsentView]
    totals: list[TotalView]
    joins: list[JoinView]
    refusals: list[RefusalView]
    verdicts: list[VerdictView]
    erased_at: Instant | None = Field(
        description="set while the log still has to forget an erased member; afterwards they are not found"
    )


def line_view(one: MemberLine) -> LineView:
    """Return a member in a list as the API shows it."""
    return LineView(
        id=one.member_id,
        display=one.display,
        named=one.named,
        phone=one.phone,
        member_no=one.member_no,
        known=one.known,
        first_seen=one.first_seen,
        last_active_day=one.last_active_day,
        orders=one.orders,
        spent=one.spent,
        kinds=list(one.kinds),
    )


def member_view(one: MemberProfile) -> MemberView:
    """Return a member as the API shows them."""
    return MemberView(
        id=one.member_id,
        display=one.display,
        named=one.named,
        known=one.known,
        first_seen=one.first_seen,
        last_seen=one.last_seen,
        orders=one.orders,
        spent=one.spent,
        identities=[_identity(item) for item in one.identities],
        attributes=[_attribute(item) for item in one.attributes],
        consents=[_consent(item) for item in one.consents],
        totals=[_total(item) for item in one.totals],
        joins=[_join(item) for item in one.joins],
        refusals=[_refusal(item) for item in one.refusals],
        verdicts=[_verdict(item) for item in one.verdicts],
        erased_at=one.erased_at,
    )


def _identity(one: Identity) -> IdentityView:
    return IdentityView(
        id=one.identity_id,
        type=one.type,
        label=both(one.label),
        scope=one.scope,
        masked=one.masked,
        first_seen=one.first_seen,
        from_day=one.from_day,
        until_day=one.until_day,
        shared=both(one.shared) if one.shared else None,
        readable=one.readable,
    )


def _attribute(one: Attribute) -> AttributeView:
    shown, *others = (
        SourcedView(
            value=value.value, time=value.time, identity_id=value.identity_id, event_id=value.event_id
        )
        for value in (one.shown, *one.others)
    )
    return AttributeView(name=one.name, personal=one.personal, shown=shown, others=others)


def _consent(one: Consent) -> ConsentView:
    return ConsentView(
        purpose=one.purpose,
        channel=one.channel,
        given=one.given,
        time=one.time,
        event_id=one.event_id,
        evidence=one.evidence,
    )


def _total(one: TypeTotal) -> TotalView:
    return TotalView(
        type=one.type,
        label=both(one.label),
        count=one.count,
        first_at=one.first_at,
        last_at=one.last_at,
        measures=[
            MeasureView(
                name=item.name,
                label=both(item.label),
                unit=item.unit,
                total=item.total,
                low=item.low,
                high=item.high,
            )
            for item in one.measures
        ],
    )


def _part(one: Part) -> PartView:
    return PartView(id=one.identity_id, type=one.type, label=both(one.label), masked=one.masked)


def _join(one: Join) -> JoinView:
    return JoinView(
        text=both(one.text),
        reason=one.reason,
        time=one.time,
        event_id=one.event_id,
        by=one.by,
        one=_part(one.one),
        other=_part(one.other),
        left=_part(one.left),
        right=_part(one.right),
    )


def _refusal(one: Refusal) -> RefusalView:
    return RefusalView(
        text=both(one.text),
        code=one.code,
        time=one.time,
        event_id=one.event_id,
        one=_part(one.one),
        other=_part(one.other),
        other_member_id=one.other_member_id,
    )


def _verdict(one: Verdict) -> VerdictView:
    return VerdictView(
        decision=one.decision, time=one.time, by=one.by, one=_part(one.one), other=_part(one.other)
    )
