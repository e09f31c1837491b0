"""No key of one merchant reaches another's things, on any route: by enumeration of the OpenAPI document."""

from __future__ import annotations

import re
from typing import Any

from guanxi.access import Permission
from tests.api.composed import OTHER, Composed, furnish

SHOP = "shop"
OPEN = {"/healthz", "/readyz", "/metrics"}
"""Routes without a merchant. /metrics wants a key too, unless it is asked on this machine."""


def operations(composed: Composed) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, item in composed.app.openapi()["paths"].items()
        for method, operation in item.items()
    ]


def test_every_route_asks_for_a_key(composed: Composed) -> None:
    nobody = composed.client(None)
    for method, path, operation in operations(composed):
        if path in OPEN:
            continue
        assert operation.get("security"), f"{method} {path}"
        answer = nobody.ask(method, _fill(path, {}, default="key_000000000000000000000000"))
        assert answer.status_code == 401, f"{method} {path} answered {answer.status_code} to nobody"


def test_every_route_asks_for_its_scope(composed: Composed) -> None:
    for method, path, operation in operations(composed):
        wanted = {
            scope for way in operation.get("security", ()) for scopes in way.values() for scope in scopes
        }
        if not wanted:
            assert path in OPEN | {"/v1/me"}, f"{method} {path} is open to every key"
            continue
        others = [scope for scope in Permission if scope.value not in wanted]
        client = composed.client(composed.key(*others))
        answer = client.ask(method, _fill(path, {}, default="key_000000000000000000000000"), json={})
        assert answer.status_code in {403, 422}, f"{method} {path} answered {answer.status_code}"


def test_things_of_another_merchant_are_not_there(composed: Composed) -> None:
    own = furnish(composed, SHOP)
    theirs = furnish(composed, OTHER)
    for method, path, operation in operations(composed):
        names = re.findall(r"{(\w+)}", path)
        if not names:
            continue
        assert set(names) <= own.keys(), f"furnish() makes nothing for {method} {path}"
        body = {"json": _example(operation)} if "requestBody" in operation else {}
        before = composed.other.get("/v1/audit?limit=500").json()["items"]
        asked = {"params": _required(operation)}
        answer = composed.own.ask(method, _fill(path, theirs), **asked, **body)
        assert answer.status_code == 404, f"{method} {path} answered {answer.status_code}: {answer.text}"
        assert composed.other.get("/v1/audit?limit=500").json()["items"] == before
        for value in _private(theirs, own):
            assert value not in composed.own.get("/v1/audit?limit=500").text
        if method == "GET":
            assert composed.own.ask(method, _fill(path, own)).status_code == 200, path


def test_lists_hold_nothing_of_another_merchant(composed: Composed) -> None:
    own = furnish(composed, SHOP)
    theirs = furnish(composed, OTHER)
    for method, path, _ in operations(composed):
        if method != "GET" or "{" in path or path in OPEN:
            continue
        mine, others = composed.own.get(path), composed.other.get(path)
        for value in _private(theirs, own):
            assert value not in mine.text, path
        for value in _private(own, theirs):
            assert value not in others.text, path


def test_a_cursor_of_another_merchant_opens_nothing_of_theirs(composed: Composed) -> None:
    for merchant_id in (SHOP, OTHER):
        furnish(composed, merchant_id)
    for method, path, operation in operations(composed):
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        if method != "GET" or "cursor" not in names or "{" in path:
            continue
        everything = {item["id"] for item in composed.own.get(f"{path}?limit=500").json()["items"]}
        cursor = composed.other.get(f"{path}?limit=1").json()["next_cursor"]
        assert cursor, f"furnish() makes too little for {path}"
        answer = composed.own.get(f"{path}?cursor={cursor}")
        assert {item["id"] for item in answer.json()["items"]} <= everything, path


def _private(one: dict[str, str], other: dict[str, str]) -> set[str]:
    # Both have audiences: what kinds of things there are is no secret.
    return set(one.values()) - set(other.values())


def _fill(path: str, ids: dict[str, str], default: str = "") -> str:
    return re.sub(r"{(\w+)}", lambda found: ids.get(found[1], default), path)


def _required(operation: dict[str, Any]) -> dict[str, str]:
    # A query parameter that a route cannot do without has an example.
    return {
        one["name"]: one["schema"]["examples"][0]
        for one in operation.get("parameters", ())
        if one["in"] == "query" and one["required"]
    }


def _example(operation: dict[str, Any]) -> Any:
    # A route with an id and a body gives its body an example; otherwise this sends {} and fails loudly with 422.
    [content] = operation["requestBody"]["content"].values()
    return content.get("example", {})
