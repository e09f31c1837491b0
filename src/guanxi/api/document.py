"""The OpenAPI document: what FastAPI knows, and the errors that every route can answer with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from guanxi import __version__
from guanxi.api.problems import MEDIA_TYPE, METHODS, Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

DESCRIPTION = """\
会员平台接口 / The member platform's API.

- 每个密钥属于一个商家；商家只由密钥决定。 / A key belongs to one merchant, and only the key says which.
- 错误为 RFC 9457 problem details，程序请按 `code` 判断。 / Errors are RFC 9457 problem details; branch on `code`.
- 列表用游标翻页。 / Lists are paged by cursor.
- `RateLimit-*` 与 `Retry-After` 说明限流。 / `RateLimit-*` and `Retry-After` tell about rate limits.
"""

_WORDS = {
    "400": "the request cannot be read or makes no sense",
    "401": "no key, or not one we know",
    "403": "the key lacks a scope",
    "404": "no such thing, as far as this key may know",
    "409": "contradicts the present state",
    "413": "the body is too large",
    "415": "the content encoding is not supported",
    "422": "parts of the request are invalid; see `errors`",
    "429": "the key asks too often",
    "500": "an unexpected error, recorded under the request's id",
    "503": "a part that is needed is not there for now",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document errors beyond those that every route has: ``@router.post(..., responses=problems(409))``."""
    return {status: _response(str(status)) for status in statuses}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an app, built once."""
    if app.openapi_schema is None:
        built = get_openapi(
            title="Guanxi",
            version=__version__,
            description=DESCRIPTION,
            routes=app.routes,
            servers=[{"url": "/"}],
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        schemas = built.setdefault("components", {}).setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        model = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(model.pop("$defs", {}))
        schemas["Problem"] = model
        for path, item in built["paths"].items():
            for method in METHODS:
                if method in item:
                    _add_problems(path, item[method])
                    _without_null(item[method])
        app.openapi_schema = built
    return app.openapi_schema


def _add_problems(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    generated = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if generated.get("$ref", "").endswith("/HTTPValidationError"):
        del responses["422"]
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    wanted = {"500"}
    if operation.get("security"):
        wanted |= {"401", "403", "429"}
    if names or "requestBody" in operation:
        wanted |= {"400", "422"}
    if "requestBody" in operation:
        wanted |= {"413", "415"}
    if "{" in path or "cursor" in names:
        wanted |= {"404"}
    for status in sorted(wanted - responses.keys()):
        responses[status] = _response(status)


def _without_null(operation: dict[str, Any]) -> None:
    """Say of an optional parameter that it may be absent, not that it may be null: an address cannot hold a null."""
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
        if len(choices) == 1:
            del schema["anyOf"]
            schema.update(choices[0])


def _response(status: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": _WORDS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in {"429", "503"}:
        schema = {"type": "integer", "minimum": 0}
        response["headers"] = {"Retry-After": {"description": "seconds to wait", "schema": schema}}
    return response
