"""Hiding what is personal in a rejected message, and putting it back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from guanxi.console.health.hiding import mark, restore, show

NAMES = st.sampled_from(
    ["amount", "phone", "userId", "traits", "context", "identities", "value", "name", "lines"]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=12),
    st.sampled_from(["13910014007", "a@b.cn", mark(1)]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_hidden_comes_back_as_it_was(value: Any) -> None:
    shown = show(json.dumps(value).encode(), whole=False)
    assert shown is not None
    if mark(1) not in json.dumps(value):
        assert json.loads(restore(shown.text, shown.hidden)) == value


@given(VALUES)
def test_a_phone_is_never_shown(value: Any) -> None:
    shown = show(json.dumps({"properties": value, "phone": "13910014007"}).encode(), whole=False)
    assert shown is not None
    assert "13910014007" not in shown.text


def test_who_it_is_is_hidden_and_what_it_says_is_not() -> None:
    message = {
        "userId": "u-1",
        "traits": {"name": "林晓彤", "city": "上海"},
        "context": {"ip": "10.0.0.1", "identities": [{"type": "unionid", "scope": "wechat", "value": "o-1"}]},
        "properties": {"order_id": "A-1", "amount": 9900, "lines": [{"name": "乌龙", "quantity": 1}]},
    }
    shown = show(json.dumps(message).encode(), whole=False)
    assert shown is not None
    for secret in ("u-1", "林晓彤", "10.0.0.1", "o-1"):
        assert secret not in shown.text
    for told in ("上海", "A-1", "9900", "乌龙", "unionid"):
        assert told in shown.text


def test_a_mark_that_was_taken_out_stays_out() -> None:
    shown = show(b'{"phone": "13910014007", "amount": "x"}', whole=False)
    assert shown is not None
    mended = restore(json.dumps({"amount": 1}), shown.hidden)
    assert json.loads(mended) == {"amount": 1}


@pytest.mark.parametrize("raw", [b"not json", b"\xff\xfe", b"[" * 5000])
def test_what_is_no_json_is_shown_to_those_who_may_see_all(raw: bytes) -> None:
    assert show(raw, whole=False) is None
    assert show(raw, whole=True) is not None
