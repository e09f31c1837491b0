"""Streams cut into batches."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of ``size`` items, the last one shorter (``itertools.batched`` needs Python 3.12)."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
