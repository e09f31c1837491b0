"""The mapping file: how a row of a merchant's file becomes a message.

The guide (docs/guide/import.md) explains it with examples; the field docstrings here are its reference.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfoNotFoundError

import msgspec

from guanxi.connectors.files.problems import InvalidMapping, MissingFile
from guanxi.connectors.files.yamlfile import LIMIT, PlainYamlError, parse_yaml
from guanxi.kernel.clock import zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CellType = Literal["text", "int", "money", "bool", "date", "time", "list"]
Take = Literal["same", "first", "last", "sum", "min", "max"]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of a mapping."""


class Field(_Part, frozen=True, kw_only=True):
    """A property, a trait, or whatever else is filled from a ``column`` or with a constant ``value``."""

    column: str | None = None
    value: Any = None
    type: CellType = "text"
    required: bool = False
    """An empty cell rejects the row instead of leaving the property out."""
    format: str | None = None
    """For ``date`` and ``time``: a strptime format, or ``epoch_s`` / ``epoch_ms``; by default the usual ones."""
    zone: str | None = None
    """For ``time``: the zone in which it is written; by default the merchant's."""
    separator: str | None = None
    """For ``list``; by default any of ``, ; | 、 ， ；``."""
    take: Take = "same"
    """For grouped rows: which row's value counts. ``same`` rejects the group when its rows differ."""
    rounding: Literal["half_up"] | None = None
    """For ``money``: round to whole fen instead of rejecting; only for files whose amounts are binary floats."""


class Identity(_Part, frozen=True, kw_only=True):
    """A typed identity (``phone``, ``member_no``, ``openid`` …) and the scope in which it is unique."""

    type: str
    column: str
    scope: str = ""


class MessageId(_Part, frozen=True, kw_only=True):
    """What makes an event the same event when it comes again."""

    column: str | None = None
    columns: list[str] | None = None
    verbatim: bool = False
    """Use the ``column`` as the message id as it is, instead of putting the event's name before it."""


class Consent(_Part, frozen=True, kw_only=True):
    """Whether the member agreed to be contacted for a ``purpose`` on a ``channel``."""

    purpose: str
    channel: str
    column: str | None = None
    value: bool | None = None


class Condition(_Part, frozen=True, kw_only=True):
    """A row is taken only if its cell fits; cells are compared as text without surrounding spaces."""

    column: str
    equals: str | None = None
    in_: list[str] | None = msgspec.field(default=None, name="in")
    not_in: list[str] | None = None
    empty: bool | None = None


class Group(_Part, frozen=True, kw_only=True):
    """Rows with the same ``by`` become one event that carries a list of ``lines``."""

    by: str
    lines: dict[str, str | Field] = {}
    name: str = "lines"


class FileFormat(_Part, frozen=True, kw_only=True):
    """What the file is, where it cannot be told from the file."""

    kind: Literal["csv", "jsonl", "parquet"] | None = None
    encoding: Literal["utf-8", "gb18030", "utf-16"] | None = None
    delimiter: str | None = None
    quote: str | None = None
    columns: list[str] | None = None
    """The column names of a CSV file without a header."""
    empty: list[str] = []
    """Cells that mean nothing, such as ``NULL`` or ``-``; the empty cell always does."""


class Mapping(_Part, frozen=True, kw_only=True):
    """How a row becomes a message."""

    type: Literal["track", "identify"]
    event: str | None = None
    time: str | Field
    id: str | MessageId | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    identities: list[Identity] = []
    channel: str | Field | None = None
    """Text is the channel's own name, not a column."""
    account: str | Field | None = None
    """Text is the account's own key, not a column."""
    properties: dict[str, str | Field] = {}
    traits: dict[str, str | Field] = {}
    """What is known about the person; with a ``track`` it becomes an ``identify`` of its own behind each event."""
    consent: list[Consent] = []
    where: list[Condition] = []
    group: Group | None = None
    file: FileFormat = FileFormat()

    def columns(self) -> Iterator[tuple[str, str]]:
        """Yield every column the mapping uses with the path at which it does."""
        for path, field in _fields(self):
            if field.column is not None:
                yield path, field.column
        if isinstance(self.id, MessageId):
            for column in self.id.columns or [self.id.column or ""]:
                yield "id", column
        for path, name in (("id", self.id), ("user_id", self.user_id), ("anonymous_id", self.anonymous_id)):
            if isinstance(name, str):
                yield path, name
        parts: tuple[tuple[str, Sequence[Identity | Consent | Condition]], ...] = (
            ("identities", self.identities),
            ("consent", self.consent),
            ("where", self.where),
        )
        for path, members in parts:
            for index, member in enumerate(members):
                if member.column is not None:
                    yield f"{path}[{index}]", member.column
        if self.group:
            yield "group.by", self.group.by

    @property
    def prefix(self) -> str:
        """Return what stands before the key in a message id, so that an order and its refund differ."""
        return self.event or self.type


def field_of(value: str | Field) -> Field:
    """Return the long form of a field: plain text names a column of text."""
    return Field(column=value) if isinstance(value, str) else value


