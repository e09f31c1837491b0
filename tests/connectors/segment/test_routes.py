"""What a client hears, and what is stored when it hears it."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from guanxi.access import KeyKind, Permission
from guanxi.api.rate_limit import Limit, Limits
from guanxi.connectors.segment.decide import BATCH_LIMIT, BODY_LIMIT, MESSAGE_LIMIT, MOST_MESSAGES
from guanxi.customers.events.service import EventIntake
from guanxi.kernel.clock import MINUTE, to_rfc3339
from guanxi.storage.events.writer import GroupWriter

if TYPE_CHECKING:
    from tests.connectors.segment.conftest import Tracking

TIME = "2026-06-15T11:00:00+08:00"


def track(number: int = 1, **said: Any) -> dict[str, Any]:
    """A message as Segment's clients write it, ids that may be null included."""
    return {
        "type": "track",
        "event": "product.viewed",
        "messageId": f"m{number}",
        "userId": "u1",
        "anonymousId": None,
        "timestamp": TIME,
        "context": {"library": {"name": "analytics-python", "version": "2.4"}},
        "properties": {"product": "p1"},
        **said,
    }


def test_a_batch_is_stored_before_it_is_acknowledged(tracking: Tracking) -> None:
    answer = tracking.send({"batch": [track(1), track(2)], "sentAt": TIME})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    stored = tracking.events()
    assert [one.event_id for one in stored] == ["m1", "m2"]
    assert {(one.account, one.channel, one.type) for one in stored} == {("shop-web", "web", "product.viewed")}


def test_a_retry_counts_once(tracking: Tracking) -> None:
    for sent_at in (TIME, "2026-06-15T11:00:09+08:00"):  # a client writes the time of each attempt
        assert tracking.send({"batch": [track(1), track(2)], "sentAt": sent_at}).status_code == 200
    assert len(tracking.events()) == 2


@pytest.mark.parametrize("call", ["track", "identify", "page", "screen", "group", "alias"])
@pytest.mark.parametrize("short", [False, True])
def test_every_call_has_its_address(tracking: Tracking, call: str, short: bool) -> None:
    message = track(previousId="a1", groupId="g1", traits={"level": 3})
    del message["type"]
    path = f"/v1/{call[0] if short else call}"
    assert tracking.send(message, path).json() == {"success": True}
    assert [one.type for one in tracking.events()] == ["product.viewed" if call == "track" else call]


