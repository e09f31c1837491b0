"""Types of what comes in and goes out, each with the JSON schema that says exactly what is accepted."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from guanxi.kernel.clock import date_to_day, day_to_date, to_rfc3339

T = TypeVar("T")

NAME_PATTERN = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,78}[^\s\x00-\x1f\x7f])?$"
SLUG_PATTERN = r"^[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?$"

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=NAME_PATTERN)]
"""What people call a thing: 1–80 characters, no control characters, no space at either end."""

Slug = Annotated[str, Field(min_length=1, max_length=32, pattern=SLUG_PATTERN)]
"""A short name for programs."""

Instant = Annotated[
    int,
    PlainSerializer(to_rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant in µs, sent as RFC 3339 text in UTC."""

Day = Annotated[
    int,
    PlainSerializer(lambda day: day_to_date(day).isoformat(), return_type=str),
    WithJsonSchema({"type": "string", "format": "date"}),
]
"""A local day of the merchant's, sent as its date."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _date(value: object) -> int:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date_to_day(date.fromisoformat(value))
        except ValueError:
            pass
    raise PydanticCustomError("date_type", "not a date")


DateInput = Annotated[
    int, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date", "example": "2026-01-31"})
]
"""A local day of the merchant's, given as its date."""


def _whole(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not int:
        raise PydanticCustomError("int_type", "not a whole number")
    return value


WHOLE = BeforeValidator(_whole)
"""Makes a body's ``int`` take what JSON schema calls an integer (``3`` and ``3.0``) and neither ``"3"`` nor ``true``.

It comes last, or the bounds are lost to the schema: ``Annotated[int, Field(ge=1), WHOLE]``.
"""


class Input(BaseModel):
    """A request body: unknown fields are refused, so that a typing error is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Output(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)


def distinct(values: list[T]) -> list[T]:
    """Return ``values``; raises ``ValueError`` if one is there twice."""
    if len(set(values)) != len(values):
        msg = "values must be distinct"
        raise ValueError(msg)
    return values
