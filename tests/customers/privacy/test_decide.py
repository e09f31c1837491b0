"""Whose an event is, what stays of it, and which words give a person away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from guanxi.customers.events.catalogue import builtin
from guanxi.customers.identity.kinds import Rejection, identify
from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY, Holding
from guanxi.customers.privacy.decide import Forgotten, recogniser, remainder, without, words
from guanxi.customers.privacy.model import Erasure, State
from guanxi.kernel.hashing import keyed_hash

KEY = b"k" * 32
PHONE = "13911110001"


def erasure(*holdings: Holding, upto: tuple[int, int], tombstone: int) -> Erasure:
    return Erasure("ers_1", State.ASKED, holdings, (), tombstone, upto, 0, "lin", 0)


def is_hers(*identities: tuple[str, str, str]) -> Any:
    known = [one for one in (identify(*each) for each in identities) if not isinstance(one, Rejection)]
    return recogniser(
        KEY, [(one.type, one.scope) for one in known], {keyed_hash(KEY, one.key) for one in known}
    )


def test_each_time_she_was_here_has_its_own_tombstone() -> None:
    always = Holding(7, FIRST_DAY, LAST_DAY)
    forgotten = Forgotten(
        [erasure(always, upto=(0, 20), tombstone=2), erasure(always, upto=(0, 10), tombstone=1)]
    )
    stones = [forgotten.tombstone(7, 100, (0, number)) for number in (1, 10, 11, 20, 21)]
    assert stones == [1, 1, 2, 2, None]


def test_a_phone_is_hers_on_her_days_only() -> None:
    forgotten = Forgotten([erasure(Holding(7, 100, 200), upto=(0, 9), tombstone=1)])
    assert [forgotten.tombstone(7, day, (0, 1)) for day in (99, 100, 199, 200)] == [None, 1, 1, None]


def test_what_is_counted_stays_and_what_leads_back_goes() -> None:
    payload = {
        "properties": {
            "order_id": "no-1",
            "amount": 500,
            "store_id": "s1",
            "note": "x",
            "lines": [{"category": "A", "amount": 500, "engraving": "王"}],
        },
        "context": {"page": {"path": "/u/77"}},
        "traits": {"city": "杭州"},
    }
    left = remainder(payload, builtin().get("order.paid"))
    assert left == {"properties": {"amount": 500, "lines": [{"category": "A", "amount": 500}]}}
    assert remainder(payload, None) == {}


@pytest.mark.parametrize("text", [PHONE, "+86 139 1111 0001", "0086-13911110001", "１３９１１１１０００１"])
def test_her_phone_in_any_spelling(text: str) -> None:
    assert is_hers(("phone", "", PHONE))(text)
    assert not is_hers(("phone", "", "13911110002"))(text)


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps({"a": [{"b": PHONE}]}),
        json.dumps({"a": int(PHONE)}),
        json.dumps({"note": f"请打{PHONE}找王"}, ensure_ascii=True),
        f"2026-01-01,{PHONE},5",
        "2026-01-01;'+86 139 1111 0001';5",
        '{"cut": "off", "phone": "' + PHONE + '", "and',
        f"phone={PHONE}&x=1",
    ],
)
def test_her_phone_in_any_input(raw: str) -> None:
    assert any(map(is_hers(("phone", "", PHONE)), words(raw.encode())))
    assert not any(map(is_hers(("phone", "", "13911110002")), words(raw.encode())))


@given(st.binary(max_size=200))
def test_any_input_has_words(raw: bytes) -> None:
    assert all(isinstance(word, str) for word in words(raw))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["x", "u-77", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from("abc"), _JSON, max_size=3))
def test_only_what_is_hers_is_taken_out(value: dict[str, Any]) -> None:
    hers = is_hers(("user_id", "app", "u-77"))
    left = without(value, hers)
    assert "u-77" not in json.dumps(left)
    if "u-77" not in json.dumps(value):
        assert left == value
    assert without(left, hers) == left
