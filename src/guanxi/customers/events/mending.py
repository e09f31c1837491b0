"""What is kept with a rejected row of a file, so that it can be read again: how, and which event it would have been.

The form of an import is the same for all its rows and is kept once, under the hash of its text. A row names it in a
head before its own bytes, inside the seal; what came as a message has none and names its event itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from guanxi.kernel.hashing import content_hash
from guanxi.storage.merchants import get_setting, set_setting

if TYPE_CHECKING:
    from guanxi.storage.database import Database

_SETTING = "events.form."
_MARK = b"\x00row"


class Kept(msgspec.Struct, frozen=True):
    """A rejected input: its bytes, the name of the form to read it by (or empty) and the event's id where known."""

    raw: bytes
    form: str = ""
    event_id: str = ""


class _Message(msgspec.Struct, rename="camel"):
    message_id: str = ""
    line: int = 0


def head(form: str, event_id: str) -> bytes:
    """Return what stands before a row."""
    return _MARK + msgspec.json.encode([form, event_id]) + b"\n"


def opened(content: bytes) -> Kept:
    """Read what was sealed. Never raises: what only looks like a head is part of the input."""
    if content.startswith(_MARK):
        first, _, raw = content[len(_MARK) :].partition(b"\n")
        try:
            form, event_id = msgspec.json.decode(first, type=tuple[str, str])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Kept(content)
        return Kept(raw, form, event_id)
    try:
        return Kept(content, "", msgspec.json.decode(content, type=_Message).message_id)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Kept(content)


def line(raw: bytes) -> int:
    """Return the line of the file that a rejected message came from; 0 where there is none."""
    try:
        return msgspec.json.decode(raw, type=_Message).line
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0


def keep_form(database: Database, merchant_id: str, text: str) -> str:
    """Keep a form and return its name."""
    name = content_hash(text.encode()).hex()
    if form(database, merchant_id, name) is None:
        with database.transaction() as tx:
            set_setting(tx, merchant_id, _SETTING + name, text)
    return name


def form(database: Database, merchant_id: str, name: str) -> str | None:
    """Return a form."""
    with database.reading() as tx:
        return get_setting(tx, merchant_id, _SETTING + name)
