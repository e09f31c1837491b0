"""The functions of the language. Each means the same on every engine, which is why there are few.

Letters are mapped between cases in ASCII only and white space is the space alone, because engines disagree about the
rest of Unicode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from guanxi.kernel.text import Text
from guanxi.rules import days
from guanxi.rules.model import NUMERIC, Type

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = UPPER.lower()
_TO_LOWER = str.maketrans(UPPER, LOWER)
_TO_UPPER = str.maketrans(LOWER, UPPER)

_TEXT = frozenset({Type.TEXT})
_DATE = frozenset({Type.DATE})
_SET = frozenset({Type.SET})


@dataclass(frozen=True, slots=True)
class Function:
    """A function: the types each argument may have, the type of its value, and what computes it from known values.

    ``dated`` ones take the day of the question as their first argument, before those of the rule. ``label`` is how a
    sentence says it, with ``{0}``, ``{1}`` for the arguments.
    """

    takes: tuple[frozenset[Type], ...]
    gives: Type
    compute: Callable[..., Any]
    label: Text
    dated: bool = False


def _lower(text: str) -> str:
    return text.translate(_TO_LOWER)


def _upper(text: str) -> str:
    return text.translate(_TO_UPPER)


FUNCTIONS: dict[str, Function] = {
    "lower": Function((_TEXT,), Type.TEXT, _lower, Text("{0}的小写", "{0} in lower case")),
    "upper": Function((_TEXT,), Type.TEXT, _upper, Text("{0}的大写", "{0} in upper case")),
    "trim": Function(
        (_TEXT,), Type.TEXT, lambda text: text.strip(" "), Text("去空格的{0}", "{0} without spaces around")
    ),
    "length": Function((_TEXT,), Type.INT, len, Text("{0}的字数", "the length of {0}")),
    "starts_with": Function(
        (_TEXT, _TEXT), Type.BOOL, str.startswith, Text("{0}以{1}开头", "{0} begins with {1}")
    ),
    "ends_with": Function((_TEXT, _TEXT), Type.BOOL, str.endswith, Text("{0}以{1}结尾", "{0} ends with {1}")),
    "contains": Function((_TEXT, _TEXT), Type.BOOL, str.__contains__, Text("{0}包含{1}", "{0} contains {1}")),
    "abs": Function((NUMERIC,), Type.NUMBER, abs, Text("{0}的绝对值", "the absolute value of {0}")),
    "size": Function((_SET,), Type.INT, len, Text("{0}的个数", "the number of {0}")),
    "today": Function((), Type.DATE, lambda today: today, Text("当天", "today"), dated=True),
    "days_since": Function(
        (_DATE,),
        Type.INT,
        lambda today, day: today - day,
        Text("{0}距今的天数", "days since {0}"),
        dated=True,
    ),
    "days_until": Function(
        (_DATE,),
        Type.INT,
        lambda today, day: day - today,
        Text("今天到{0}的天数", "days until {0}"),
        dated=True,
    ),
    "year": Function((_DATE,), Type.INT, days.year, Text("{0}的年份", "the year of {0}")),
    "month": Function((_DATE,), Type.INT, days.month, Text("{0}的月份", "the month of {0}")),
    "day": Function((_DATE,), Type.INT, days.day_of_month, Text("{0}的日", "the day of the month of {0}")),
    "weekday": Function(
        (_DATE,), Type.INT, days.weekday, Text("{0}的星期（周一为 1）", "the weekday of {0} (Monday is 1)")
    ),
}
"""By name. ``coalesce`` is not here: it alone may know what one of its arguments does not."""
