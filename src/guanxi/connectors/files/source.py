"""What every reader gives: the columns there are, and blocks of rows with their places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from guanxi.connectors.files.problems import Bad

ROWS = 2_000
"""Rows in a block: small enough to stay in the processor's cache, large enough to work in columns."""
RAW_LIMIT = 64 * 1024
"""Bytes kept of a row that is too long to hold."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read."""

    line: int
    raw: bytes
    bad: Bad
    event_id: str = ""
    """The id its message would have had, empty where that cannot be told."""


@dataclass(slots=True)
class Block:
    """Some rows of a file, in order, as columns."""

    columns: list[Sequence[Any]]
    """One sequence of cells per wanted column, in the order wanted."""
    lines: Sequence[int]
    """The line (CSV, JSONL) or row (Parquet) at which each row begins, from 1."""
    raw: Callable[[int], bytes]
    """The row at an index as it stands in the file."""
    whole: Callable[[int], Any]
    """Everything the row at an index says, for an id made of all of it."""
    bad: list[BadRow] = field(default_factory=list)
    bytes_read: int = 0

    @property
    def rows(self) -> int:
        """Return the number of readable rows."""
        return len(self.lines)


class Source(Protocol):
    """A file that is open for reading."""

    blank: int
    """Blank lines passed over so far."""
    delimiter: str
    """Of CSV; empty otherwise."""

    @property
    def encoding(self) -> str:
        """Return the encoding declared or found; it may be settled only while reading."""
        ...

    def columns(self) -> list[str]:
        """Return the names of the columns; raises a ``FileProblem`` if there are none."""
        ...

    def blocks(self, wanted: Sequence[str]) -> Iterator[Block]:
        """Yield all rows with the ``wanted`` columns; raises ``BrokenFile`` where the file breaks off."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...
