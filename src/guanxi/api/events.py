"""Events over HTTP: the end of the log, and the types that events may have."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import ConfigDict, Field

from guanxi.access import Action, Permission
from guanxi.access.service import trail
from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of, service
from guanxi.api.document import problems
from guanxi.api.happenings import EventPage, both, event_view
from guanxi.api.paging import PageAsked
from guanxi.api.problems import BothLanguages
from guanxi.api.values import WHOLE, Input, Output
from guanxi.customers.events import service as events
from guanxi.customers.events.model import EventType, Field as Declared, FieldType
from guanxi.customers.events.service import EventIntake
from guanxi.customers.members.service import Members
from guanxi.kernel.clock import date_to_day
from guanxi.kernel.errors import Conflict, InvalidInput
from guanxi.kernel.text import Text
from guanxi.storage.merchants import get_merchant

router = APIRouter(prefix="/v1", tags=["events"])

Reader = Annotated[Caller, require(Permission.EVENTS_READ)]
Context = Annotated[ApiContext, Depends(context_of)]
_CLOSED: dict[str, Any] = {"additionalProperties": False}


class Contradiction(Conflict):
    """The parts of a declaration do not fit together."""

    code: ClassVar[str] = "contradictory_declaration"
    text = Text("{reason_zh}", "{reason_en}")


@router.get("/events")
def list_events(
    caller: Reader,
    context: Context,
    members: Annotated[Members, service(Members)],
    page: PageAsked,
    type: Annotated[str | None, Query(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")] = None,
    day: Annotated[
        str | None,
        Query(
            pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            json_schema_extra={"format": "date"},
            description="only events that happened on this day of the merchant's",
        ),
    ] = None,
) -> EventPage:
    """List the events that came last, without what is personal."""
    with context.database.reading() as tx:
        found = members.events(
            tx,
            get_merchant(tx, caller.merchant_id),
            type=type or "",
            day=None if day is None else _day(day),
            cursor=page.cursor,
            limit=page.limit,
        )
    return EventPage(items=[event_view(one) for one in found.items], next_cursor=found.next_cursor)


def _day(text: str) -> int:
    try:
        return date_to_day(date.fromisoformat(text))
    except ValueError:
        raise InvalidInput(reason_zh=f"没有 {text} 这一天。", reason_en=f"there is no day {text}.") from None


class FieldView(Output):
    """A declared property."""

    name: str
    type: FieldType
    label: BothLanguages
    required: bool
    personal: bool
    values: list[str] = Field(description="what it may be; anything if empty")
    of: list[FieldView] = Field(description="properties of a list's elements")


class MeasureView(Output):
    """A numeric property that may be aggregated."""

    name: str
    field: str
    unit: str


class DimensionView(Output):
    """What measures may be sliced by."""

    name: str
    key: str
    context: str
    each: str
    measures: dict[str, str]


class EventTypeView(Output):
    """The newest version of a type of event."""

    name: str
    version: int
    label: BothLanguages
    builtin: bool = Field(description="part of the product; a merchant cannot change it")
    internal: bool = Field(description="written by Guanxi alone")
    fields: list[FieldView]
    measures: list[MeasureView]
    dimensions: list[DimensionView]


class EventTypeList(Output):
    """Every type of event, by name."""

    items: list[EventTypeView]


PropertyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Words = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]


class LabelInput(Input):
    """What people call it."""

    zh: Words
    en: Words


class ElementInput(Input):
    """A property of a list's elements."""

    type: FieldType
    label: LabelInput | None = None
    required: bool = False


class FieldInput(Input):
    """A property."""

    type: FieldType
    label: LabelInput | None = None
    required: bool = False
    personal: bool = False
    values: list[Words] = Field(default=[], max_length=100)
    of: dict[PropertyName, ElementInput] = Field(default={}, max_length=64, json_schema_extra=_CLOSED)


class MeasureInput(Input):
    """A numeric property that may be aggregated, by default the one of the same name."""

    field: PropertyName | None = None
    unit: Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None


class DimensionInput(Input):
    """What measures may be sliced by: a property, the channel or account, or a property of a list's elements."""

    key: PropertyName | None = None
    context: Literal["channel", "account"] | None = None
    each: PropertyName | None = None
    measures: dict[PropertyName, PropertyName] = Field(default={}, max_length=16, json_schema_extra=_CLOSED)


class EventTypeInput(Input):
    """A merchant's own type of event, or the next version of one."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "lesson.finished",
                "version": 1,
                "label": {"zh": "上完一节课", "en": "Finished a lesson"},
                "fields": {"minutes": {"type": "int", "required": True}},
                "measures": {"minutes": {}},
            }
        }
    )

    name: Annotated[str, Field(max_length=128, pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,3}$")]
    version: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] = 1
    label: LabelInput | None = None
    fields: dict[PropertyName, FieldInput] = Field(default={}, max_length=200, json_schema_extra=_CLOSED)
    measures: dict[PropertyName, MeasureInput] = Field(default={}, max_length=32, json_schema_extra=_CLOSED)
    dimensions: dict[PropertyName, DimensionInput] = Field(
        default={}, max_length=16, json_schema_extra=_CLOSED
    )

    def spec(self) -> dict[str, Any]:
        """Return the declaration as it is kept."""
        return self.model_dump(mode="json", exclude={"name"}, exclude_none=True)


@router.get("/event-types")
def list_event_types(caller: Reader, intake: Annotated[EventIntake, service(EventIntake)]) -> EventTypeList:
    """List the types of events, the product's and the merchant's own, each in its newest version."""
    _, catalogue = intake.merchant(caller.merchant_id)
    return EventTypeList(items=[_type_view(catalogue.types[name]) for name in sorted(catalogue.types)])


@router.put("/event-types", responses=problems(409))
def declare_event_type(
    body: EventTypeInput,
    caller: Annotated[Caller, require(Permission.SETTINGS_MANAGE)],
    context: Context,
) -> EventTypeView:
    """Declare a type of event, or the next version of one; the same declaration again changes nothing.

    It takes effect everywhere within five seconds.
    """
    now = context.clock.now()
    with context.database.transaction() as tx:
        try:
            declared = events.declare(tx, caller.merchant_id, body.name, body.spec(), now)
        except InvalidInput as error:
            raise Contradiction(**error.params) from error
        trail.record(
            tx,
            caller.merchant_id,
            Action.SETTINGS_CHANGED,
            by=caller.actor,
            now=now,
            target=body.name[:64],
            detail={"event_type": body.name, "version": declared.version},
        )
    return _type_view(declared)


def _type_view(one: EventType) -> EventTypeView:
    return EventTypeView(
        name=one.name,
        version=one.version,
        label=both(one.label),
        builtin=one.builtin,
        internal=one.internal,
        fields=[_field_view(field) for field in one.fields.values()],
        measures=[
            MeasureView(name=item.name, field=item.field, unit=item.unit) for item in one.measures.values()
        ],
        dimensions=[
            DimensionView(
                name=item.name,
                key=item.key,
                context=item.context,
                each=item.each,
                measures=dict(item.measures),
            )
            for item in one.dimensions.values()
        ],
    )


def _field_view(one: Declared) -> FieldView:
    return FieldView(
        name=one.name,
        type=one.type,
        label=both(one.label),
        required=one.required,
        personal=one.personal,
        values=list(one.values),
        of=[_field_view(item) for item in one.of.values()],
    )
