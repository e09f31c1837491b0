"""Random histories with much to add up, and random questions about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from guanxi.kernel.clock import DAY, HOUR, to_rfc3339
from tests.customers.histories import IDENTITIES, Decided, Happening, decisions, messages
from tests.installation import NOW

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANNELS = ["live", "store", "小程序", "it's"]
CATEGORIES = ["茶", "酒", "茶" * 90, "it's", '"quoted"', "back\\slash", "🍵" * 81]
INSTANTS = st.builds(
    lambda days, hours: NOW - days * DAY - hours * HOUR,
    st.integers(0, 65),
    st.sampled_from([0, 3, 11, 12, 13]),
)
AMOUNTS = st.one_of(st.integers(0, 100_000), st.sampled_from([0, 1, 1 << 53]))
NUMBERS = st.one_of(st.integers(-5_000, 100_000), st.sampled_from([-(1 << 53), 1 << 53]))


def _optional(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), value)


LINES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "category": _optional(st.sampled_from([*CATEGORIES[:2], *CATEGORIES, ""])),
            "amount": _optional(NUMBERS),
            "quantity": st.floats(0, 9),
        },
    ),
    max_size=4,
)
PAID = st.fixed_dictionaries(
    {"order_id": st.just("o"), "amount": AMOUNTS},
    optional={
        "discount": _optional(NUMBERS),
        "lines": _optional(LINES),
        "store_id": st.sampled_from(["s-1", "s-2", ""]),
        "Amount": st.just(7),
    },
)
REFUNDED = st.fixed_dictionaries({"order_id": st.just("o"), "amount": AMOUNTS})
PAGE = st.fixed_dictionaries({"path": st.sampled_from(["/", "/茶"])})


@st.composite
def shopping(draw: st.DrawFn) -> dict[str, Any]:
    kind, properties = draw(
        st.one_of(
            st.tuples(st.just("order.paid"), PAID),
            st.tuples(st.just("order.paid"), PAID),
            st.tuples(st.just("order.refunded"), REFUNDED),
            st.tuples(st.just("page"), PAGE),
        )
    )
    context: dict[str, Any] = {"identities": draw(st.lists(IDENTITIES, min_size=1, max_size=2))}
    if channel := draw(st.sampled_from(["", *CHANNELS])):
        context["channel"] = channel
    said = {"context": context, "properties": properties, "timestamp": to_rfc3339(draw(INSTANTS))}
    return {"type": "page", **said} if kind == "page" else {"type": "track", "event": kind, **said}


@st.composite
def histories(draw: st.DrawFn, most: int = 16) -> list[Happening]:
    """Happenings with ids of their own."""
    found: list[Happening] = []
    one: Any
    kinds = st.one_of(shopping(), shopping(), shopping(), messages(), decisions())
    for index, one in enumerate(draw(st.lists(kinds, min_size=4, max_size=most))):
        if not isinstance(one, Decided):
            found.append({**one, "messageId": f"e{index:02}"})
        elif one.pair[0][:3] != one.pair[1][:3]:
            found.append(one._replace(key=f"e{index:02}"))
    return found


def _quoted(values: Sequence[str]) -> str:
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"in ({listed})" if len(values) > 1 else f"= {listed}"


_CHOSEN = {
    "channel": st.sampled_from([*CHANNELS, "web", "nowhere"]),
    "category": st.sampled_from([*CATEGORIES, *(value[:80] for value in CATEGORIES)]),
}
_EVENTS = ["order.paid", "order.refunded", "page", "identify", "consent.given", "identity.verified"]
_MEASURES = ["order.paid.amount", "order.paid.discount", "order.refunded.amount"]
_SLICED = {
    "order.paid": ["", "channel", "category"],
    "order.refunded": ["", "channel"],
    "order.paid.amount": ["", "channel", "category"],
    "order.refunded.amount": ["", "channel"],
}


@st.composite
def aggregates(draw: st.DrawFn) -> str:
    """The text of an aggregate; some only a batch can answer."""
    how = draw(st.sampled_from(["count", "sum", "sum", "min", "max", "avg", "first", "last", "distinct"]))
    dimension = ""
    if how == "distinct":
        target = draw(
            st.sampled_from(["order.paid.channel", "order.paid.category", "order.refunded.channel"])
        )
    else:
        target = draw(st.sampled_from(_EVENTS if how in {"count", "first", "last"} else _MEASURES))
        dimension = draw(st.sampled_from(_SLICED.get(target, [""])))
    where = ""
    if dimension:
        chosen = draw(st.lists(_CHOSEN[dimension], min_size=1, max_size=3, unique=True))
        where = f" where {dimension} {_quoted(chosen)}"
    days = draw(st.one_of(st.integers(1, 60), st.sampled_from([1, 7, 30, 60])))
    return f"{how}({target}{where}, {days}d)"
