"""Export and erasure of one person over HTTP, on both databases."""

from __future__ import annotations

import json
import re

import pytest

from guanxi.access import Permission
from guanxi.access.decide import IDEMPOTENCY_LIFE
from guanxi.api.person_export import PersonExport
from guanxi.customers.events.model import Source
from guanxi.customers.events.sealing import resealer
from guanxi.customers.events.service import EventIntake
from guanxi.customers.privacy.jobs import ErasureJob
from guanxi.customers.privacy.service import Privacy
from guanxi.customers.projection.jobs import BATCH, Projection
from guanxi.storage.events.handover import Handover
from guanxi.storage.person_keys import PersonKeys
from tests.api.composed import Composed, furnish, projection_of
from tests.settling import catch_up

WEB = Source("test", "acc-shop", "web")
REASON = {"reason": "会员书面申请"}


@pytest.fixture
def own(composed: Composed) -> dict[str, str]:
    """Ids of what the merchant ``shop`` has."""
    return furnish(composed, "shop")


def audited(composed: Composed, action: str) -> list[dict[str, str]]:
    """Return the audit trail's entries of one action, without who and when."""
    items = composed.own.get("/v1/audit", params={"action": action}).json()["items"]
    return [{name: one[name] for name in ("target", "reason")} for one in items]


def settle(composed: Composed) -> None:
    """Let the worker finish every erasure."""
    one, intake = composed.installation, composed.context.service(EventIntake)
    projection, keys = projection_of(one, intake), PersonKeys(one.vault)
    handover = Handover(one.database, one.log, one.locks, resealer(one.database, one.vault, keys), one.clock)
    privacy = composed.context.service(Privacy)
    job = ErasureJob(
        one.database,
        one.log,
        one.locks,
        handover,
        privacy,
        intake,
        one.vault,
        keys,
        one.clock,
        projection.mend,
    )
    while job.waiting("shop"):
        job.run("shop", wait=True)


def test_a_member_is_handed_over_as_described(composed: Composed, own: dict[str, str]) -> None:
    path = f"/v1/members/{own['member_id']}/export"
    answer = composed.own.post(path, json=REASON)
    assert answer.headers["content-type"] == "application/json"
    assert (
        answer.headers["content-disposition"] == f'attachment; filename="{own["member_id"]}-2026-06-15.json"'
    )
    assert answer.headers["cache-control"] == "no-store"
    said = PersonExport.model_validate(answer.json())
    assert {one.value for one in said.identities} == {"13816203377", "u-shop-3377"}
    assert {one.name: one.value for one in said.attributes}["name"] == "王77"
    assert [one.type for one in said.events] == ["identify"]
    assert said.model_dump(by_alias=True) == answer.json()
    alias = own["identity_id"].replace("idn_", "mbr_")
    assert (
        composed.own.post(f"/v1/members/{alias}/export", json={}).json()["identities"]
        == (answer.json()["identities"])
    )
    entries = sorted(audited(composed, "member.exported"), key=lambda one: one["reason"])
    assert entries == [{"target": alias, "reason": ""}, {"target": own["member_id"], **REASON}]


def test_each_right_needs_its_own_scope(composed: Composed, own: dict[str, str]) -> None:
    exporter = composed.client(composed.key(Permission.MEMBERS_READ, Permission.MEMBERS_EXPORT))
    eraser = composed.client(composed.key(Permission.MEMBERS_ERASE))
    member = f"/v1/members/{own['member_id']}"
    assert exporter.post(f"{member}/erasure", json={}).status_code == 403
    assert eraser.post(f"{member}/export", json={}).status_code == 403
    assert exporter.get(f"/v1/erasures/{own['erasure_id']}").status_code == 403
    assert audited(composed, "member.exported") == audited(composed, "member.erased") == []