def load_mapping(path: Path) -> Mapping:
    """Read and check a mapping file (UTF-8); raises ``MissingFile`` or ``InvalidMapping``."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(4 * LIMIT + 1)
    except OSError as error:
        raise MissingFile(file=str(path)) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _invalid(path.name, "1", "文件不是 UTF-8 编码。", "The file is not UTF-8.") from error
    return read_mapping(text, path.name)


def read_mapping(text: str, name: str = "mapping.yaml") -> Mapping:
    """Check the text of a mapping; raises ``InvalidMapping`` with the path or the line of what is wrong."""
    try:
        data = parse_yaml(text)
    except PlainYamlError as error:
        raise _invalid(name, f"line {error.line}", error.zh, error.en) from error
    try:
        mapping = msgspec.convert(data, Mapping)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _not_converted(name, str(error)) from error
    for path, zh, en in _contradictions(mapping):
        raise _invalid(name, path, zh, en)
    return mapping


def _invalid(name: str, path: str, zh: str, en: str) -> InvalidMapping:
    return InvalidMapping(file=name, path=path, zh=zh, en=en)


_KEYS = sorted(
    {
        key
        for struct in (Mapping, Field, Identity, MessageId, Consent, Condition, Group, FileFormat)
        for key in struct.__struct_encode_fields__
    }
)


def _not_converted(name: str, problem: str) -> InvalidMapping:
    what, _, path = problem.partition(" - at `$")
    path = path.rstrip("`").lstrip(".") or "$"
    if "unknown field" in what:
        field = what.split("`")[1]
        near = difflib.get_close_matches(field, _KEYS, 1)
        zh, en = (
            (f"是不是想写 {near[0]}？", f"did you mean {near[0]}?") if near else ("请删除。", "remove it.")
        )
        return _invalid(name, path, f"没有 {field} 这一项，{zh}", f"there is no field {field}; {en}")
    return _invalid(name, path, f"类型不对（{what}）。", f"{what}.")


def _contradictions(mapping: Mapping) -> Iterator[tuple[str, str, str]]:
    if mapping.type == "track" and not mapping.event:
        yield (
            "event",
            "track 必须写明事件名，例如 order.paid（支付订单）。",
            "a track needs the event's name, such as order.paid.",
        )
    someone = mapping.identities or mapping.user_id or mapping.anonymous_id
    if mapping.type == "track" and (mapping.traits or mapping.consent) and not someone:
        yield (
            "traits",
            "traits 和 consent 说的是某个人，至少要有一个身份。",
            "traits and consent tell of a person: name at least one identity.",
        )
    if mapping.type == "identify" and (mapping.event or mapping.properties or mapping.group):
        yield (
            "type",
            "identify 没有 event、properties、group。",
            "identify has no event, properties or group.",
        )
    if mapping.type == "identify" and not someone:
        yield "identities", "identify 至少要有一个身份。", "identify needs at least one identity."
    if isinstance(mapping.id, MessageId) and (mapping.id.column is None) == (mapping.id.columns is None):
        yield "id", "column 与 columns 二选一。", "give either column or columns."
    for index, agreed in enumerate(mapping.consent):
        if (agreed.column is None) == (agreed.value is None):
            yield f"consent[{index}]", "column 与 value 二选一。", "give either column or value."
    for index, condition in enumerate(mapping.where):
        tests = (condition.equals, condition.in_, condition.not_in, condition.empty)
        if sum(test is not None for test in tests) != 1:
            yield f"where[{index}]", "恰好写一个条件。", "give exactly one of equals, in, not_in, empty."
    if mapping.file.delimiter is not None and len(mapping.file.delimiter) != 1:
        yield "file.delimiter", "分隔符必须是一个字符。", "the delimiter is one character."
    if mapping.file.quote is not None and len(mapping.file.quote) != 1:
        yield "file.quote", "引号必须是一个字符。", "the quote is one character."
    for path, field in _fields(mapping):
        yield from _field_contradictions(path, field, grouped=mapping.group is not None)


def _fields(mapping: Mapping) -> Iterator[tuple[str, Field]]:
    yield "time", field_of(mapping.time)
    for name in ("channel", "account"):
        value = getattr(mapping, name)
        if isinstance(value, Field):
            yield name, value
    for kind in ("properties", "traits"):
        for name, value in getattr(mapping, kind).items():
            yield f"{kind}.{name}", field_of(value)
    if mapping.group:
        for name, value in mapping.group.lines.items():
            yield f"group.lines.{name}", field_of(value)


def _field_contradictions(path: str, field: Field, *, grouped: bool) -> Iterator[tuple[str, str, str]]:
    if (field.column is None) == (field.value is None):
        yield path, "column 与 value 二选一。", "give either column or value."
    if field.format is not None and field.type not in {"date", "time"} and path != "time":
        yield f"{path}.format", "format 只用于 date 和 time。", "format belongs to date and time."
    if field.rounding is not None and field.type != "money":
        yield f"{path}.rounding", "rounding 只用于 money。", "rounding belongs to money."
    if field.take != "same" and (not grouped or path.startswith("group.lines")):
        yield f"{path}.take", "take 只用于分组后的事件。", "take belongs to the event of grouped rows."
    if field.take == "sum" and field.type not in {"int", "money"}:
        yield f"{path}.take", "只有 int 和 money 可以求和。", "only int and money can be summed."
    if field.zone is not None:
        try:
            zone(field.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield (
                f"{path}.zone",
                "没有这个时区，例如 Asia/Shanghai。",
                "no such time zone; one is Asia/Shanghai.",
            )
