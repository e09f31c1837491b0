"""An intake that remembers, for tests of what connectors hand over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from guanxi.connectors.intake import Rejected


@dataclass(frozen=True)
class Counts:
    accepted: int
    duplicates: int
    dead_lettered: int = 0
    unidentified: Mapping[str, int] = field(default_factory=dict)


class MemoryIntake:
    """Keeps messages by id, like the store would, and everything that was rejected."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.rejected: list[Rejected] = []

    def accept(self, messages: Sequence[Mapping[str, Any]]) -> Counts:
        before = len(self.messages)
        for message in messages:
            self.messages.setdefault(message["messageId"], dict(message))
        new = len(self.messages) - before
        return Counts(new, len(messages) - new)

    def reject(self, rejected: Sequence[Rejected]) -> None:
        self.rejected += rejected

    @property
    def all(self) -> list[dict[str, Any]]:
        return list(self.messages.values())
