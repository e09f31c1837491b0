"""Nothing personal rests in the open: whatever it is called, however it is written, however deep it lies."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from guanxi.customers.events import personal
from guanxi.customers.events.catalogue import builtin, read_type
from guanxi.customers.events.decide import arrive, convert
from guanxi.customers.events.model import Arrival, Refused, Source
from tests.installation import NOW

NAMES = st.sampled_from(sorted(personal.ALWAYS)).map(
    lambda name: name.upper() if len(name) % 2 else f"{name[:2]}_{name[2:]}"
)
MOBILES = st.builds("1{}{:09}".format, st.integers(3, 9), st.integers(0, 10**9 - 1))
WRITTEN = st.one_of(
    MOBILES,
    MOBILES.map("+86{}".format),
    MOBILES.map("86{}".format),
    MOBILES.map(lambda number: f"{number[:3]} {number[3:7]} {number[7:]}"),
    MOBILES.map(lambda number: f"+86-{number[:3]}-{number[3:7]}-{number[7:]}"),
    MOBILES.map(lambda number: number.translate(str.maketrans("0123456789", "０１２３４５６７８９"))),
    MOBILES.map(int),
    MOBILES.map(float),
    st.sampled_from(
        ["11010119900307888X", "110101199003078888", "ming@shop.cn", "Ming.Wang+tag@mail.shop.com"]
    ),
)
INNOCENT = st.text(st.sampled_from("abcxyz"), min_size=1, max_size=5).map("x_{}".format)


def placed(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A value somewhere among innocent ones."""
    inner = st.recursive(
        leaf,
        lambda deeper: (
            st.lists(st.one_of(st.just("tea"), deeper), min_size=1, max_size=3).map(lambda some: [*some])
            | st.dictionaries(INNOCENT, deeper, min_size=1, max_size=2)
        ),
        max_leaves=4,
    )
    return st.dictionaries(INNOCENT, inner, min_size=1, max_size=2)


def payload(message: dict[str, Any]) -> str:
    read = convert({"userId": "u-1", "messageId": "m", **message})
    assert not isinstance(read, Refused)
    arrival = arrive(read, Source("key", "", ""), builtin(), NOW)
    assert isinstance(arrival, Arrival), arrival
    return msgspec.json.encode(arrival.payload).decode()


def leaves(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*(leaves(inner) for inner in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(leaves(inner) for inner in value)) if value else set()
    return {json.dumps(value, ensure_ascii=False)} - {'"tea"'}


@given(placed(WRITTEN))
def test_a_phone_an_identity_number_an_address_is_known_by_its_looks(values: dict[str, Any]) -> None:
    for message in (
        {"type": "track", "event": "anything", "properties": values},
        {"type": "identify", "traits": values},
        {"type": "page", "context": {"device": values}},
    ):
        assert not any(leaf in payload(message) for leaf in leaves(values))


@given(placed(st.dictionaries(NAMES, st.just("secret-word"), min_size=1, max_size=2)))
def test_a_personal_name_seals_whatever_is_under_it(values: dict[str, Any]) -> None:
    for message in (
        {"type": "track", "event": "anything", "properties": values},
        {"type": "identify", "traits": values},
        {"type": "screen", "context": {"app": values}},
    ):
        assert "secret-word" not in payload(message)


@pytest.mark.parametrize("field", ["name", "category", "groupId"])
def test_a_page_may_be_named_like_a_phone(field: str) -> None:
    assert "13911110000" not in payload({"type": "page", field: "13911110000"})


def test_a_client_does_not_leave_its_address_or_device_in_the_open() -> None:
    said = payload(
        {
            "type": "page",
            "context": {
                "ip": "203.0.113.9",
                "userAgent": "secret-agent",
                "device": {"id": "device-4711", "advertisingId": "ad-4711", "model": "P60"},
                "location": {"city": "Hangzhou"},
                "page": {"path": "/tea", "url": "https://shop/?phone=13911110000", "title": "Tea"},
            },
        }
    )
    assert "4711" not in said
    assert "secret-agent" not in said
    assert "203.0.113.9" not in said
    assert "Hangzhou" not in said
    assert "13911110000" not in said
    assert "P60" in said
    assert "/tea" in said


@given(placed(WRITTEN), placed(st.just("plain")))
def test_nothing_is_lost_in_the_split(hidden: dict[str, Any], plain: dict[str, Any]) -> None:
    values = {f"h_{key}": value for key, value in hidden.items()} | plain
    public, closed = personal.split(values, personal.ALWAYS)
    assert _merged(public, closed) == values


def _merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _merged(one.get(key), other.get(key)) for key in {**one, **other}}
    return other if one is None else one


def test_a_declared_number_is_what_it_says() -> None:
    kind = read_type(
        "deal.won", {"fields": {"amount": {"type": "money"}, "secret": {"type": "int", "personal": True}}}
    )
    public, closed = personal.split(
        {"amount": 13_911_110_000, "secret": 5, "other": 13_911_110_000}, personal.ALWAYS, kind.fields
    )
    assert public == {"amount": 13_911_110_000}
    assert closed == {"secret": 5, "other": 13_911_110_000}


@pytest.mark.parametrize(
    "value",
    [
        "2026-06-15T10:00:00Z",
        "9780201379624",
        "12345678901",
        "1.5",
        "a@b",
        "@",
        "SKU-13911110000-X",
        1781496000000,
    ],
)
def test_what_only_resembles_it_stays_readable(value: Any) -> None:
    assert personal.split({"x": value}, personal.ALWAYS) == ({"x": value}, {})


def test_too_deep_to_look_is_sealed() -> None:
    deep: Any = "x"
    for _ in range(20):
        deep = {"a": deep}
    public, closed = personal.split({"d": deep}, personal.ALWAYS)
    assert "x" not in json.dumps(public)
    assert '"x"' in json.dumps(closed)
