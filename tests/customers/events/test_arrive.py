"""From a message to an event or to the reason why it is none: every refusal, in both languages."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from guanxi.customers.events import decide
from guanxi.customers.events.catalogue import builtin, read_type
from guanxi.customers.events.model import Arrival, Refused, Source
from guanxi.kernel.clock import DAY, HOUR, MINUTE, to_rfc3339
from tests.installation import NOW

SHOP = Source("key", "shop-web", "web")
HAN = re.compile(r"[\u4e00-\u9fff]")
GOOD: dict[str, Any] = {
    "type": "track",
    "event": "order.paid",
    "messageId": "m1",
    "userId": "u-1",
    "timestamp": "2026-06-15T10:00:00+08:00",
    "properties": {"order_id": "o1", "amount": 500},
}
OWN = read_type(
    "visit.logged",
    {
        "fields": {
            "mood": {"type": "text", "values": ["good", "bad"]},
            "on": {"type": "date"},
            "at": {"type": "time"},
            "share": {"type": "number"},
            "loud": {"type": "bool"},
            "extra": {"type": "object"},
            "things": {"type": "list", "of": {"n": {"type": "int", "required": True}}},
        }
    },
)
CATALOGUE = builtin().extended({OWN.name: OWN})


def judge(
    message: dict[str, Any] | bytes,
    sent_at: int | None = None,
    *,
    converted: bool = False,
    source: Source = SHOP,
) -> Arrival | Refused:
    if isinstance(message, bytes):
        read = decide.read(message)
    else:
        read = decide.convert(message) if converted else decide.read(json.dumps(message).encode())
    return read if isinstance(read, Refused) else decide.arrive(read, source, CATALOGUE, NOW, sent_at)


def accepted(message: dict[str, Any], sent_at: int | None = None) -> Arrival:
    arrival = judge(message, sent_at)
    assert isinstance(arrival, Arrival), arrival
    return arrival


def refused(message: dict[str, Any] | bytes, *, converted: bool = False) -> Refused:
    refusal = judge(message, converted=converted)
    assert isinstance(refusal, Refused), refusal
    assert HAN.search(refusal.reason.zh)
    assert not HAN.search(refusal.reason.en.replace("王小明", ""))
    return refusal


def own(**properties: Any) -> dict[str, Any]:
    return {**GOOD, "event": OWN.name, "properties": properties}


def nested(levels: int) -> bytes:
    return (
        b'{"type":"track","event":"x","userId":"u-1","properties":'
        + b'{"a":' * levels
        + b"1"
        + b"}" * (levels + 1)
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("malformed", b""),
        ("malformed", b"{"),
        ("malformed", b"[]"),
        ("malformed", b"null"),
        ("malformed", b'"text"'),
        ("malformed", b'{"type": 5}'),
        ("malformed", b'{"type":"track","properties":[]}'),
        ("malformed", b'{"type":"track","userId":true}'),
        ("malformed", b'{"type":"track","userId":"\xff"}'),
        ("malformed", b'{"type":"track","userId":"\\ud800"}'),
        ("malformed", b'{"type":"track","userId":"u","event":"x","properties":{"a":NaN}}'),
        ("malformed", b'{"type":"track","userId":"u","event":"x","properties":{"a":1e999}}'),
        ("malformed", b'{"type":"track","event":"x","userId":' + b"9" * 5_000 + b"}"),
        ("malformed", nested(1_000)),
        ("malformed", {**GOOD, "context": {"identities": {}}}),
        ("malformed", {**GOOD, "context": {"identities": [{"type": "phone", "value": None}]}}),
        ("malformed", {**GOOD, "context": {"identities": [{"type": "phone", "value": "1", "scope": 5}]}}),
        ("unknown_identity", {**GOOD, "context": {"identities": [{"type": "shoe", "value": "42"}]}}),
        ("unknown_identity", {**GOOD, "context": {"identities": ["x"]}}),
        ("unknown_call", {**GOOD, "type": ""}),
        ("unknown_call", {**GOOD, "type": "TRACK"}),
        ("no_event_name", {**GOOD, "event": None}),
        ("no_event_name", {**GOOD, "event": "  "}),
        ("no_event_name", {**GOOD, "event": "a\x00b"}),
        ("no_event_name", {**GOOD, "event": "x" * 129}),
        ("bad_message_id", {**GOOD, "messageId": ""}),
        ("bad_message_id", {**GOOD, "messageId": "x" * 257}),
        ("bad_message_id", {**GOOD, "messageId": "a\x00"}),
        ("reserved_type", {**GOOD, "event": "identity.joined"}),
        ("reserved_type", {**GOOD, "event": "member.erased"}),
        ("no_identity", {**GOOD, "userId": None}),
        ("no_identity", {**GOOD, "userId": "null"}),
        ("no_identity", {**GOOD, "userId": "u" * 10_000_000}),
        ("no_identity", {**GOOD, "userId": None, "context": {"identities": [{"type": "phone", "value": "139****0000"}]}}),
        ("no_identity", {**GOOD, "userId": None, "context": {"identities": [{"type": "phone", "value": "13911110000-12"}]}}),
        ("too_many_identities",
         {**GOOD, "context": {"identities": [{"type": "device", "value": f"d-{n}"} for n in range(17)]}}),
        ("bad_timestamp", {**GOOD, "timestamp": "yesterday"}),
        ("bad_timestamp", {**GOOD, "timestamp": "2026-02-30T10:00:00Z"}),
        ("bad_timestamp", {**GOOD, "timestamp": "2026-06-15T25:00:00Z"}),
        ("bad_timestamp", {**GOOD, "timestamp": "1781488800"}),
        ("bad_timestamp", {**GOOD, "timestamp": "\x00"}),
        ("impossible_time", {**GOOD, "timestamp": "1999-12-31T23:59:59Z"}),
        ("impossible_time", {**GOOD, "timestamp": to_rfc3339(NOW + 25 * HOUR)}),
        ("impossible_time", {**GOOD, "timestamp": "9999-12-31T23:59:59Z"}),
        ("impossible_time", {**GOOD, "sentAt": "9999-12-31T23:59:59Z"}),
        ("impossible_time", {**GOOD, "sentAt": "2099-01-01T00:00:00Z"}),
        ("impossible_time", {**GOOD, "sentAt": "0001-01-01T00:00:00Z"}),
        ("missing_property", {**GOOD, "properties": {"order_id": "o1"}}),
        ("missing_property", {**GOOD, "properties": {"order_id": "o1", "amount": None}}),
        ("missing_property", {**GOOD, "properties": None}),
        ("missing_property", own(things=[{}])),
        ("wrong_type", {**GOOD, "properties": {"order_id": 5, "amount": 1}}),
        ("wrong_type", {**GOOD, "properties": {"order_id": "o", "amount": 1.5}}),
        ("wrong_type", {**GOOD, "properties": {"order_id": "o", "amount": True}}),
        ("wrong_type", {**GOOD, "properties": {"order_id": "o", "amount": "5"}}),
        ("wrong_type", {**GOOD, "properties": {"order_id": "o", "amount": (1 << 53) + 1}}),
        ("wrong_type", {**GOOD, "properties": {"order_id": "o", "amount": 1, "lines": ["x"]}}),
        ("wrong_type", {**GOOD, "properties": {"order_id": "o", "amount": 1, "lines": {"a": 1}}}),
        ("wrong_type", own(on="2026-02-30")),
        ("wrong_type", own(on="20260228")),
        ("wrong_type", own(at="2026-02-28T10:00:00")),
        ("wrong_type", own(at=5)),
        ("wrong_type", own(share="0.5")),
        ("wrong_type", own(loud=1)),
        ("wrong_type", own(extra=[])),
        ("wrong_type", own(things=[{"n": 1}, {"n": "2"}])),
        ("wrong_value", own(mood="so so")),
    ],
)  # fmt: skip
def test_every_refusal_says_why_in_both_languages(code: str, message: dict[str, Any] | bytes) -> None:
    assert refused(message).code == code


def test_a_refusal_names_the_place() -> None:
    assert refused(own(things=[{"n": 1}, {"n": "2"}])).path == "properties.things[1].n"
    assert refused({**GOOD, "timestamp": "x"}).path == "timestamp"


@pytest.mark.parametrize(
    "message",
    [
        {**GOOD, "messageId": None, "properties": {"order_id": "\ud800", "amount": 1}},
        {**GOOD, "messageId": None, "event": "x", "properties": {"a": object()}},
        {**GOOD, "userId": 10**5_000},
        {**GOOD, "event": "x", "properties": {1: 2}},
    ],
)
def test_what_only_a_program_can_send_is_judged_too(message: dict[str, Any]) -> None:
    refused(message, converted=True)


def test_a_thousand_levels_are_refused_and_not_climbed() -> None:
    deep: dict[str, Any] = {}
    for _ in range(1_000):
        deep = {"a": deep}
    assert (
        refused({**GOOD, "messageId": None, "event": "x", "properties": deep}, converted=True).code
        == "malformed"
    )


@pytest.mark.parametrize(
    "text",
    ["2026-06-15T10:00:00+08:00", "2026-06-15T02:00:00Z", "2026-06-15T02:00:00", "2026-06-15T02:00:00.000Z"],
)
def test_times(text: str) -> None:
    assert to_rfc3339(accepted({**GOOD, "timestamp": text}).time) == "2026-06-15T02:00:00.000000Z"


def test_without_a_time_it_happened_now() -> None:
    arrival = accepted({**GOOD, "timestamp": None})
    assert (arrival.written_at, arrival.time) == (0, NOW)


@pytest.mark.parametrize("off", [-25 * DAY, -HOUR, HOUR, 25 * DAY])
def test_a_clock_that_is_off_is_put_right(off: int) -> None:
    happened = NOW - 5 * MINUTE
    arrival = accepted({**GOOD, "timestamp": to_rfc3339(happened + off)}, sent_at=NOW + off)
    assert arrival.time == happened
    assert arrival.written_at == happened + off, "a retry repeats what was written, whenever it is sent"


def test_a_clock_that_is_off_and_does_not_say_so_is_never_in_the_future() -> None:
    assert accepted({**GOOD, "timestamp": to_rfc3339(NOW + HOUR)}).time == NOW
    assert accepted({**GOOD, "timestamp": to_rfc3339(NOW - HOUR)}).time == NOW - HOUR


def test_the_network_takes_a_minute() -> None:
    happened = NOW - 5 * MINUTE
    assert accepted({**GOOD, "timestamp": to_rfc3339(happened)}, sent_at=NOW - MINUTE).time == happened


def test_the_phone_is_the_same_in_every_form() -> None:
    digest = hashlib.sha256(b"13911110000").hexdigest()
    forms = ["13911110000", "+86 139-1111-0000", 13911110000, "１３９１１１１００００", digest]
    found = [
        accepted(
            {**GOOD, "userId": None, "context": {"identities": [{"type": "phone", "value": form}]}}
        ).identities
        for form in forms
    ]
    assert {one.value for (one,) in found} == {digest}
    assert [one.shown for (one,) in found] == ["13911110000"] * 4 + [""]


def test_what_identifies_nobody_is_kept_sealed() -> None:
    arrival = accepted({**GOOD, "context": {"identities": [{"type": "phone", "value": "139****0000"}]}})
    (one,) = arrival.personal["unidentified"]
    assert (one["type"], one["value"], one["what"]) == ("phone", "139****0000", "masked")
    assert ("打码" in one["hint"]["zh"], "masked" in one["hint"]["en"]) == (True, True)
    assert [one.type for one in arrival.identities] == ["user_id"]


def test_one_identity_named_twice_is_one() -> None:
    listed = [{"type": "phone", "value": value} for value in ("13911110000", "+8613911110000")]
    message = {
        **GOOD,
        "type": "identify",
        "traits": {"mobile": 13911110000},
        "context": {"identities": listed},
    }
    assert [one.type for one in accepted(message).identities] == ["user_id", "phone"]


def test_traits_in_the_context_identify_too() -> None:
    message = {**GOOD, "type": "identify", "context": {"traits": {"phone": "13911110000"}}}
    assert [one.type for one in accepted(message).identities] == ["user_id", "phone"]


def test_an_event_knows_its_account() -> None:
    assert (accepted(GOOD).account, accepted(GOOD).channel) == ("shop-web", "web")
    told = accepted({**GOOD, "context": {"account": "live-room", "channel": "live"}})
    assert (told.account, told.channel) == ("live-room", "live")
    for odd in ("", 5, "a\x00", "x" * 65, None):
        assert accepted({**GOOD, "context": {"account": odd}}).account == "shop-web"


def test_a_made_up_id_repeats_itself() -> None:
    first = accepted({**GOOD, "messageId": None, "sentAt": "2026-06-15T03:59:00Z"})
    again = accepted({**GOOD, "messageId": None, "sentAt": "2026-06-15T03:59:30Z"})
    other = accepted({**GOOD, "messageId": None, "properties": {"order_id": "o2", "amount": 500}})
    assert first.event_id == again.event_id != other.event_id


def test_unknown_types_and_properties_are_kept() -> None:
    arrival = accepted({**GOOD, "event": "谢谢惠顾", "properties": {"x": [1, {"y": None}]}})
    assert (arrival.type, arrival.version) == ("谢谢惠顾", 0)
    assert arrival.payload["properties"] == {"x": [1, {"y": None}]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        "type",
        "event",
        "messageId",
        "userId",
        "anonymousId",
        "timestamp",
        "sentAt",
        "properties",
        "traits",
        "context",
        "name",
    ]
)


@settings(suppress_health_check=list(HealthCheck))
@given(st.dictionaries(FIELDS, JSON), st.booleans())
def test_nothing_breaks_the_judge(message: dict[str, Any], converted: bool) -> None:
    judged = judge({**GOOD, **message}, converted=converted)
    if isinstance(judged, Refused):
        assert HAN.search(judged.reason.zh)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    judge(raw)
