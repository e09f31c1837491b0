from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from guanxi.access import Permission
from guanxi.api.app import create_app
from guanxi.api.context import ApiContext
from guanxi.api.problems import language_of
from guanxi.kernel.errors import TooLarge
from tests.api.client import Client
from tests.api.composed import Composed

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.JSONRenderer()], cache_logger_on_first_use=False)
    yield
    structlog.configure(**before)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh"),
        ("en-US,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.2,zh;q=0.7", "zh"),
        ("fr,en;q=0.1", "en"),
        ("fr", "zh"),
        ("en;q=nonsense", "zh"),
    ],
)
def test_the_language_asked_for_is_spoken(header: str, language: str) -> None:
    assert language_of(header) == language


def test_a_problem_says_what_in_both_languages_and_quotes_the_request(composed: Composed) -> None:
    answer = composed.own.get(
        "/v1/keys/key_000000000000000000000000",
        headers={"Accept-Language": "en", "X-Request-Id": "trace-0001"},
    )
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "trace-0001"
    assert answer.json() == {
        "type": "urn:guanxi:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "No such key: key_000000000000000000000000.",
        "code": "not_found",
        "message": {
            "zh": "没有找到密钥：key_000000000000000000000000。",
            "en": "No such key: key_000000000000000000000000.",
        },
        "instance": "trace-0001",
        "params": {"key": "key_000000000000000000000000"},
    }


def test_a_made_up_request_id_is_not_taken_over(composed: Composed) -> None:
    answer = composed.own.get("/healthz", headers={"X-Request-Id": 'a b"c'})
    assert re.fullmatch(r"req_[0-9a-z]{24}", answer.headers["x-request-id"])


def test_invalid_parts_are_pointed_at_and_not_repeated(composed: Composed) -> None:
    answer = composed.own.post(
        "/v1/keys", json={"kind": "secret", "name": "13800138000\n", "scopes": ["nothing"], "extra": 1}
    )
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "invalid_request"
    assert {part["pointer"]: part["code"] for part in problem["errors"]} == {
        "/body/secret/name": "string_pattern_mismatch",
        "/body/secret/scopes/0": "enum",
        "/body/secret/extra": "extra_forbidden",
    }
    assert all(part["message"]["zh"] and part["message"]["en"] for part in problem["errors"])
    assert "13800138000" not in answer.text


def test_a_query_parameter_that_nobody_knows_is_refused(composed: Composed) -> None:
    answer = composed.own.get("/v1/members?q=13800138000&limit=1&personal=1")
    assert answer.status_code == 422
    found = [(part["pointer"], part["code"]) for part in answer.json()["errors"]]
    assert found == [("/query/personal", "extra_forbidden"), ("/query/q", "extra_forbidden")]
    assert "13800138000" not in answer.text
    assert composed.own.get("/v1/members?query=13800138000&limit=1&who=known").status_code == 200


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"name": "\\ud800"}', b"null"])
def test_broken_bodies_are_refused(composed: Composed, body: bytes) -> None:
    answer = composed.own.post("/v1/keys", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"invalid_request", "bad_request"}


def test_unknown_addresses_and_methods_are_problems_too(composed: Composed) -> None:
    assert composed.own.get("/v1/nothing").json()["code"] == "not_found"
    assert composed.own.get("/v1/keys/").status_code == 404
    answer = composed.own.ask("PUT", "/v1/keys")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"


def test_an_unexpected_error_leaks_nothing_and_is_logged_by_place(composed: Composed) -> None:
    router = APIRouter()

    @router.get("/boom")
    def boom() -> None:
        phone = "13800138000"
        raise RuntimeError(phone)

    app = create_app(_fresh(composed), [router])
    with structlog.testing.capture_logs() as logs:
        answer = Client(app).get("/boom", headers={"Accept-Language": "en"})
    assert answer.status_code == 500
    problem = answer.json()
    assert problem["code"] == "internal"
    assert problem["instance"] in problem["detail"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    [error] = [line for line in logs if line["log_level"] == "error"]
    assert error["request_id"] == problem["instance"]
    assert error["error"] == ["RuntimeError"]
    assert any("boom" in place for place in error["places"])
    assert "13800138000" not in answer.text + repr(logs)


def test_the_access_log_names_routes_and_nothing_personal(composed: Composed) -> None:
    with structlog.testing.capture_logs() as logs:
        composed.own.get("/v1/keys/key_000000000000000000000000?phone=13800138000")
        composed.own.get("/v1/13800138000")
    first, second = (line for line in logs if line["event"] == "request")
    assert first["route"] == "/v1/keys/{key_id}"
    assert (first["status"], first["merchant_id"]) == (422, "shop")
    assert second["route"] == "(none)"
    assert "13800138000" not in repr(logs)
    assert composed.own_key not in repr(logs)
    assert "203.0.113.7" not in repr(logs)


def test_our_errors_keep_their_own_status(composed: Composed) -> None:
    router = APIRouter()

    @router.get("/big")
    def big() -> None:
        raise TooLarge(what="message", size=40_000, limit=32_768)

    problem = Client(create_app(_fresh(composed), [router])).get("/big").json()
    assert (problem["status"], problem["code"]) == (413, "too_large")
    assert problem["params"] == {"what": "message", "size": 40_000, "limit": 32_768}


def test_every_answer_carries_security_headers_and_limits(composed: Composed) -> None:
    answer = composed.own.get("/v1/me")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["ratelimit-remaining"]) < int(answer.headers["ratelimit-limit"])


def test_the_document_gives_every_operation_a_name_a_tag_and_its_errors(composed: Composed) -> None:
    document = composed.app.openapi()
    assert document["servers"] == [{"url": "/"}]
    names = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            names.append(operation["operationId"])
            assert operation["tags"], path
            assert operation["description"], path
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert "application/problem+json" in response["content"] or path.startswith("/v1/"), path
            if path.startswith("/v1/"):
                assert operation["security"], f"{method} {path} asks for no key"
                assert {"401", "403", "429", "500"} <= operation["responses"].keys()
    assert len(set(names)) == len(names)
    assert document["paths"]["/v1/audit"]["get"]["security"][0] == {
        "bearerKey": [Permission.AUDIT_READ.value]
    }


def _fresh(composed: Composed) -> ApiContext:
    return replace(composed.context, metrics=CollectorRegistry())
