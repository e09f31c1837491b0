"""Changes of definitions put into words, so that they can be kept and carried out elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from guanxi.definitions.model import Ref


class Way(StrEnum):
    """How definitions are changed."""

    TEXT = "text"
    ROLLBACK = "rollback"
    REMOVE = "remove"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Wish:
    """A change of definitions in words, so that it can be kept and carried out elsewhere.

    By way of ``text`` the documents in it, of ``rollback`` a definition and the ``number`` of its version, of ``remove`` a
    definition, of ``restore`` the ``number`` of the release after which everything was as it shall be again.
    """

    way: Way
    text: str = ""
    ref: Ref = field(default_factory=lambda: Ref("", ""))
    number: int = 0

    def said(self) -> dict[str, Any]:
        """Return the wish as JSON values."""
        return {"way": self.way.value, "text": self.text, "ref": [*self.ref], "number": self.number}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Wish:
        """Return what ``said`` wrote."""
        return cls(Way(said["way"]), said["text"], Ref(*said["ref"]), said["number"])