def test_nobody_is_told_of_in_both_languages(composed: Composed, own: dict[str, str]) -> None:
    nobody = "mbr_0000000000000"
    for what in ("export", "erasure"):
        answer = composed.own.post(f"/v1/members/{nobody}/{what}", json={}, headers={"Accept-Language": "en"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.json()["message"] == {
            "zh": f"没有找到会员：{nobody}。",
            "en": f"No such member: {nobody}.",
        }
    missing = composed.own.get("/v1/erasures/ers_000000000000000000000000")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert audited(composed, "member.exported") == audited(composed, "member.erased") == []


def test_a_member_is_forgotten_once(composed: Composed, own: dict[str, str]) -> None:
    member = f"/v1/members/{own['member_id']}"
    begun = composed.own.post(f"{member}/erasure", json=REASON)
    assert (begun.status_code, begun.json()["state"], begun.json()["done_at"]) == (202, "asked", None)
    alias = own["identity_id"].replace("idn_", "mbr_")
    for again in (own["member_id"], alias):
        repeated = composed.own.post(f"/v1/members/{again}/erasure", json={})
        assert (repeated.status_code, repeated.json()) == (202, begun.json())
    assert composed.own.post(f"{member}/export", json={}).status_code == 404
    assert audited(composed, "member.erased") == [{"target": own["member_id"], **REASON}]
    settle(composed)
    done = composed.own.get(f"/v1/erasures/{begun.json()['id']}").json()
    assert (done["state"], done["done_at"]) == ("done", "2026-06-15T04:00:00.000000Z")
    assert own["member_id"] not in json.dumps(done)
    assert composed.own.post(f"{member}/erasure", json={}).status_code == 404


def test_a_repeated_key_gets_the_same_erasure_also_when_it_is_through(
    composed: Composed, own: dict[str, str]
) -> None:
    path, key = f"/v1/members/{own['member_id']}/erasure", {"Idempotency-Key": "ticket-1"}
    begun = composed.own.post(path, json=REASON, headers=key)
    assert "idempotent-replayed" not in begun.headers
    settle(composed)
    replayed = composed.own.post(path, json=REASON, headers=key)
    assert (replayed.status_code, replayed.headers["idempotent-replayed"]) == (202, "true")
    assert (replayed.json()["id"], replayed.json()["state"]) == (begun.json()["id"], "done")
    other = composed.own.post(path, json={}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")
    composed.installation.clock.move(IDEMPOTENCY_LIFE + 1)
    assert composed.own.post(path, json=REASON, headers=key).status_code == 404


def test_who_comes_back_is_forgotten_anew(composed: Composed, own: dict[str, str]) -> None:
    path = f"/v1/members/{own['member_id']}/erasure"
    first = composed.own.post(path, json={}).json()
    one, intake = composed.installation, composed.context.service(EventIntake)
    back = {
        "type": "identify",
        "messageId": "back",
        "userId": "u-shop-3377",
        "traits": {"phone": "13816203377"},
    }
    intake.accept("shop", WEB, [back])
    catch_up(one.database, one.log, projection_of(one, intake), "shop")
    one.clock.move(1_000_000)
    second = composed.own.post(path, json={}).json()
    assert second["id"] != first["id"]
    assert composed.own.post(path, json={}).json() == second


def test_what_came_a_moment_ago_is_known_to_be_theirs(
    composed: Composed, own: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = composed.context.service(EventIntake)
    new = {
        "type": "identify",
        "messageId": "new",
        "userId": "u-shop-3377",
        "traits": {"email": "w@example.com"},
    }
    intake.accept("shop", WEB, [new])
    assert composed.own.get("/v1/members?query=w@example.com").json()["items"] == []
    monkeypatch.setattr(Projection, "run", lambda *_: BATCH)
    path = f"/v1/members/{own['member_id']}/erasure"
    busy = composed.own.post(path, json={})
    assert (busy.status_code, busy.json()["code"]) == (503, "unavailable")
    monkeypatch.undo()
    one = composed.installation
    if (
        one.database.dialect == "postgresql"
    ):  # somebody else's transaction may still keep readers from the event
        catch_up(one.database, one.log, projection_of(one, intake), "shop")
    assert composed.own.post(path, json={}).status_code == 202
    settle(composed)
    catch_up(one.database, one.log, projection_of(one, intake), "shop")
    assert composed.own.get("/v1/members?query=w@example.com").json()["items"] == []


def test_the_document_says_what_is_streamed(composed: Composed) -> None:
    operation = composed.app.openapi()["paths"]["/v1/members/{member_id}/export"]["post"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert re.fullmatch(r"#/components/schemas/PersonExport", schema["$ref"])
    held = composed.app.openapi()["components"]["schemas"]["HeldView"]
    assert set(held["required"]) == {"from", "until"}
