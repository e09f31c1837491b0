"""Random rules as their authors might write them, by type."""

from __future__ import annotations

from hypothesis import strategies as st

from guanxi.rules import Type
from guanxi.rules.model import quote
from tests.rules.shop import AUDIENCES, CATALOGUE, WINDOWS

_NAMES: dict[Type, list[str]] = {type_: [] for type_ in Type}
for _name, _known in CATALOGUE.attributes.items():
    if _name != "gender":
        _NAMES[_known.type].append(_name)
for _name, _type in WINDOWS.items():
    _NAMES[_type].append(_name)

_texts = st.text(st.sampled_from("aAzZ é杭州%_' 0\\n\n\t\"ßİ\U0001f600"), max_size=4).map(quote)
_days = st.one_of(st.integers(0, 20_800), st.sampled_from([-719_162, -141_428, -141_427, 2_932_896])).map(
    lambda day: f"date '{_iso(day)}'"
)
_numbers = st.one_of(
    st.integers(0, 3).map(str),
    st.sampled_from(["50000", "¥500", "¥500.01", "0.1", "1.5e3", "9007199254740992"]),
)
_compared = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


def _iso(day: int) -> str:
    from guanxi.rules import days

    return days.date(day).isoformat()


def numbers(depth: int) -> st.SearchStrategy[str]:
    names = st.sampled_from([*_NAMES[Type.INT], *_NAMES[Type.MONEY], *_NAMES[Type.NUMBER]])
    if not depth:
        return names | _numbers
    inner = numbers(depth - 1)
    return st.one_of(
        names,
        _numbers,
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        inner.map(lambda x: f"-{x}"),
        inner.map(lambda x: f"abs({x})"),
        st.tuples(inner, inner).map(lambda p: f"coalesce({p[0]}, {p[1]})"),
        texts(depth - 1).map(lambda x: f"length({x})"),
        st.sampled_from(
            ["size(tags)", "days_since(birthday)", "days_until(first_seen)", "weekday(birthday)"]
        ),
        st.sampled_from(["year(birthday)", "month(first_seen)", "day(birthday)"]),
        st.tuples(conditions(depth - 1), inner, inner).map(
            lambda p: f"case when {p[0]} then {p[1]} else {p[2]} end"
        ),
        st.tuples(conditions(depth - 1), inner).map(lambda p: f"case when {p[0]} then {p[1]} end"),
    )


def texts(depth: int) -> st.SearchStrategy[str]:
    names = st.sampled_from(_NAMES[Type.TEXT])
    if not depth:
        return names | _texts
    inner = texts(depth - 1)
    return st.one_of(
        names,
        _texts,
        st.tuples(st.sampled_from(["lower", "upper", "trim"]), inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"coalesce({p[0]}, {p[1]})"),
    )


def dates() -> st.SearchStrategy[str]:
    return st.sampled_from([*_NAMES[Type.DATE], "today()"]) | _days


def conditions(depth: int) -> st.SearchStrategy[str]:
    low = max(0, depth - 1)
    patterns = st.text(st.sampled_from("aAz杭%%_é'.[\n"), max_size=5).map(quote)
    plain = st.one_of(
        st.tuples(numbers(low), _compared, numbers(low)).map(" ".join),
        st.tuples(texts(low), _compared, texts(low)).map(" ".join),
        st.tuples(dates(), _compared, dates()).map(" ".join),
        st.tuples(dates(), dates(), dates()).map(lambda p: f"{p[0]} between {p[1]} and {p[2]}"),
        st.tuples(numbers(low), st.lists(_numbers, min_size=1, max_size=14)).map(
            lambda p: f"{p[0]} in ({', '.join(p[1])})"
        ),
        st.tuples(texts(low), st.lists(_texts, min_size=1, max_size=3)).map(
            lambda p: f"{p[0]} not in ({', '.join(p[1])})"
        ),
        st.tuples(texts(low), patterns).map(lambda p: f"{p[0]} like {p[1]}"),
        st.tuples(st.sampled_from(["starts_with", "ends_with", "contains"]), texts(low), texts(low)).map(
            lambda p: f"{p[0]}({p[1]}, {p[2]})"
        ),
        st.tuples(st.sampled_from([*_NAMES[Type.DATE], "tags", "vip", "city", "score"])).map(
            lambda p: f"{p[0]} is null"
        ),
        numbers(low).map(lambda x: f"{x} is not null"),
        st.sampled_from(
            ["vip", "vip = false", "vip <> true", "true", "gender = 'f'", "gender in ('f', 'm')"]
        ),
        st.sampled_from(AUDIENCES),
        st.sampled_from(
            ["tags has 'a'", "tags has any ('a', 'b')", "tags has all ('a', '杭州')", "标签 has ''"]
        ),
    )
    if not depth:
        return plain
    inner = conditions(depth - 1)
    return st.one_of(
        plain.map(str),  # mapped it is one choice among five, else its own choices would be among them
        st.lists(inner, min_size=2, max_size=3).map(lambda p: "(" + " and ".join(p) + ")"),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: "(" + " or ".join(p) + ")"),
        inner.map(lambda x: f"not ({x})"),
        inner.map(lambda x: f"({x}) is null"),
    )
