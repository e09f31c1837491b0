"""Pages by cursor, as query parameters and as an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from guanxi.kernel.paging import DEFAULT_LIMIT, MAX_LIMIT

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page is asked for."""

    limit: int
    cursor: str | None


async def _page_query(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="how many items at most")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(
            pattern=r"^[A-Za-z0-9_-]+$",
            min_length=1,
            max_length=1024,
            description="`next_cursor` of the page before; without it the first page",
        ),
    ] = None,
) -> PageQuery:
    return PageQuery(limit, cursor)


PageAsked = Annotated[PageQuery, Depends(_page_query)]
"""A route's parameter: ``page: PageAsked``."""


class Paged(BaseModel, Generic[T]):
    """Base of every page: subclass it with the item's type, so that it gets a name of its own in the document."""

    items: list[T]
    next_cursor: str | None = Field(description="ask with it for the next page; null on the last one")
