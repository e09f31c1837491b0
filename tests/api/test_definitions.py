"""Definitions over HTTP, on both databases where they change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from guanxi.access import BUILT_IN_ROLES, Permission
from tests.api.client import Client
from tests.api.composed import Composed
from tests.api.shop import DEFINITIONS, YAML, audience, put, trade

ON_ONE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def plan(client: Client, text: str, **query: Any) -> httpx.Response:
    """Ask for a plan."""
    return client.post("/v1/definitions/plan", content=text.encode(), headers=YAML, params=query)


def test_what_is_planned_is_applied_and_read(composed: Composed) -> None:
    trade(composed)
    drawn = plan(composed.own, DEFINITIONS).json()
    effects = {one["key"]: one["effect"] for one in drawn["changes"]}
    assert (drawn["base"], drawn["empty"]) == (0, False)
    assert effects["spenders"] == {"members": 3, "gains": 3, "losses": 0}
    assert composed.own.get("/v1/definitions").json()["items"] == []
    done = put(composed.own, expect=drawn["hash"])
    assert (done["release"], done["changed"], len(done["changes"])) == (1, True, 6)
    audiences = composed.own.get("/v1/definitions", params={"kind": "audience"}).json()["items"]
    assert [one["id"] for one in audiences] == ["audience/invited", "audience/spenders"]
    one = composed.own.get("/v1/definitions/trait/spent_90d").json()
    assert one["label"] == {"zh": "近 90 天消费", "en": "Spent in 90 days"}
    assert one["spec"]["value"] == "sum(order.paid.amount, 90d)"
    assert one["text"] in DEFINITIONS
    assert {ref["key"] for ref in one["dependants"]} == {"loyalty", "spenders"}
    again = put(composed.own)
    assert (again["release"], again["changed"], again["changes"]) == (1, False, [])
    [entry] = composed.own.get("/v1/audit?action=definitions.applied").json()["items"]
    assert (entry["reason"], entry["detail"]["release"], entry["detail"]["changes"]) == ("试验", 1, 6)
    assert "create audience spenders" in entry["detail"]["first"]


def test_json_and_yaml_say_the_same(composed: Composed) -> None:
    spoken = {"kind": "audience", "key": "some", "label": "一些", "rule": "first_seen is not null"}
    drawn = composed.own.post("/v1/definitions/plan", json={"documents": [spoken]}).json()
    written = "kind: audience\nkey: some\nlabel: 一些\nrule: first_seen is not null\n"
    assert plan(composed.own, written).json() == drawn
    put(composed.own, written)
    same = composed.own.post(
        "/v1/definitions/apply", json={"documents": [spoken]}, params={"why": "同一份", "expect": 1}
    )
    assert same.json() == {"release": 1, "changed": False, "changes": []}


def test_an_outdated_plan_is_refused(composed: Composed) -> None:
    first = plan(composed.own, audience("first_seen is null"), effects=False).json()
    put(composed.own, audience("first_seen is not null", "other"))
    for expected in (first["hash"], "0"):
        late = composed.own.post(
            "/v1/definitions/apply",
            content=audience("first_seen is null").encode(),
            headers=YAML,
            params={"why": "慢了", "expect": expected},
        )
        assert (late.status_code, late.json()["code"]) == (409, "definitions_moved")
    assert composed.own.get("/v1/definitions/audience/some").status_code == 404
    assert put(composed.own, audience("first_seen is null"), expect="1")["release"] == 2


def test_pruning_deletes_what_is_not_mentioned(composed: Composed) -> None:
    put(composed.own)
    kept = audience("first_seen is not null")
    drawn = plan(composed.own, kept, prune=True, effects=False).json()
    assert sum(one["action"] == "delete" for one in drawn["changes"]) == 6
    put(composed.own, kept, prune=True, expect=drawn["hash"])
    assert [one["key"] for one in composed.own.get("/v1/definitions").json()["items"]] == ["some"]


def test_a_definition_is_rolled_back_deleted_and_brought_back(composed: Composed) -> None:
    trade(composed)
    put(composed.own)
    put(composed.own, audience("spent_90d >= ¥5", "spenders"))
    path = "/v1/definitions/audience/spenders"
    drawn = composed.own.post(f"{path}/rollback", json={"version": 1, "why": "改回", "expect": "2"}).json()
    assert drawn["changes"] == [
        {"kind": "audience", "key": "spenders", "action": "change", "before": 2, "version": 3}
    ]
    assert (
        composed.own.post("/v1/audiences/count", json={"rule": "in_audience('spenders')"}).json()["members"]
        == 3
    )
    gone = composed.own.ask("DELETE", path, params={"why": "不用了"}).json()
    assert (gone["release"], gone["changes"][0]["action"]) == (4, "delete")
    assert composed.own.get(path).status_code == 404
    assert composed.own.ask("DELETE", path, params={"why": "再来"}).status_code == 404
    back = composed.own.post(f"{path}/rollback", json={"version": 3, "why": "还要"}).json()
    assert (back["changes"][0]["action"], back["changes"][0]["version"]) == ("create", 5)
    pages = [composed.own.get(f"{path}/history", params={"limit": 2}).json()]
    while cursor := pages[-1]["next_cursor"]:
        pages.append(composed.own.get(f"{path}/history", params={"limit": 2, "cursor": cursor}).json())
    history = [one for page in pages for one in page["items"]]
    assert [(one["version"], one["action"], one["why"]) for one in history] == [
        (5, "create", "还要"),
        (4, "delete", "不用了"),
        (3, "change", "改回"),
        (2, "change", "试验"),
        (1, "create", "试验"),
    ]
    assert history[0]["text"] == history[2]["text"] == history[4]["text"]
    told = composed.own.get("/v1/audit", params={"target": "spenders"}).json()["items"]
    actions = sorted(one["action"] for one in told)
    assert actions == ["definitions.removed", "definitions.rolled_back", "definitions.rolled_back"]
    first = composed.own.get("/v1/releases?limit=3").json()
    rest = composed.own.get("/v1/releases", params={"cursor": first["next_cursor"]}).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == [5, 4, 3, 2, 1]
    assert rest["items"][-1]["summary"]["trait"] == {"create": 3}


def test_what_others_rest_on_stays(composed: Composed) -> None:
    put(composed.own)
    refused = composed.own.ask("DELETE", "/v1/definitions/trait/spent_90d", params={"why": "试试"})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_definitions")
    [problem] = refused.json()["params"]["problems"]
    assert problem["key"] == "spent_90d"
    assert "spenders" in problem["en"]
    assert composed.own.get("/v1/definitions/trait/spent_90d").status_code == 200


def test_the_same_request_is_done_once(composed: Composed) -> None:
    key = {"Idempotency-Key": "abc", **YAML}
    asked: dict[str, Any] = {"content": audience("first_seen is null").encode(), "headers": key}
    first = composed.own.post("/v1/definitions/apply", params={"why": "一次", "expect": "0"}, **asked)
    again = composed.own.post("/v1/definitions/apply", params={"why": "一次", "expect": "0"}, **asked)
    assert (again.status_code, again.json()) == (200, first.json())
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = composed.own.post("/v1/definitions/apply", params={"why": "另一次", "expect": "0"}, **asked)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")
    asked["headers"] = {"Idempotency-Key": "def", **YAML}
    for replayed in (None, "true"):
        nothing = composed.own.post("/v1/definitions/apply", params={"why": "无改动"}, **asked)
        assert nothing.json() == {"release": 1, "changed": False, "changes": []}
        assert nothing.headers.get("idempotent-replayed") == replayed
    assert len(composed.own.get("/v1/releases").json()["items"]) == 1
    assert len(composed.own.get("/v1/audit?action=definitions.applied").json()["items"]) == 1


def test_requests_at_the_same_time_are_done_once(composed: Composed) -> None:
    put(composed.own, audience("first_seen is not null", "other"))

    def apply(number: int) -> httpx.Response:
        return composed.own.post(
            "/v1/definitions/apply",
            content=audience("first_seen is null").encode(),
            headers={"Idempotency-Key": "both", **YAML} if number < 2 else YAML,
            params={"why": "同时", "expect": 1},
        )

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(apply, range(2))
    assert one.json() == other.json() == {**one.json(), "release": 2, "changed": True}
    assert apply(2).json()["code"] == "definitions_moved"
    assert len(composed.own.get("/v1/releases").json()["items"]) == 2


def test_roles_may_do_what_they_say(composed: Composed) -> None:
    put(composed.own)
    count = {"rule": "first_seen is not null"}
    for role in BUILT_IN_ROLES.values():
        client = composed.client(composed.key(*role.permissions))
        statuses = {
            Permission.DEFINITIONS_READ: client.get("/v1/definitions").status_code,
            Permission.DEFINITIONS_WRITE: client.ask(
                "DELETE", "/v1/definitions/audience/nothing", params={"why": "试试"}
            ).status_code,
            Permission.AUDIENCES_READ: client.post("/v1/audiences/count", json=count).status_code,
            Permission.AUDIENCES_EXPORT: client.get("/v1/audiences/invited/export").status_code,
        }
        may = {permission for permission, status in statuses.items() if status != 403}
        assert may == statuses.keys() & role.permissions, role.key
    assert Permission.DEFINITIONS_WRITE in BUILT_IN_ROLES["operator"].permissions
    reader = composed.client(composed.key(Permission.DEFINITIONS_READ))
    [uncounted] = plan(reader, audience("first_seen is null")).json()["changes"]
    assert uncounted["effect"] is None  # a plan is no way to count without audiences.read
    refused = reader.post("/v1/definitions/apply", content=b"", headers=YAML, params={"why": "不行"})
    assert refused.status_code == 403
    assert reader.post("/v1/audiences/invited/list", json={"kind": "phone", "values": []}).status_code == 403


@ON_ONE
def test_everything_wrong_is_told_at_its_place(composed: Composed) -> None:
    text = (
        "kind: audience\nkey: some\nrule: spnt > 3 and first_sen is null\n---\nkind: audiense\nkey: other\n"
    )
    answer = plan(composed.own, text)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_definitions")
    assert [(one["line"], one["column"], one["code"]) for one in answer.json()["params"]["problems"]] == [
        (3, 7, "unknown_attribute"),
        (3, 20, "unknown_attribute"),
        (5, 7, "unknown_kind"),
    ]
    assert answer.json()["params"]["problems"][2]["nearest"] == "audience"
    near = plan(composed.own, audience("first_sen is null")).json()["params"]["problems"][0]
    assert (near["line"], near["column"], near["nearest"]) == (4, 3, "first_seen")
    for taken in ("member", "first_day", "first_seen"):
        refused = plan(composed.own, f"kind: trait\nkey: {taken}\nvalue: '1'\n").json()["params"]["problems"]
        assert refused[0]["code"] == "name_taken"
    documents = [{"kind": "audience", "key": "fine", "static": True}, {"kind": "audience", "key": "bad"}]
    told = composed.own.post("/v1/definitions/plan", json={"documents": documents}).json()
    assert [one["source"] for one in told["params"]["problems"]] == ["documents/1"]
    assert composed.own.get("/v1/definitions").json()["items"] == []


@ON_ONE
def test_what_is_perhaps_not_meant_is_a_hint(composed: Composed) -> None:
    trade(composed)
    rule = "count(order.paid where channel = 'wbe', 30d) > 1"
    (hint,) = plan(composed.own, audience(rule)).json()["hints"]
    assert (hint["line"], hint["column"], hint["nearest"]) == (4, 36, "web")
    answer = composed.own.post("/v1/rules/check", json={"rule": rule}).json()
    assert (answer["valid"], answer["problems"]) == (True, [])
    assert [(one["column"], one["nearest"]) for one in answer["hints"]] == [(34, "web")]


@ON_ONE
def test_bodies_that_are_none_are_refused(composed: Composed) -> None:
    ask = composed.own.post
    path = "/v1/definitions/plan"
    bomb = "a: &a [1]\nb: &b [*a, *a]\nkind: audience\nkey: some\n"
    for text, code in {bomb: "anchor", "[" * 1000: "too_deep", "kind: {": "bad_yaml"}.items():
        answer = plan(composed.own, text)
        assert answer.status_code == 422
        assert code in {one["code"] for one in answer.json()["params"]["problems"]}
    assert ask(path, content=b"\xff\xfe", headers=YAML).json()["code"] == "invalid_input"
    for nothing in (b"", b"# a comment\n", b"---\n---\n"):
        assert ask(path, content=nothing, headers=YAML).status_code == 400
    assert ask(path, content=b"<a/>", headers={"Content-Type": "text/xml"}).status_code == 415
    assert ask(path, content=b"kind: audience", headers={}).status_code == 415
    deep: Any = "rule"
    for _ in range(150):
        deep = [deep]
    bodies: list[Any] = [
        {"documents": []},
        {"documents": [{"kind": "audience"}]},
        {"documents": [{"kind": "Audience", "key": "some"}]},
        {"documents": [{"kind": "audience", "key": "some", "rule": deep}]},
        {"documents": [{"kind": "audience", "key": "some"}] * 2_001},
        [],
        "kind: audience",
    ]
    for body in bodies:
        answer = ask(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert ask(path, content=b"{", headers={"Content-Type": "application/json"}).status_code == 422
    for why in ({}, {"why": ""}, {"why": " "}, {"why": "two\nlines"}, {"why": "x" * 501}):
        assert ask("/v1/definitions/apply", content=b"", headers=YAML, params=why).status_code == 422
