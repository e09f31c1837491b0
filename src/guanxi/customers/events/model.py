"""Event types as declared, and messages on their way to becoming events."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping


class FieldType(StrEnum):
    """What a property may be. ``money`` is an integer of the minor unit; ``number`` may have decimals."""

    TEXT = "text"
    INT = "int"
    NUMBER = "number"
    MONEY = "money"
    BOOL = "bool"
    TIME = "time"
    DATE = "date"
    LIST = "list"
    OBJECT = "object"

    @property
    def label(self) -> Text:
        """What people call it, with its name beside where that does not say it."""
        label = _TYPE_LABELS[self]
        full = titled(label, self.value)
        return Text(full.zh, label.en if self.value in label.en.split() else full.en)


_TYPE_LABELS = {
    FieldType.TEXT: Text("文字", "text"),
    FieldType.INT: Text("整数", "a whole number"),
    FieldType.NUMBER: Text("数字", "a number"),
    FieldType.MONEY: Text("以分为单位的整数金额", "a whole number of the minor unit"),
    FieldType.BOOL: Text("是非值", "true or false"),
    FieldType.TIME: Text("带时区的时间", "a time with its zone"),
    FieldType.DATE: Text("日期", "a date"),
    FieldType.LIST: Text("列表", "a list"),
    FieldType.OBJECT: Text("对象", "an object"),
}


def titled(label: Text, name: str) -> Text:
    """Return a label with the name that programs use beside it: ``支付订单（order.paid）``.

    What has no label but its name is called by that alone.
    """
    return Text(
        name if label.zh == name else f"{label.zh}（{name}）",
        name if label.en == name else f"{label.en} ({name})",
    )


@dataclass(frozen=True, slots=True)
class Field:
    """A declared property. ``of`` describes the elements of a list; ``least`` is the smallest number allowed."""

    name: str
    type: FieldType
    label: Text
    required: bool = False
    personal: bool = False
    values: tuple[str, ...] = ()
    least: int | None = None
    of: Mapping[str, Field] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measure:
    """A numeric property that may be aggregated.

    ``since`` is the version of the type that brought it: older events do not have it. ``always``: none lacks it.
    """

    name: str
    field: str
    unit: str
    since: int = 1
    always: bool = False


@dataclass(frozen=True, slots=True)
class Dimension:
    """What measures may be sliced by.

    One of: ``key`` (a property), ``context`` (``channel`` or ``account``), or ``each`` with ``key`` (a property of the
    elements of a list, whose own numbers stand for the measures named in ``measures``). ``since`` as of a measure.
    """

    name: str
    key: str = ""
    context: str = ""
    each: str = ""
    measures: Mapping[str, str] = field(default_factory=dict)
    since: int = 1


@dataclass(frozen=True, slots=True)
class EventType:
    """One version of a declared event type. ``internal`` ones may only be written by Guanxi itself.

    ``former`` are the versions before it, the first one first, of a merchant's own type.
    """

    name: str
    version: int
    label: Text
    fields: Mapping[str, Field]
    measures: Mapping[str, Measure]
    dimensions: Mapping[str, Dimension]
    internal: bool = False
    needs_subject: bool = True
    builtin: bool = False
    former: tuple[EventType, ...] = ()

    @property
    def title(self) -> Text:
        """What people call it, with its name beside."""
        return titled(self.label, self.name)

    def held(self, dimension: Dimension) -> tuple[str, ...]:
        """Return the measures of which there are buckets by a dimension; one that no event lacks comes first."""
        names = tuple(dimension.measures) or (() if dimension.each else tuple(self.measures))
        return tuple(sorted(names, key=lambda name: not self.measures[name].always))

    def at(self, version: int) -> EventType | None:
        """Return what an event of a version was checked against; ``None`` for 0, which came before any declaration."""
        if self.builtin and version:
            return self
        return next((one for one in (self, *reversed(self.former)) if one.version == version), None)


class Source(NamedTuple):
    """Who sent messages: what a write key or an import stands for."""

    name: str
    account: str
    channel: str
    internal: bool = False


class Seen(NamedTuple):
    """An identity as a message carries it.

    ``value`` is its normal form, which decides who it is; ``shown`` is what a person reads (a phone's digits, where
    ``value`` is their digest), empty when the sender hashed it.
    """

    type: str
    scope: str
    value: str
    shown: str


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A message that may become an event; instants in microseconds UTC.

    ``written_at`` is the time the sender wrote (equal in every retry), ``time`` the same corrected for a wrong clock.
    Texts that came as identities but identify nobody (a masked phone) are kept in ``personal`` as ``unidentified``.
    """

    event_id: str
    type: str
    version: int
    written_at: int
    time: int
    account: str
    channel: str
    identities: list[Seen]
    payload: dict[str, Any]
    personal: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a message cannot become an event; ``code`` is stable, ``reason`` says what to mend."""

    code: str
    reason: Text
    path: str = ""


PURPOSES = {
    "marketing": Text("营销", "Marketing"),
    "service": Text("服务通知", "Service messages"),
    "profiling": Text("个性化推荐", "Personalisation"),
    "analytics": Text("数据分析", "Analytics"),
    "credit": Text("信用评估", "Credit assessment"),
}
"""What people call the purposes of consent that there usually are."""

CHANNELS = {
    "sms": Text("短信", "SMS"),
    "phone": Text("电话", "Phone"),
    "email": Text("邮件", "E-mail"),
    "wechat": Text("微信", "WeChat"),
    "wecom": Text("企业微信", "WeCom"),
    "alipay": Text("支付宝", "Alipay"),
    "douyin": Text("抖音", "Douyin"),
    "tmall": Text("天猫", "Tmall"),
    "live": Text("直播", "Live"),
    "app": Text("应用", "App"),
    "web": Text("网站", "Web"),
    "store": Text("门店", "Store"),
    "default": Text("默认", "Default"),
    "import": Text("文件导入", "Imported file"),
    "server": Text("服务端", "Server"),
    "mini-program": Text("小程序", "Mini program"),
    "miniprogram": Text("小程序", "Mini program"),
    "any": Text("所有渠道", "Every channel"),
    "all": Text("所有渠道", "Every channel"),
    "*": Text("所有渠道", "Every channel"),
}
"""What people call channels."""
