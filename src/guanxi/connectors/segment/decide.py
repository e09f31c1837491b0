"""From a request body to the messages in it, or to the error that its sender must hear. Pure.

Whatever is wrong with one message is the dead-letter's business; an error here is about the request as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import msgspec

from guanxi.customers.events.decide import parse_time
from guanxi.kernel.errors import GuanxiError, InvalidInput
from guanxi.kernel.text import Text

KIBIBYTE = 1024

MESSAGE_LIMIT = 32 * KIBIBYTE
BATCH_LIMIT = 500 * KIBIBYTE
"""Segment's limits in bytes; its clients drop a longer message and flush at about 475,000 bytes by themselves."""

LARGE_MESSAGE_LIMIT = 4 * KIBIBYTE * KIBIBYTE
LARGE_BATCH_LIMIT = 2 * LARGE_MESSAGE_LIMIT
"""RudderStack's: its SDK flushes once a batch has *passed* 4 MiB, so that one more message may be in it."""

BODY_LIMIT = LARGE_BATCH_LIMIT
"""Bytes of the longest body, unzipped, that any client sends; whoever serves these routes reads no further."""

MOST_MESSAGES = 10_000


class MessageTooLarge(GuanxiError):
    """A message or a batch is longer than its client may send; Segment's clients expect a 400, and do not retry it."""

    code: ClassVar[str] = "too_large"
    status: ClassVar[int] = 400
    text: ClassVar[Text] = Text(
        "{what_zh}有 {size} 字节，上限 {limit} 字节；请拆分后重试。",
        "The {what_en} has {size} bytes, the limit is {limit}; split it and try again.",
    )


class TooManyMessages(GuanxiError):
    """A batch holds more messages than any client sends."""

    code: ClassVar[str] = "too_many_messages"
    status: ClassVar[int] = 400
    text: ClassVar[Text] = Text(
        "一批有 {count} 条消息，上限 {limit} 条。", "The batch has {count} messages, the limit is {limit}."
    )


class Delivery(NamedTuple):
    """What a request brings. ``sent_at`` is the sender's clock when it sent, in microseconds UTC, if it said so."""

    messages: Sequence[msgspec.Raw | dict[str, Any]]
    sent_at: int | None
    write_key: str


class _Batch(msgspec.Struct, rename="camel"):
    batch: list[msgspec.Raw]
    sent_at: str | None = None
    write_key: str | None = None


class _Library(msgspec.Struct):
    name: str = ""


class _Context(msgspec.Struct):
    library: _Library | None = None


class _Signature(msgspec.Struct):
    """The parts of a message that tell whose client wrote it."""

    channel: Any = None
    context: _Context | None = None


_batch = msgspec.json.Decoder(_Batch).decode
_single = msgspec.json.Decoder(dict[str, Any]).decode
_signature = msgspec.json.Decoder(_Signature).decode
_PLACE = re.compile(r"`(\$[^`]*)`|(?<=\(byte )(\d+)")
_BROKEN = (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_batch(body: bytes) -> Delivery:
    """Read ``{"batch": […], "sentAt": …, "writeKey": …}``.

    Raises ``InvalidInput``, ``MessageTooLarge`` or ``TooManyMessages``.
    """
    try:
        found = _batch(body)
    except _BROKEN as error:
        raise _malformed(error) from error
    if len(found.batch) > MOST_MESSAGES:
        raise TooManyMessages(count=len(found.batch), limit=MOST_MESSAGES)
    longest = max(map(len, found.batch), default=0)
    if longest > MESSAGE_LIMIT or len(body) > BATCH_LIMIT:
        _check_size(
            len(body), longest, may_be_large=_is_rudderstack(found.batch[0]) if found.batch else False
        )
    return Delivery(found.batch, _sent_at(found.sent_at), found.write_key or "")


def read_single(body: bytes, call: str) -> Delivery:
    """Read one message whose type the address tells; raises as ``read_batch`` does."""
    try:
        message = _single(body)
    except _BROKEN as error:
        raise _malformed(error) from error
    if len(body) > MESSAGE_LIMIT:
        _check_size(len(body), len(body), may_be_large=_is_rudderstack(body))
    write_key = message.pop("writeKey", None)
    message["type"] = call
    return Delivery([message], None, write_key if isinstance(write_key, str) else "")


def _check_size(batch: int, longest: int, *, may_be_large: bool) -> None:
    most, most_each = (
        (LARGE_BATCH_LIMIT, LARGE_MESSAGE_LIMIT) if may_be_large else (BATCH_LIMIT, MESSAGE_LIMIT)
    )
    if longest > most_each:
        raise MessageTooLarge(what_zh="一条消息", what_en="message", size=longest, limit=most_each)
    if batch > most:
        raise MessageTooLarge(what_zh="一批消息", what_en="batch", size=batch, limit=most)


def _is_rudderstack(message: msgspec.Raw | bytes) -> bool:
    """Say whether RudderStack's SDK wrote a message.

    Its Python SDK calls itself ``analytics-python`` as Segment's does, but names its ``channel`` beside the context;
    its other SDKs have the name in theirs.
    """
    try:
        found = _signature(message)
    except _BROKEN:
        return False
    library = found.context.library if found.context else None
    return isinstance(found.channel, str) or (library is not None and "rudder" in library.name.lower())


def _sent_at(text: str | None) -> int | None:
    return parse_time(text) if text else None


def _malformed(error: Exception) -> InvalidInput:
    # The decoder speaks English only; the place it names is the same in every language.
    found = _PLACE.search(str(error))
    place = f"，位置 {found[0].strip('`')}" if found else ""
    return InvalidInput(
        reason_zh=f"请求体不是约定的 JSON{place}",
        reason_en=f"the body is not the JSON that is expected: {error}",
    )
