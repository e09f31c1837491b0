"""Rows into messages, by a mapping made ready for one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from hashlib import blake2b
from itertools import chain, compress, islice
from typing import Any

import msgspec

from guanxi.connectors.files.cells import Converter, cleaner, converter, key_converter
from guanxi.connectors.files.mapping import Condition, Field, Mapping, MessageId, Take, field_of
from guanxi.connectors.files.problems import Bad, InvalidMapping
from guanxi.connectors.files.source import Block
from guanxi.connectors.files.times import time_reader
from guanxi.connectors.intake import Message
from guanxi.kernel.clock import zone as zone_of

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """One value that a row gives: from which wanted column, by which converter, and who wins in a group."""

    column: int
    convert: Converter
    name: str
    take: Take = "same"
    moment: bool = False


@dataclass(slots=True)
class Values:
    """The converted rows of a block; ``index`` leads back to the block, ``bad`` holds the first fault of a row."""

    index: Sequence[int]
    rows: list[Row]
    bad: dict[int, Bad]
    filtered: int


class Plan:
    """A mapping made ready: which columns are wanted, how their cells become values and values a message."""

    def __init__(self, mapping: Mapping, merchant_zone: tzinfo) -> None:
        self.mapping = mapping
        self.wanted: list[str] = []
        self.slots: list[Slot] = []
        self._zone = merchant_zone
        self._clean = cleaner(mapping.file.empty)
        self._where = [(self._want(condition.column), _test(condition)) for condition in mapping.where]
        self.key = self._key_slot(mapping.group.by, required=True) if mapping.group else None
        self._time = self._time_slot(field_of(mapping.time))
        self._id = self._id_slots()
        self._people = {
            name: self._key_slot(column, required=False)
            for name, column in (("userId", mapping.user_id), ("anonymousId", mapping.anonymous_id))
            if column
        }
        self._identities = [
            (part.type, part.scope, self._key_slot(part.column, required=False))
            for part in mapping.identities
        ]
        self._context: dict[str, Any] = {}
        self._context_slots: list[tuple[str, int]] = []
        for name, value in (("channel", mapping.channel), ("account", mapping.account)):
            field = Field(value=value) if isinstance(value, str) else value
            if field is not None:
                self._place(name, name, field, self._context, self._context_slots)
        self._consent = [
            (agreed, None if agreed.column is None else self._slot(Field(column=agreed.column, type="bool")))
            for agreed in mapping.consent
        ]
        self._constants: dict[str, Any] = {}
        self._fields: list[tuple[str, int]] = []
        track = mapping.type == "track"
        for name, value in (mapping.properties if track else mapping.traits).items():
            self._place(f"properties.{name}", name, field_of(value), self._constants, self._fields)
        self._traits: dict[str, Any] = {}
        self._trait_fields: list[tuple[str, int]] = []
        for name, value in (mapping.traits if track else {}).items():
            self._place(f"traits.{name}", name, field_of(value), self._traits, self._trait_fields)
        self.head = len(self.slots)
        self._line_constants: dict[str, Any] = {}
        self._line_fields: list[tuple[str, int]] = []
        for name, value in (mapping.group.lines if mapping.group else {}).items():
            field = field_of(value)
            self._place(f"group.lines.{name}", name, field, self._line_constants, self._line_fields)

    # --- making ready ---

    def _want(self, column: str) -> int:
        if column not in self.wanted:
            self.wanted.append(column)
        return self.wanted.index(column)

    def _add(self, slot: Slot) -> int:
        self.slots.append(slot)
        return len(self.slots) - 1

    def _slot(self, field: Field) -> int:
        column = field.column or ""
        zone = zone_of(field.zone) if field.zone else self._zone
        moment = field.type == "time"
        return self._add(Slot(self._want(column), converter(field, zone), column, field.take, moment))

    def _key_slot(self, column: str, *, required: bool) -> int:
        return self._add(Slot(self._want(column), key_converter(column, required=required), column))

    def _place(
        self, path: str, name: str, field: Field, constants: dict[str, Any], slots: list[tuple[str, int]]
    ) -> None:
        if field.column is not None:
            slots.append((name, self._slot(field)))
            return
        value = field.value.isoformat() if isinstance(field.value, date) else field.value
        if field.type != "text":
            value = converter(field, self._zone)([field.value])[0]
        constants[name] = _good(value, path)

    def _time_slot(self, field: Field) -> int | str:
        moment = msgspec.structs.replace(field, type="time", required=True)
        if field.column is not None:
            return self._slot(moment)
        zone = zone_of(field.zone) if field.zone else self._zone
        text: str = _good(time_reader("time", field.format, zone)(field.value), "time")
        return text

    def _id_slots(self) -> tuple[int, ...] | None:
        """Return the slots of what the message id is made of; ``None`` means the whole row."""
        given = self.mapping.id
        if given is None:
            return None if self.key is None else (self.key,)
        spec = MessageId(column=given) if isinstance(given, str) else given
        if spec.column is not None:
            return (self._key_slot(spec.column, required=True),)
        return tuple(self._key_slot(column, required=False) for column in spec.columns or ())

    @property
    def needs_whole_row(self) -> bool:
        """Say whether message ids are made of all that a row says."""
        return self._id is None

    # --- rows to values ---

    def values(self, block: Block) -> Values:
        """Convert the rows of a block that pass ``where``."""
        columns: list[list[Any]] = [self._clean(cells) for cells in block.columns]
        index: Sequence[int] = range(block.rows)
        for column, test in self._where:
            keep = [test(cell) for cell in columns[column]]
            if not all(keep):
                columns = [list(compress(cells, keep)) for cells in columns]
                index = list(compress(index, keep))
        converted = [slot.convert(columns[slot.column]) for slot in self.slots]
        bad: dict[int, Bad] = {}
        for values in converted:
            if Bad in set(map(type, values)):
                for row, value in enumerate(values):
                    if type(value) is Bad:
                        bad.setdefault(row, value)
        rows = list(zip(*converted, strict=True)) if converted else [()] * len(index)
        return Values(index, rows, bad, block.rows - len(index))

    # --- values to messages ---

    def messages(
        self, rows: Sequence[Row], whole: Sequence[Any], lines: Sequence[Sequence[Row]] | None = None
    ) -> list[Message | Bad]:
        """Return the messages of rows, or of groups' heads with their ``lines``, in the same order.

        ``whole`` is everything each row says; it is read only if ``needs_whole_row``.
        """
        if not rows:
            return []
        columns = list(zip(*rows, strict=True))
        size = len(rows)
        bodies = _records(self._constants, self._fields, columns, size)
        if lines is not None and self.mapping.group:
            flat = list(chain.from_iterable(lines))
            said = iter(
                _records(self._line_constants, self._line_fields, list(zip(*flat, strict=True)), len(flat))
            )
            for body, part in zip(bodies, lines, strict=True):
                body[self.mapping.group.name] = list(islice(said, len(part)))
        contexts = _records(self._context, self._context_slots, columns, size)
        for context, identities in zip(contexts, self._identity_lists(columns, size), strict=True):
            context["identities"] = identities
        times = [self._time] * size if isinstance(self._time, str) else columns[self._time]
        track = self.mapping.type == "track"
        fixed = {"type": self.mapping.type} | ({"event": self.mapping.event} if track else {})
        kind = "properties" if track else "traits"
        made: list[Message | Bad] = [
            {**fixed, "messageId": key, "timestamp": at, "context": context, kind: body}
            for key, at, context, body in zip(self._ids(columns, whole), times, contexts, bodies, strict=True)
        ]
        self._add_people(made, columns)
        self._add_consent(made, columns)
        if not track:
            return [Bad("row.no_identity") if _is_nobody(message) else message for message in made]
        if self.mapping.traits:
            for message, traits in zip(
                made, _records(self._traits, self._trait_fields, columns, size), strict=True
            ):
                message["traits"] = traits  # type: ignore[index]
        return made

    def told_apart(self, messages: list[Message]) -> list[Message]:
        """Return messages with what is known about a person taken out of events, behind each as a message of its own."""
        if self.mapping.type != "track" or not self.mapping.traits:
            return messages
        told: list[Message] = []
        for message in messages:
            traits = message.pop("traits")
            told.append(message)
            if traits and not _is_nobody(message):
                about = {
                    "type": "identify",
                    "messageId": f"identify:{message['messageId']}",
                    "traits": traits,
                }
                told.append(
                    {key: value for key, value in message.items() if key not in {"event", "properties"}}
                    | about
                )
        return told

    def event_id(self, row: Row) -> str:
        """Return the id that the message of a bad row would have; empty if that takes more than what is good of it."""
        if self._id is None or any(type(row[slot]) is Bad for slot in self._id):
            return ""
        return self._ids([(value,) for value in row], ())[0]

    def _identity_lists(self, columns: Sequence[Row], size: int) -> list[list[dict[str, str]]]:
        lists: list[list[dict[str, str]]] = [[] for _ in range(size)]
        for type_, scope, slot in self._identities:
            for identities, value in zip(lists, columns[slot], strict=True):
                if value is not None:
                    identities.append({"type": type_, "scope": scope, "value": value})
        return lists

    def _add_people(self, made: Sequence[Any], columns: Sequence[Row]) -> None:
        for name, slot in self._people.items():
            for message, value in zip(made, columns[slot], strict=True):
                if value is not None:
                    message[name] = value

    def _add_consent(self, made: Sequence[Any], columns: Sequence[Row]) -> None:
        for index, message in enumerate(made if self._consent else ()):
            consent = [
                {"purpose": agreed.purpose, "channel": agreed.channel, "granted": granted}
                for agreed, slot in self._consent
                if (granted := agreed.value if slot is None else columns[slot][index]) is not None
            ]
            if consent:
                message["context"]["consent"] = consent

    def _ids(self, columns: Sequence[Row], whole: Sequence[Any]) -> Sequence[str]:
        spec, prefix = self.mapping.id, self.mapping.prefix
        if self._id is None:
            return [f"{prefix}:{_digest(row)}" for row in whole]
        if isinstance(spec, MessageId) and spec.columns:
            return [
                f"{prefix}:{_digest(key)}" for key in zip(*(columns[slot] for slot in self._id), strict=True)
            ]
        keys: Sequence[str] = columns[self._id[0]]
        return keys if isinstance(spec, MessageId) and spec.verbatim else [f"{prefix}:{key}" for key in keys]


def _records(
    constants: dict[str, Any], fields: Sequence[tuple[str, int]], columns: Sequence[Row], size: int
) -> list[dict[str, Any]]:
    """Return a dictionary per row; a field without a value in its row is left out."""
    if not fields:
        return [dict(constants) for _ in range(size)]
    names = tuple(name for name, _ in fields)
    chosen = [columns[slot] for _, slot in fields]
    sparse = [(name, cells) for name, cells in zip(names, chosen, strict=True) if None in cells]
    records = [{**constants, **dict(zip(names, row, strict=True))} for row in zip(*chosen, strict=True)]
    for name, cells in sparse:
        for record, value in zip(records, cells, strict=True):
            if value is None:
                del record[name]
    return records


def _is_nobody(message: Any) -> bool:
    return not (message["context"]["identities"] or "userId" in message or "anonymousId" in message)


def _digest(what: Any) -> str:
    return blake2b(msgspec.json.encode(what, order="sorted", enc_hook=str), digest_size=16).hexdigest()


def _good(value: Any, path: str) -> Any:
    if isinstance(value, Bad):
        text = value.text()
        raise InvalidMapping(file="mapping", path=path, zh=text.zh, en=text.en)
    return value


def _test(condition: Condition) -> Callable[[Any], bool]:
    if condition.equals is not None:
        return lambda cell: cell is not None and str(cell) == condition.equals
    if condition.in_ is not None:
        allowed = frozenset(condition.in_)
        return lambda cell: cell is not None and str(cell) in allowed
    if condition.not_in is not None:
        refused = frozenset(condition.not_in)
        return lambda cell: str(cell) not in refused
    return lambda cell: (cell is None) == condition.empty
