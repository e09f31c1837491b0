"""Events as the API shows them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from guanxi.api.paging import Paged
from guanxi.api.problems import BothLanguages
from guanxi.api.values import Day, Instant, Output
from guanxi.customers.events.model import FieldType
from guanxi.customers.members.model import TimelineEntry
from guanxi.kernel.text import Text


def both(text: Text) -> BothLanguages:
    """Return a text in both languages."""
    return BothLanguages(zh=text.zh, en=text.en)


class PropertyView(Output):
    """A declared property of an event."""

    name: str
    label: BothLanguages
    type: FieldType
    unit: str = Field(description="`fen` for money, whose values are integers of it")
    value: Any


class EventView(Output):
    """An event."""

    id: str
    type: str
    label: BothLanguages
    time: Instant
    day: Day
    received_at: Instant
    account: str = Field(description="enterprise account, empty if none")
    channel: str
    member_id: str | None
    properties: list[PropertyView]
    other: dict[str, Any] = Field(description="properties that no declaration describes")
    has_personal: bool = Field(description="some of it is sealed")
    personal: dict[str, Any] | None


class EventPage(Paged[EventView]):
    """Some events, the latest first."""


def event_view(one: TimelineEntry) -> EventView:
    """Return an event as the API shows it."""
    return EventView(
        id=one.event_id,
        type=one.type,
        label=both(one.label),
        time=one.time,
        day=one.day,
        received_at=one.received_at,
        account=one.account,
        channel=one.channel,
        member_id=one.member_id,
        properties=[
            PropertyView(
                name=field.name, label=both(field.label), type=field.type, unit=field.unit, value=field.value
            )
            for field in one.fields
        ],
        other=one.other,
        has_personal=one.has_personal,
        personal=one.personal,
    )