def test_a_bad_message_becomes_a_dead_letter_and_the_others_are_stored(tracking: Tracking) -> None:
    nobody = track(2, userId=None)
    batch = [track(1), nobody, {"type": "fly"}, 7, None, "x", [], track(3)]
    assert tracking.send({"batch": batch}).status_code == 200
    assert [one.event_id for one in tracking.events()] == ["m1", "m3"]
    assert tracking.send(b'{"batch":["\xff"]}').status_code == 200
    assert tracking.dead() == {"open": 7}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"null", b'{"batch":{}}', b'{"batch":null}', b"{}", b'{"batch":[],"sentAt":5}', b"[" * 100_000, b'{"batch":' + b"[" * 100_000],
)  # fmt: skip
def test_what_is_not_the_expected_json_is_refused(tracking: Tracking, body: bytes) -> None:
    answer = tracking.send(body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_input"
    assert "请求体" in answer.json()["message"]
    assert "body" in answer.json()["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b""])
def test_a_single_message_must_be_an_object(tracking: Tracking, body: bytes) -> None:
    assert tracking.send(body, "/v1/track").json()["code"] == "invalid_input"


def padded(size: int, number: int = 1, **said: Any) -> dict[str, Any]:
    """A message of ``size`` bytes in compact JSON."""
    message = track(number, pad="", **said)
    message["pad"] = "x" * (size - len(compact(message)))
    return message


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def test_limits_of_segment(tracking: Tracking) -> None:
    assert tracking.send(compact({"batch": [padded(MESSAGE_LIMIT)]})).status_code == 200
    answer = tracking.send(compact({"batch": [track(2), padded(MESSAGE_LIMIT + 1)]}))
    assert (answer.status_code, answer.json()["code"]) == (400, "too_large")
    assert str(MESSAGE_LIMIT) in answer.json()["message"]
    assert tracking.send(compact(padded(MESSAGE_LIMIT + 1)), "/v1/track").json()["code"] == "too_large"
    batch = [padded(30_000, number) for number in range(10, 27)]
    whole = compact({"batch": batch})
    room = BATCH_LIMIT - len(whole) - len(b',"pad":""')
    assert tracking.send(compact({"batch": batch, "pad": "x" * room})).status_code == 200
    assert tracking.send(compact({"batch": batch, "pad": "x" * (room + 1)})).json()["code"] == "too_large"
    assert len(tracking.events()) == 1 + 17


@pytest.mark.parametrize(
    "said", [{"channel": "server"}, {"context": {"library": {"name": "RudderLabs JavaScript SDK"}}}]
)
def test_rudderstack_may_send_more(tracking: Tracking, said: dict[str, Any]) -> None:
    batch = [padded(1_000_000, number, **said) for number in range(5)]
    assert tracking.send(compact({"batch": batch})).status_code == 200
    assert tracking.send(compact(padded(100_000, 9, **said)), "/v1/track").status_code == 200
    answer = tracking.send(compact({"batch": [padded(5_000_000, 20, **said)]}))
    assert (answer.status_code, answer.json()["code"]) == (400, "too_large")
    assert len(tracking.events()) == 6


def test_too_many_messages(tracking: Tracking) -> None:
    answer = tracking.send(compact({"batch": [1] * (MOST_MESSAGES + 1)}))
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_messages")
    assert tracking.dead() == {}


def test_a_body_beyond_any_limit_is_not_read(tracking: Tracking) -> None:
    answer = tracking.send(b" " * (BODY_LIMIT + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_gzip(tracking: Tracking) -> None:
    zipped = {"Content-Encoding": "gzip"}
    assert tracking.send(gzip.compress(compact({"batch": [track()]})), headers=zipped).status_code == 200
    bomb = zlib.compressobj(9, wbits=31)
    body = bomb.compress(bytes(100_000_000)) + bomb.flush()
    assert tracking.send(body, headers=zipped).status_code == 413
    assert tracking.send(b"no gzip", headers=zipped).status_code == 400
    assert tracking.send(gzip.compress(b"{}")[:-9], headers=zipped).status_code == 400
    assert len(tracking.events()) == 1


@pytest.mark.parametrize("key", ["", "nonsense", "gx_wk_" + "0" * 59])
def test_who_is_unknown_hears_only_that(tracking: Tracking, key: str) -> None:
    for body in ({"batch": [track()]}, b"{"):
        answer = tracking.send(body, key=key)
        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert tracking.client.post("/v1/batch", content=b"{").status_code == 401
    assert tracking.client.post("/v1/track", json=track(writeKey=key)).status_code == 401
    assert tracking.events() == []


def test_keys_in_every_place(tracking: Tracking) -> None:
    bearer = {"Authorization": f"Bearer {tracking.write_key}"}
    assert tracking.client.post("/v1/batch", json={"batch": [track(1)]}, headers=bearer).status_code == 200
    snippet = {"batch": [track(2)], "writeKey": tracking.write_key}
    assert tracking.client.post("/v1/batch", json=snippet).status_code == 200
    single = track(3, writeKey=tracking.write_key)
    assert (
        tracking.client.post("/v1/t", json=single, headers={"Content-Type": "text/plain"}).status_code == 200
    )
    assert tracking.send({"batch": [track(4)], "writeKey": "other"}).status_code == 200
    assert [one.event_id for one in tracking.events()] == ["m1", "m2", "m3", "m4"]


def test_a_key_that_may_not_send_is_refused(tracking: Tracking) -> None:
    reader = tracking.key(KeyKind.SECRET, Permission.EVENTS_READ)
    assert tracking.send({"batch": [track()]}, key=reader).status_code == 403


def test_browsers_send_with_write_keys_only(tracking: Tracking) -> None:
    page = {"Origin": "https://shop.example"}
    asked = tracking.client.ask("OPTIONS", "/v1/t", headers={**page, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "*"
    assert "authorization" in asked.headers["access-control-allow-headers"]
    answer = tracking.send({"batch": [track()]}, headers=page)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    refused = tracking.send({"batch": [track(2)]}, key=tracking.secret_key, headers=page)
    assert (refused.status_code, refused.json()["code"]) == (403, "secret_key_in_browser")
    assert refused.headers["access-control-allow-origin"] == "*"
    assert tracking.send({"batch": [track(3)]}, key=tracking.secret_key).status_code == 200


class TestLimits:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(Limit(1, 1), Limit(1, 2))

    def test_who_asks_too_often_hears_when_to_come_again(
        self, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tracking.context.buckets, "_monotonic", lambda: 0.0)
        answers = [tracking.send({"batch": [track(number)]}) for number in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert answers[-1].json()["code"] == "rate_limited"
        assert len(tracking.events()) == 2


def test_a_writer_that_is_behind_is_a_503(tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guanxi.storage.events.writer.MOST_WAITING", 0)
    answer = tracking.send({"batch": [track()]})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_store_that_fails_is_no_success(tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(type(tracking.installation.log), "_accept", fail)
        answer = tracking.send({"batch": [track()]})
        assert answer.status_code == 500
        assert {"code", "message"} <= answer.json().keys()
    assert tracking.send({"batch": [track()]}).status_code == 200
    assert len(tracking.events()) == 1


def test_a_wrong_clock_is_put_right(tracking: Tracking) -> None:
    now = tracking.installation.clock.now()
    ahead = 90 * MINUTE
    batch = [track(timestamp=to_rfc3339(now - 5 * MINUTE + ahead))]
    assert tracking.send({"batch": batch, "sentAt": to_rfc3339(now + ahead)}).status_code == 200
    assert [one.time for one in tracking.events()] == [now - 5 * MINUTE]
    nonsense = {"batch": [track(2)], "sentAt": "yesterday"}
    assert tracking.send(nonsense).status_code == 200


def test_the_loop_waits_for_no_disk(tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever reads the database does so in a thread; here the loop's own thread may not."""
    import threading

    loop: set[int] = set()
    asked: set[int] = set()
    prepare, merchant = EventIntake.prepare, EventIntake.merchant

    def watched_merchant(self: EventIntake, merchant_id: str) -> Any:
        if not self.knows(merchant_id):
            asked.add(threading.get_ident())
        return merchant(self, merchant_id)

    submit = GroupWriter.submit

    def watched_submit(self: GroupWriter, *given: Any) -> Any:
        loop.add(threading.get_ident())
        return submit(self, *given)

    monkeypatch.setattr(EventIntake, "merchant", watched_merchant)
    monkeypatch.setattr(GroupWriter, "submit", watched_submit)
    assert prepare is EventIntake.prepare
    assert tracking.send({"batch": [track()]}).status_code == 200
    assert loop
    assert asked
    assert loop.isdisjoint(asked)
