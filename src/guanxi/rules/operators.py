"""What may be asked of an attribute, an aggregate or an audience by picking instead of writing, with words for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from guanxi.kernel.text import Text
from guanxi.rules.model import Aggregation, Type


class Takes(StrEnum):
    """What an operator compares with: nothing, one value, two, several, or a number of days."""

    NOTHING = "nothing"
    ONE = "one"
    TWO = "two"
    MANY = "many"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Operator:
    """One choice: ``op`` is its stable name in a form."""

    op: str
    takes: Takes
    label: Text


def operators(type: Type | None) -> list[Operator]:
    """Return what a form may ask of a value of a type, in the order of a menu; of an audience for ``None``."""
    return list(_AUDIENCE if type is None else _BY_TYPE[type])


class Of(StrEnum):
    """What of an event a window aggregates: the event itself, a measure, or a dimension."""

    EVENT = "event"
    MEASURE = "measure"
    DIMENSION = "dimension"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One way to aggregate a window. ``gives`` is the type of its value, ``None`` where that is its measure's."""

    how: Aggregation
    of: Of
    gives: Type | None
    label: Text


AGGREGATES = (
    Aggregate(Aggregation.COUNT, Of.EVENT, Type.INT, Text("次数", "how often")),
    Aggregate(Aggregation.SUM, Of.MEASURE, None, Text("合计", "total")),
    Aggregate(Aggregation.AVG, Of.MEASURE, None, Text("平均每次", "average")),
    Aggregate(Aggregation.MAX, Of.MEASURE, None, Text("最大", "largest")),
    Aggregate(Aggregation.MIN, Of.MEASURE, None, Text("最小", "smallest")),
    Aggregate(Aggregation.DISTINCT, Of.DIMENSION, Type.INT, Text("不同的个数", "how many different")),
    Aggregate(Aggregation.LAST, Of.EVENT, Type.DATE, Text("最近一次日期", "day of the last one")),
    Aggregate(Aggregation.FIRST, Of.EVENT, Type.DATE, Text("首次日期", "day of the first one")),
)
"""In the order of a menu."""


def _some(takes: Takes, *lines: tuple[str, str, str]) -> list[Operator]:
    return [Operator(op, takes, Text(zh, en)) for op, zh, en in lines]


_KNOWN = _some(
    Takes.NOTHING,
    ("is_not_null", "已知", "is known"),
    ("is_null", "未知", "is unknown"),
)
_AMONG = _some(
    Takes.MANY,
    ("in", "是其中之一", "is one of"),
    ("not_in", "不是其中任何一个", "is none of"),
)
_BETWEEN = _some(
    Takes.TWO,
    ("between", "介于（含两端）", "is between (both included)"),
    ("not_between", "不介于", "is not between"),
)
_NUMBER = [
    *_some(
        Takes.ONE,
        (">=", "不少于", "is at least"),
        ("<=", "不超过", "is at most"),
        (">", "大于", "is more than"),
        ("<", "小于", "is less than"),
        ("=", "等于", "equals"),
        ("<>", "不等于", "does not equal"),
    ),
    *_BETWEEN,
    *_AMONG,
    *_KNOWN,
]
_TEXT = [
    *_some(Takes.ONE, ("=", "是", "is"), ("<>", "不是", "is not")),
    *_AMONG,
    *_some(
        Takes.ONE,
        ("contains", "包含", "contains"),
        ("not_contains", "不包含", "does not contain"),
        ("starts_with", "开头是", "begins with"),
        ("not_starts_with", "开头不是", "does not begin with"),
        ("ends_with", "结尾是", "ends with"),
        ("not_ends_with", "结尾不是", "does not end with"),
        ("like", "形如（% 任意，_ 一个字）", "looks like (% anything, _ one letter)"),
        ("not_like", "不形如", "does not look like"),
    ),
    *_KNOWN,
]
_DATE = [
    *_some(
        Takes.DAYS,
        ("days_ago_at_most", "距今不超过（天）", "is at most so many days ago"),
        ("days_ago_at_least", "距今至少（天）", "is at least so many days ago"),
    ),
    *_some(
        Takes.ONE,
        (">=", "不早于", "is not before"),
        ("<=", "不晚于", "is not after"),
        (">", "晚于", "is after"),
        ("<", "早于", "is before"),
        ("=", "是", "is"),
        ("<>", "不是", "is not"),
    ),
    *_BETWEEN,
    *_KNOWN,
]
_SET = [
    *_some(
        Takes.MANY,
        ("has_any", "含其中之一", "has one of"),
        ("has_all", "同时含", "has all of"),
        ("not_has_any", "不含其中任何一个", "has none of"),
        ("not_has_all", "不同时含", "does not have all of"),
    ),
    *_KNOWN,
]
_BOOL = [*_some(Takes.ONE, ("=", "是", "is")), *_KNOWN]
_AUDIENCE = _some(Takes.NOTHING, ("in", "属于", "is in"), ("not_in", "不属于", "is not in"))
_BY_TYPE = {
    Type.BOOL: _BOOL,
    Type.INT: _NUMBER,
    Type.MONEY: _NUMBER,
    Type.NUMBER: _NUMBER,
    Type.TEXT: _TEXT,
    Type.DATE: _DATE,
    Type.SET: _SET,
}


def _by_name(some: Iterable[Operator]) -> dict[str, Takes]:
    return {one.op: one.takes for one in some}


TAKES = _by_name(one for some in _BY_TYPE.values() for one in some)
"""What each operator of a value takes; it is the same for every type that has the operator."""
OF_AUDIENCES = _by_name(_AUDIENCE)
