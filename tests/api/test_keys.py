from __future__ import annotations

from guanxi.access import Permission
from tests.api.composed import Composed

DRAFT: dict[str, object] = {"kind": "secret", "name": "数据同步", "scopes": ["events.read", "events.write"]}


def test_a_key_is_made_shown_once_and_listed_without_its_secret(composed: Composed) -> None:
    answer = composed.own.post("/v1/keys", json=DRAFT)
    assert answer.status_code == 201
    made = answer.json()
    assert made["secret"].startswith("gx_sk_")
    assert made["key"]["name"] == "数据同步"
    assert made["key"]["created_at"] == "2026-06-15T04:00:00.000000Z"
    listed = composed.own.get("/v1/keys").json()["items"]
    assert made["key"] in listed
    assert made["secret"] not in composed.own.get(f"/v1/keys/{made['key']['id']}").text
    assert composed.client(made["secret"]).get("/v1/me").status_code == 200


def test_keys_come_page_by_page(composed: Composed) -> None:
    for turn in range(5):
        composed.own.post("/v1/keys", json={"kind": "write", "name": f"k{turn}"})
    seen: list[str] = []
    address = "/v1/keys?limit=2"
    while True:
        page = composed.own.get(address).json()
        seen += [key["id"] for key in page["items"]]
        if page["next_cursor"] is None:
            break
        address = f"/v1/keys?limit=2&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 6
    lost = composed.own.get("/v1/keys?cursor=zzz")
    assert (lost.status_code, lost.json()["code"]) == (404, "invalid_cursor")


def test_an_idempotency_key_makes_one_key(composed: Composed) -> None:
    def make(body: dict[str, object]) -> tuple[int, dict[str, object], str | None]:
        answer = composed.own.post("/v1/keys", json=body, headers={"Idempotency-Key": "once"})
        return answer.status_code, answer.json(), answer.headers.get("idempotent-replayed")

    status, first, replayed = make(DRAFT)
    assert (status, replayed) == (201, None)
    status, second, replayed = make(DRAFT)
    assert (status, replayed) == (201, "true")
    assert second == {"key": first["key"], "secret": None}
    status, problem, _ = make({**DRAFT, "name": "另一个"})
    assert (status, problem["code"]) == (409, "idempotency_mismatch")
    theirs = composed.other.post("/v1/keys", json=DRAFT, headers={"Idempotency-Key": "once"})
    assert theirs.json()["secret"]


def test_a_key_gives_no_more_than_it_has(composed: Composed) -> None:
    manager = composed.client(composed.key(Permission.KEYS_MANAGE))
    answer = manager.post("/v1/keys", json=DRAFT)
    assert (answer.status_code, answer.json()["code"]) == (403, "beyond_own_permissions")


def test_a_key_does_not_revoke_itself(composed: Composed) -> None:
    key_id = composed.own.get("/v1/me").json()["key"]["id"]
    answer = composed.own.post(f"/v1/keys/{key_id}/revoke")
    assert (answer.status_code, answer.json()["code"]) == (409, "key_in_use")


def test_revoking_twice_changes_nothing(composed: Composed) -> None:
    key_id = composed.own.post("/v1/keys", json=DRAFT).json()["key"]["id"]
    first = composed.own.post(f"/v1/keys/{key_id}/revoke").json()
    composed.installation.clock.move(1_000_000)
    assert composed.own.post(f"/v1/keys/{key_id}/revoke").json() == first
