"""Random histories of a small town: few people, many ways to meet them."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from hypothesis import strategies as st

from guanxi.customers.events.model import Seen
from guanxi.customers.identity.kinds import Typed, identify
from guanxi.kernel.clock import DAY, HOUR, to_rfc3339
from tests.installation import NOW

PHONES = [f"1391111000{n}" for n in range(4)]
_HASHED = [hashlib.sha256(phone.encode()).hexdigest() for phone in PHONES]


class Decided(NamedTuple):
    """What staff decided about two identities."""

    type: str
    key: str
    at: int
    pair: tuple[Seen, Seen]
    by: str


Happening = dict[str, Any] | Decided

INSTANTS = st.builds(
    lambda days, hours: NOW - days * DAY - hours * HOUR, st.integers(0, 14), st.integers(0, 3)
)


def named(kind: str, scope: str, values: list[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.sampled_from([{"type": kind, "scope": scope, "value": value} for value in values])


IDENTITIES = st.one_of(
    named("member_no", "", ["m-1", "m-2", "m-3"]),
    named("openid", "app-1", ["o-1", "o-2", "o-3"]),
    named("openid", "app-2", ["p-1", "p-2"]),
    named("unionid", "wechat", ["u-1", "u-2"]),
    named("phone", "", [*PHONES, *_HASHED]),
    named("email", "", ["ming@shop.cn", "MING@shop.cn"]),
    named("device", "", ["d-1", "d-2"]),
)
ACCOUNTS = named("member_no", "", ["m-1", "m-2"])
TRAITS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["王小明", "Ming Wang"]),
        "city": st.sampled_from(["杭州", "上海", None]),
        "phone": st.sampled_from(PHONES),
        "family": st.sampled_from([{"size": 3, "contact": "13822220000"}, {"size": 4}]),
    },
)
CONSENTS = st.lists(
    st.fixed_dictionaries(
        {
            "purpose": st.sampled_from(["marketing", "profiling"]),
            "channel": st.just("sms"),
            "granted": st.booleans(),
        }
    ),
    max_size=2,
)
AMOUNTS = st.integers(-5_000, 100_000)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    context: dict[str, Any] = {"identities": draw(st.lists(IDENTITIES, min_size=1, max_size=3))}
    if consent := draw(CONSENTS):
        context["consent"] = consent
    if channel := draw(st.sampled_from(["", "live", "store"])):
        context["channel"] = channel
    kind = draw(
        st.sampled_from(
            ["identify", "order.paid", "order.paid", "identity.verified", "consent.given", "page"]
        )
    )
    message: dict[str, Any] = {"type": "track", "event": kind, "context": context}
    if kind in {"identify", "page"}:
        message = {"type": kind, "context": context}
    if kind == "identify":
        message["traits"] = draw(TRAITS)
    elif kind == "order.paid":
        lines = draw(
            st.lists(st.builds(_line, st.sampled_from(["茶", "酒", "茶" * 90]), AMOUNTS), max_size=3)
        )
        message["properties"] = {"order_id": "o", "amount": draw(AMOUNTS), "lines": lines}
    elif kind == "identity.verified":
        message["properties"] = {"method": "sms"}
    elif kind == "consent.given":
        message["properties"] = {"purpose": "marketing", "channel": "sms", "evidence": "form"}
    message["timestamp"] = to_rfc3339(draw(INSTANTS))
    return message


def _line(category: str, amount: int) -> dict[str, Any]:
    return {"category": category, "amount": amount}


def _seen(one: dict[str, str]) -> Seen:
    known = identify(one["type"], one["scope"], one["value"])
    assert isinstance(known, Typed)
    return Seen(*known, "" if one["type"] == "phone" and len(one["value"]) == 64 else one["value"].lower())


@st.composite
def decisions(draw: st.DrawFn) -> Decided:
    kind = draw(st.sampled_from(["identity.joined", "identity.separated", "identity.withdrawn"]))
    ends = st.tuples(ACCOUNTS, ACCOUNTS | IDENTITIES)
    pair = draw(ends.map(lambda two: (_seen(two[0]), _seen(two[1]))))
    return Decided(kind, "", draw(INSTANTS), pair, draw(st.sampled_from(["an", "bo"])))


@st.composite
def histories(draw: st.DrawFn, most: int = 14) -> list[Happening]:
    """Happenings with ids of their own; some are sent twice."""
    happenings: list[Happening] = []
    for index, one in enumerate(
        draw(st.lists(st.one_of(messages(), messages(), messages(), decisions()), max_size=most))
    ):
        if isinstance(one, Decided):
            if one.pair[0][:3] != one.pair[1][:3]:
                happenings.append(one._replace(key=f"e{index:02}"))
        else:
            happenings.append({**one, "messageId": f"e{index:02}"})
    return happenings


class Plan(NamedTuple):
    """An order of arrival: places in the history (some twice), cut into batches, and what happens after each."""

    order: list[int]
    cuts: list[int]
    steps: list[str]


@st.composite
def plans(draw: st.DrawFn, size: int) -> Plan:
    again = draw(st.lists(st.integers(0, size - 1), max_size=3)) if size else []
    order = draw(st.permutations([*range(size), *again]))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(order) - 1)), max_size=4)))
    steps = draw(st.lists(st.sampled_from(["", "project", "project", "hand over"]), min_size=5, max_size=5))
    return Plan(list(order), cuts, steps)
