"""The document of everything known of a person, as the API describes it; ``privacy.export`` writes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from guanxi.api.values import Output
from guanxi.customers.identity.model import Decision

InstantText = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
DateText = Annotated[str, Field(json_schema_extra={"format": "date"})]
IdentityRef = Annotated[
    str, Field(description="the `id` of one of `identities`, which any route takes for the member")
]


class HeldView(Output):
    """Days on which an identity was this person's."""

    from_: DateText | None = Field(alias="from", description="null: from the beginning")
    until: DateText | None = Field(description="the day after the last; null: without end")


class ExportedIdentity(Output):
    """One identity in full."""

    id: str
    type: str
    scope: str
    value: str | None = Field(description="null if it only ever came hashed")
    first_seen: InstantText
    held: list[HeldView]


class ExportedAttribute(Output):
    """Something that was said of the person."""

    identity: IdentityRef
    name: str
    value: Any
    time: InstantText
    event: str


class ExportedConsent(Output):
    """Something the person agreed to, or not any more."""

    identity: IdentityRef
    purpose: str
    channel: str
    given: bool
    evidence: str
    time: InstantText
    event: str


class ExportedListing(Output):
    """A static audience into which an identity of the person's was put."""

    audience: str
    identity: IdentityRef
    added_at: InstantText


class ExportedVerdict(Output):
    """What staff decided about two identities; one of somebody else's is not named."""

    identities: list[IdentityRef]
    verdict: Decision
    time: InstantText


class ExportedTotal(Output):
    """What one measure of one type of event adds up to; money in fen."""

    type: str
    measure: str
    dimension: str
    value: str
    count: int
    total: int
    first_at: InstantText
    last_at: InstantText


class ExportedEventIdentity(Output):
    """An identity of the person's that an event carried."""

    type: str
    scope: str
    value: str | None


class ExportedEvent(Output):
    """An event of the person's, with what was sealed of it."""

    id: str
    type: str
    version: int
    time: InstantText
    received_at: InstantText
    account: str
    channel: str
    identities: list[ExportedEventIdentity]
    content: dict[str, Any]


class PersonExport(Output):
    """Everything known of one person. `events` comes last and may be long."""

    format: Literal["guanxi.person/1"]
    merchant: str
    time_zone: str
    currency: str
    exported_at: InstantText
    identities: list[ExportedIdentity]
    attributes: list[ExportedAttribute]
    consents: list[ExportedConsent]
    lists: list[ExportedListing]
    verdicts: list[ExportedVerdict]
    totals: list[ExportedTotal]
    events: list[ExportedEvent]
