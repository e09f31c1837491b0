"""A rejected row read again, mended, as the import that rejected it would have read it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from guanxi.connectors.files.form import Form
from guanxi.connectors.files.problems import FileProblem
from guanxi.connectors.files.run import import_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guanxi.connectors.intake import Message, Rejected
    from guanxi.kernel.text import Text


class _Receipt:
    """Nothing was stored."""

    accepted = duplicates = dead_lettered = 0
    unidentified: Mapping[str, int] = MappingProxyType({})


class _Collected:
    """An intake that only keeps what came."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.rejected: list[Rejected] = []

    def accept(self, messages: Sequence[Mapping[str, Any]]) -> _Receipt:
        self.messages += [dict(message) for message in messages]
        return _Receipt()

    def reject(self, rejected: Sequence[Rejected]) -> None:
        self.rejected += rejected


def reread(form: str, raw: bytes, timezone: str) -> list[Message] | tuple[str, Text]:
    """Return the messages of a rejected row, or of the rows of one event; or a code and the reason why there are none."""
    mapping = msgspec.json.decode(form, type=Form).mapping
    collected = _Collected()
    with tempfile.TemporaryDirectory(prefix="guanxi-again-") as folder:
        path = Path(folder) / "row"
        path.write_bytes(raw + b"\n")
        try:
            import_file(path, mapping, collected, merchant_timezone=timezone)
        except FileProblem as error:
            return error.code, error.message
    if collected.rejected:
        return collected.rejected[0].code, collected.rejected[0].reason
    return collected.messages
