from __future__ import annotations

import base64

import pytest

from guanxi.access import KeyKind, Permission, system_actor
from guanxi.api.auth import key_text_of
from guanxi.api.rate_limit import Buckets, Limit, Limits
from tests.api.composed import Composed, compose
from tests.installation import Installation


def basic(user: str, password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "key"),
    [
        ("Bearer gx_sk_1", "gx_sk_1"),
        ("bearer  gx_sk_1 ", "gx_sk_1"),
        (basic("gx_wk_1"), "gx_wk_1"),
        (basic("gx_wk_1", "ignored"), "gx_wk_1"),
        ("Basic " + base64.b64encode(b"gx_wk_1").decode(), "gx_wk_1"),
        ("Basic !!!", None),
        (basic("汉字"), None),
        (basic(""), None),
        ("Digest x", None),
        ("Bearer", None),
        ("", None),
    ],
)
def test_keys_are_read_from_bearer_and_basic(authorization: str, key: str | None) -> None:
    assert key_text_of(authorization) == key


def test_who_am_i(composed: Composed) -> None:
    me = composed.own.get("/v1/me").json()
    assert me["merchant"] == {"id": "shop", "name": "小店", "timezone": "Asia/Shanghai", "currency": "CNY"}
    assert me["key"]["kind"] == "secret"
    assert "audit.read" in me["key"]["scopes"]
    assert me["limit"]["per_second"] > 0
    assert composed.other.get("/v1/me").json()["merchant"]["id"] == "other"


def test_without_a_working_key_nobody_is_let_in(composed: Composed) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Bearer {composed.own_key[:-1]}{'x' if composed.own_key[-1] != 'x' else 'y'}"},
    ):
        answer = composed.client(None).get("/v1/me", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == 'Bearer realm="guanxi"'


def test_a_key_does_what_its_scopes_say(composed: Composed) -> None:
    reader = composed.client(composed.key(Permission.AUDIT_READ))
    assert reader.get("/v1/audit").status_code == 200
    answer = reader.get("/v1/keys")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert answer.json()["params"] == {"permission": "keys.manage"}


def test_a_write_key_works_as_a_basic_user_and_can_only_write(composed: Composed) -> None:
    key = composed.key(Permission.EVENTS_WRITE, kind=KeyKind.WRITE)
    nobody = composed.client(None)
    assert nobody.get("/v1/me", headers={"Authorization": basic(key)}).json()["key"]["scopes"] == [
        "events.write"
    ]
    assert nobody.get("/v1/audit", headers={"Authorization": basic(key)}).status_code == 403


def test_a_revoked_or_expired_key_is_refused(composed: Composed) -> None:
    key = composed.key(Permission.EVENTS_READ)
    client = composed.client(key)
    key_id = client.get("/v1/me").json()["key"]["id"]
    assert composed.own.post(f"/v1/keys/{key_id}/revoke").json()["revoked_at"]
    assert client.get("/v1/me").status_code == 401
    made = composed.own.post(
        "/v1/keys", json={"kind": "secret", "name": "短", "scopes": ["events.read"], "expires_in_days": 1}
    ).json()
    client = composed.client(made["secret"])
    assert client.get("/v1/me").status_code == 200
    composed.installation.clock.move(86_400_000_000)
    assert client.get("/v1/me").status_code == 401


def test_a_key_that_asks_too_often_waits(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    composed = compose(installation, Limits(secret=Limit(1, 3)))
    monkeypatch.setattr(composed.context.buckets, "_monotonic", lambda: 0.0)
    answers = [composed.own.get("/v1/me") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit-limit"] == "3"
    assert composed.other.get("/v1/me").status_code == 200


def test_a_bucket_fills_with_time_and_the_least_used_are_forgotten() -> None:
    now = 0.0
    buckets = Buckets(lambda: now, size=2)
    limit = Limit(per_second=2, burst=4)
    assert [buckets.take("a", limit).allowed for _ in range(5)] == [True] * 4 + [False]
    refused = buckets.take("a", limit)
    assert (refused.remaining, refused.reset, refused.retry_after) == (0, 2, 1)
    now = 1.0
    assert [buckets.take("a", limit).allowed for _ in range(3)] == [True, True, False]
    buckets.take("b", limit)
    buckets.take("c", limit)
    assert buckets.take("a", limit).remaining == 3


def test_the_trail_knows_which_key_from_where(composed: Composed) -> None:
    composed.own.post("/v1/keys", json={"kind": "write", "name": "网站", "channel": "web"})
    [entry] = [
        entry
        for entry in composed.own.get("/v1/audit?action=key.created").json()["items"]
        if entry["actor"]["kind"] == "key"
    ]
    assert entry["actor"]["id"] == composed.own.get("/v1/me").json()["key"]["id"]
    assert entry["address"] == "203.0.113.7"
    assert entry["request_id"].startswith("req_")
    assert entry["label"] == {"zh": "创建密钥", "en": "Created a key"}
    assert system_actor("cli").merchant_id == ""
