"""The port through which connectors hand over what they read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guanxi.kernel.text import Text

Message = dict[str, Any]
"""A message of the Segment shape. ``line`` is where in the file it comes from: nothing of the event, but shown if refused."""


class Receipt(Protocol):
    """What became of the messages of one ``accept``: the three counts add up to the messages handed over."""

    @property
    def accepted(self) -> int:
        """Messages stored as new events."""
        ...

    @property
    def duplicates(self) -> int:
        """Messages whose id was known already; nothing was changed."""
        ...

    @property
    def dead_lettered(self) -> int:
        """Messages kept in the dead-letter with the reason why they are no events."""
        ...

    @property
    def unidentified(self) -> Mapping[str, int]:
        """Values of accepted messages that came as identities but identify nobody, counted by ``type.reason``."""
        ...


@dataclass(frozen=True, slots=True)
class Rejected:
    """Input that could not become a message at all, for the dead-letter.

    ``raw`` is the input as it stood in the source, cut when it was too long to hold; ``place`` says where that was
    (``file``, ``line``, ``column``, ``bytes``), so that a person finds it and mends it. ``form`` is what is needed to
    read it again when it was mended, ``event_id`` the id that its message would have had, where that can be told.
    """

    raw: bytes
    code: str
    reason: Text
    place: Mapping[str, str | int]
    form: str = ""
    event_id: str = ""


class Intake(Protocol):
    """Takes messages in. Each call is durable when it returns, and all or nothing."""

    def accept(self, messages: Sequence[Mapping[str, Any]]) -> Receipt:
        """Store messages; those with a known ``messageId`` are counted as duplicates and change nothing."""
        ...

    def reject(self, rejected: Sequence[Rejected]) -> None:
        """Keep what could not become a message; the same input from the same place is kept once."""
        ...


@runtime_checkable
class SharedIntake(Intake, Protocol):
    """An intake that works on several sets at once; what is submitted is durable when its receipt comes."""

    def submit(self, messages: Sequence[Mapping[str, Any]]) -> Sequence[Receipt]:
        """Hand in messages; return the receipts of earlier ones that have become durable meanwhile."""
        ...

    def finish(self) -> Sequence[Receipt]:
        """Make everything durable that was submitted; return the receipts not told yet."""
        ...


@runtime_checkable
class JudgingIntake(Intake, Protocol):
    """An intake that can say beforehand whether it would take a message."""

    def refusal(self, message: Mapping[str, Any]) -> tuple[str, Text] | None:
        """Return the code and the reason of a message's refusal, ``None`` if it would be taken; nothing is kept."""
        ...
