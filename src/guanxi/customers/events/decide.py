"""From a message as clients send it to an event, or to the reason why it cannot be one. Pure.

Messages have the shape of the Segment specification: ``type`` is ``track``, ``identify``, ``page``, ``screen``,
``group`` or ``alias``; ``userId`` and ``anonymousId`` say who, and ``context.identities`` names further identities as
``{type, scope, value}``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeGuard

import msgspec

from guanxi.customers.events import personal
from guanxi.customers.events.catalogue import Catalogue, check
from guanxi.customers.events.model import Arrival, EventType, Refused, Seen, Source
from guanxi.customers.identity.kinds import KINDS, Rejection, Typed, identify
from guanxi.kernel.clock import DAY, HOUR, MINUTE, from_datetime
from guanxi.kernel.hashing import content_hash
from guanxi.kernel.phone import PhoneKind, read_phone
from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

_CALLS = frozenset({"track", "identify", "page", "screen", "group", "alias"})
_SKEW = 2 * MINUTE
_FUTURE = 24 * HOUR
_OLDEST = from_datetime(datetime(2000, 1, 1, tzinfo=UTC))
_CONTEXT = ("campaign", "locale", "library", "app", "os", "device", "referrer")
_MOST_IDENTITIES = 16
_WIDEST_ID = 10**64
_SOME_ACCOUNT = "default"


class Message(msgspec.Struct, rename="camel"):
    """A message as it arrives. Everything is optional here: what is missing is refused with a reason, not a 400."""

    type: str = ""
    event: str | None = None
    message_id: str | None = None
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    previous_id: str | int | None = None
    group_id: str | int | None = None
    name: str | None = None
    category: str | None = None
    timestamp: str | None = None
    original_timestamp: str | None = None
    sent_at: str | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(Message).decode


def read(raw: bytes | msgspec.Raw) -> Message | Refused:
    """Read one message from JSON."""
    try:
        return _decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Refused("malformed", Text(f"消息格式不对：{error}", f"The message is malformed: {error}"))


def convert(message: Mapping[str, Any]) -> Message | Refused:
    """Read one message from a dictionary."""
    try:
        return msgspec.convert(message, Message)
    except (msgspec.ValidationError, RecursionError) as error:
        return Refused("malformed", Text(f"消息格式不对：{error}", f"The message is malformed: {error}"))


def arrive(
    message: Message, source: Source, catalogue: Catalogue, received_at: int, sent_at: int | None = None
) -> Arrival | Refused:
    """Return the event that a message is, or why it is none.

    ``sent_at`` is the sender's clock at the moment of sending (the batch's ``sentAt``); with it a wrong clock is put
    right. Nothing here depends on anything stored, so a retry is judged alike.
    """
    named = _event_type(message)
    if isinstance(named, Refused):
        return named
    kind = catalogue.get(named)
    if kind is not None and kind.internal and not source.internal:
        title = kind.title
        return Refused(
            "reserved_type",
            Text(f"{title.zh}只能由系统写入。", f"{title.en} may only be written by the system."),
        )
    context = message.context or {}
    identities, unidentified = _identities(message, source, context)
    if isinstance(identities, Refused):
        return identities
    if not identities and (kind is None or kind.needs_subject):
        return _nobody(unidentified)
    times = _times(message, received_at, sent_at)
    if isinstance(times, Refused):
        return times
    contents = _contents(message, named, kind, context, unidentified)
    if isinstance(contents, Refused):
        return contents
    event_id = message.message_id or _made_id(message)
    if isinstance(event_id, Refused):
        return event_id
    account, channel = context.get("account"), context.get("channel")
    return Arrival(
        event_id=event_id,
        type=named,
        version=kind.version if kind else 0,
        written_at=times[0],
        time=times[1],
        account=account if _is_name(account) else source.account,
        channel=channel if _is_name(channel) else source.channel,
        identities=identities,
        payload=contents[0],
        personal=contents[1],
    )


def _is_name(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= 64 and value.isprintable()


def _event_type(message: Message) -> str | Refused:
    if message.message_id is not None and (not message.message_id or len(message.message_id) > 256):
        return Refused(
            "bad_message_id",
            Text("messageId 应为 1–256 个字符。", "messageId should have 1 to 256 characters."),
        )
    if message.message_id is not None and "\x00" in message.message_id:
        return Refused("bad_message_id", Text("messageId 含有空字符。", "messageId holds a NUL character."))
    if message.type not in _CALLS:
        names = ", ".join(sorted(_CALLS))
        return Refused(
            "unknown_call", Text(f"type 应为 {names} 之一。", f"type should be one of {names}."), "type"
        )
    if message.type != "track":
        return message.type
    name = (message.event or "").strip()
    if not name or len(name) > 128 or not name.isprintable():
        return Refused(
            "no_event_name",
            Text(
                "track 消息缺少事件名 event（1–128 个字符）。",
                "A track message needs an event name of 1 to 128 characters.",
            ),
            "event",
        )
    return name


def _identities(
    message: Message, source: Source, context: Mapping[str, Any]
) -> tuple[list[Seen] | Refused, list[dict[str, Any]]]:
    found: dict[Typed, Seen] = {}
    rejected: list[dict[str, Any]] = []

    def add(kind: str, scope: str, value: Any) -> None:
        if value is None or value == "":
            return
        # A longer number is no id, and Python refuses to write out one of thousands of digits.
        text = value if isinstance(value, str) else str(value) if abs(value) < _WIDEST_ID else "9" * 600
        known = identify(kind, scope, text)
        if isinstance(known, Rejection):
            hint = known.text
            rejected.append(
                {
                    "type": kind,
                    "value": text[:256],
                    "what": known.code,
                    "hint": {"zh": hint.zh, "en": hint.en},
                }
            )
        elif known not in found:
            found[known] = Seen(*known, known.value if kind != "phone" else _shown(text))

    account = source.account or _SOME_ACCOUNT
    if message.user_id is not None or message.anonymous_id is not None:
        add("user_id", account, message.user_id)
        add("anonymous_id", account, message.anonymous_id)
    if message.type == "alias":
        add("anonymous_id", account, message.previous_id)
    listed = context.get("identities")
    if listed is not None:
        bad = _listed(listed, add)
        if bad:
            return bad, rejected
    traits = message.traits if message.type == "identify" and message.traits else context.get("traits")
    if isinstance(traits, dict):
        for kind, names in (("phone", ("phone", "mobile")), ("email", ("email",))):
            for name in names:
                value = traits.get(name)
                if isinstance(value, (str, int)) and not isinstance(value, bool):
                    add(kind, "", value)
    if len(found) > _MOST_IDENTITIES:
        return (
            Refused(
                "too_many_identities",
                Text("一条消息最多 16 个身份。", "A message carries 16 identities at most."),
            ),
            rejected,
        )
    return list(found.values()), rejected


def _shown(text: str) -> str:
    if len(text) == 11 and text.isascii() and text.isdigit():
        return text
    phone = read_phone(text)
    return "" if phone.kind is PhoneKind.SHA256 else phone.number


def _listed(listed: Any, add: Any) -> Refused | None:
    path = "context.identities"
    if not isinstance(listed, list):
        return Refused("malformed", Text(f"{path} 应为列表。", f"{path} should be a list."), path)
    for index, item in enumerate(listed):
        said = item if isinstance(item, dict) else {}
        kind, value, scope = said.get("type"), said.get("value"), said.get("scope", "")
        if not isinstance(kind, str) or kind not in KINDS:
            here, names = f"{path}[{index}]", ", ".join(KINDS)
            return Refused(
                "unknown_identity",
                Text(f"{here}.type 应为 {names} 之一。", f"{here}.type should be one of {names}."),
                here,
            )
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            return _no_text(f"{path}[{index}]", "value")
        if scope != "" and (not isinstance(scope, str) or len(scope) > 64 or not scope.isprintable()):
            return _no_text(f"{path}[{index}]", "scope")
        add(kind, scope, value)
    return None


def _no_text(here: str, part: str) -> Refused:
    return Refused("malformed", Text(f"{here}.{part} 应为文字。", f"{here}.{part} should be text."), here)


def _nobody(unidentified: list[dict[str, Any]]) -> Refused:
    if unidentified:
        what = ", ".join(f"{item['type']} ({item['what']})" for item in unidentified)
        return Refused(
            "no_identity",
            Text(
                f"没有可用的身份；收到的不能识别人：{what}。",
                f"No usable identity; what came identifies nobody: {what}.",
            ),
        )
    return Refused(
        "no_identity",
        Text(
            "没有身份：请提供 userId、anonymousId 或 context.identities。",
            "No identity: send userId, anonymousId or context.identities.",
        ),
    )


def parse_time(text: str) -> int | None:
    """Return the instant of an RFC 3339 time, read as UTC when it has no offset; ``None`` if it is no time."""
    try:
        moment = datetime.fromisoformat(text)
        return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def _times(message: Message, received_at: int, sent_at: int | None) -> tuple[int, int] | Refused:
    text = message.timestamp or message.original_timestamp
    if not text:
        # No day of its own: such ids are remembered under day 0, where a retry tomorrow still finds them.
        return (0, received_at)
    written = parse_time(text)
    if written is None:
        return Refused(
            "bad_timestamp",
            Text(f"timestamp 不是有效的时间：{text[:64]}", f"timestamp is not a valid time: {text[:64]}"),
            "timestamp",
        )
    if sent_at is None and message.sent_at:
        sent_at = parse_time(message.sent_at)
    time = written
    if sent_at is not None and abs(received_at - sent_at) > _SKEW:
        time = written + received_at - sent_at
    if not _OLDEST <= written <= received_at + 366 * DAY or not _OLDEST <= time <= received_at + _FUTURE:
        return Refused(
            "impossible_time",
            Text(
                f"时间不可能：{text[:64]}；请检查发送方的时钟。",
                f"The time is impossible: {text[:64]}; check the sender's clock.",
            ),
            "timestamp",
        )
    return (written, min(time, received_at))


def _contents(
    message: Message,
    named: str,
    kind: EventType | None,
    context: Mapping[str, Any],
    unidentified: list[dict[str, Any]],
) -> tuple[dict[str, Any], dict[str, Any]] | Refused:
    payload: dict[str, Any] = {}
    private: dict[str, Any] = {}
    properties = message.properties
    if kind is not None and kind.fields and (refused := check(kind, properties or {})):
        return refused
    if properties:
        declared = kind.fields if kind else None
        _put(payload, private, "properties", *personal.split(properties, personal.IN_TRAITS, declared))
    traits = message.traits or (context.get("traits") if named == "identify" else None)
    if isinstance(traits, dict) and traits:
        _put(payload, private, "traits", *personal.split(traits, personal.IN_TRAITS))
    if message.name is not None or message.category is not None or message.group_id is not None:
        said = {"name": message.name, "category": message.category, "group": message.group_id}
        public, closed = personal.split({key: value for key, value in said.items() if value is not None}, ())
        payload.update(public)
        private.update(closed)
    consents = _consents(context)
    if consents is not None:
        payload["consent"] = consents
    about = {key: context[key] for key in _CONTEXT if key in context}
    page = context.get("page")
    if isinstance(page, dict):
        about["page"] = {key: page[key] for key in ("path", "title") if key in page}
    if about:
        device = about.pop("device", None)
        public, closed = personal.split(about, personal.IN_CONTEXT)
        if isinstance(device, dict):
            _put(public, closed, "device", *personal.split(device, personal.IN_CONTEXT))
        _put(payload, private, "context", public, closed)
    if unidentified:
        private["unidentified"] = unidentified
    return payload, private


def _consents(context: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return what ``context.consent`` says: ``{purpose, channel, granted}`` each; anything else there is left out."""
    listed = context.get("consent")
    if not isinstance(listed, list):
        return None
    return [
        {"purpose": item["purpose"][:64], "channel": item["channel"][:64], "granted": item["granted"]}
        for item in listed[:64]
        if isinstance(item, dict)
        and isinstance(item.get("purpose"), str)
        and isinstance(item.get("channel"), str)
        and isinstance(item.get("granted"), bool)
    ]


def _put(
    payload: dict[str, Any], private: dict[str, Any], key: str, public: dict[str, Any], closed: dict[str, Any]
) -> None:
    if public:
        payload[key] = public
    if closed:
        private[key] = closed


def _made_id(message: Message) -> str | Refused:
    """Return an id for a message without one: the same content is the same message, whenever it is sent."""
    try:
        content = msgspec.json.encode(msgspec.structs.replace(message, sent_at=None))
    except UNENCODABLE as error:
        return unencodable(error)
    return "made:" + content_hash(content).hex()


UNENCODABLE = (ValueError, TypeError, OverflowError, RecursionError)
"""What encoding raises for lone surrogates, values that JSON does not know, and a thousand levels."""


def unencodable(error: Exception) -> Refused:
    """Say that a message cannot be written as JSON."""
    return Refused("malformed", Text(f"消息无法编码：{error}", f"The message cannot be encoded: {error}"))
