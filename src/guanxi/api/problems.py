"""Every error as problem details (RFC 9457), with a stable ``code`` and the message in both languages."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from guanxi.kernel.errors import GuanxiError
from guanxi.kernel.text import Language, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI, Request

MEDIA_TYPE = "application/problem+json"
METHODS = ("get", "put", "post", "delete", "patch")


class BothLanguages(BaseModel):
    """One text in Chinese and in English."""

    zh: str
    en: str


class ProblemPart(BaseModel):
    """What is wrong with one part of the request."""

    pointer: str = Field(description="JSON pointer into the request: /body/name, /query/limit, /path/key_id")
    code: str = Field(description="stable name of the rule that was broken")
    message: BothLanguages


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(json_schema_extra={"required": ["type", "title", "status", "code", "message"]})

    type: str = Field(description="urn:guanxi:problem: and the code")
    title: str
    status: int
    detail: str = Field(description="the message in the language that Accept-Language asks for, else Chinese")
    code: str = Field(description="stable name of what went wrong; programs branch on it")
    message: BothLanguages
    instance: str = Field(
        description="id of the request, also in the X-Request-Id header; quote it when asking for help"
    )
    errors: list[ProblemPart] | None = Field(
        default=None, description="present when parts of the request are invalid"
    )
    params: dict[str, Any] | None = Field(default=None, description="the values that the message speaks of")


INVALID = Text(
    "请求内容不符合要求，共 {count} 处，见 errors。",
    "The request is not valid in {count} places; see errors.",
)
INTERNAL = Text(
    "服务器内部错误，已记录；请附上请求号 {request_id} 联系管理员。",
    "An internal error occurred and was recorded; mention request {request_id} when asking for help.",
)
_HTTP = {
    400: ("bad_request", Text("请求无法读取。", "The request cannot be read.")),
    404: ("not_found", Text("没有这个地址。", "There is nothing at this address.")),
    405: ("method_not_allowed", Text("此地址不支持该方法。", "This address does not support the method.")),
    415: ("unsupported_media_type", Text("不支持这种内容类型。", "This content type is not supported.")),
}
_PARTS = {
    "missing": Text("必填。", "This is required."),
    "extra_forbidden": Text("没有这个字段。", "There is no such field."),
    "json_invalid": Text("不是有效的 JSON。", "This is not valid JSON."),
    "string_pattern_mismatch": Text("格式不对。", "The format is not right."),
    "string_too_short": Text("太短。", "Too short."),
    "string_too_long": Text("太长。", "Too long."),
    "enum": Text("不在可选值之内。", "Not one of the possible values."),
    "literal_error": Text("不在可选值之内。", "Not one of the possible values."),
    "union_tag_invalid": Text("不在可选值之内。", "Not one of the possible values."),
    "too_short": Text("项目太少。", "Too few items."),
    "too_long": Text("项目太多。", "Too many items."),
    "greater_than_equal": Text("数值太小。", "Too small."),
    "less_than_equal": Text("数值太大。", "Too large."),
}
_OTHER_PART = Text("值的类型或格式不对。", "The value has the wrong type or format.")


def request_id_of(request: Request) -> str:
    """Return the id that the request got on arrival."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def language_of(header: str) -> Language:
    """Return the language that an ``Accept-Language`` value prefers of the two we have; Chinese when it has neither."""
    best: tuple[float, Language] = (0.0, "zh")
    for part in header.split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        short = tag.split("-")[0].lower()
        if quality > best[0] and short in {"zh", "en"}:
            best = (quality, "en" if short == "en" else "zh")
    return best[1]


def problem_body(
    *,
    status: int,
    code: str,
    message: Text,
    language: Language,
    request_id: str,
    errors: Sequence[Mapping[str, Any]] = (),
    params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return problem details as JSON values."""
    body: dict[str, Any] = {
        "type": f"urn:guanxi:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": message.in_(language),
        "code": code,
        "message": {"zh": message.zh, "en": message.en},
        "instance": request_id,
    }
    if errors:
        body["errors"] = list(errors)
    if params:
        body["params"] = dict(params)
    return body


def problem_response(
    error: GuanxiError, language: Language, request_id: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Render one of our own errors."""
    extra = dict(headers or {})
    if error.status == 401:
        extra["WWW-Authenticate"] = 'Bearer realm="guanxi"'
    if "retry_after" in error.params:
        extra["Retry-After"] = str(error.params["retry_after"])
    body = problem_body(
        status=error.status,
        code=error.code,
        message=error.message,
        language=language,
        request_id=request_id,
        params={name: value for name, value in error.params.items() if not name.endswith(("_zh", "_en"))},
    )
    return JSONResponse(body, error.status, extra, MEDIA_TYPE)


def unexpected_response(language: Language, request_id: str) -> JSONResponse:
    """Render an error that nobody expected: its id, and nothing about it."""
    body = problem_body(
        status=500,
        code="internal",
        message=INTERNAL.fill(request_id=request_id),
        language=language,
        request_id=request_id,
    )
    return JSONResponse(body, 500, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make ``app`` answer errors as problems."""
    app.add_exception_handler(GuanxiError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def _asked(request: Request) -> tuple[Language, str]:
    return language_of(request.headers.get("accept-language", "")), request_id_of(request)


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GuanxiError)  # noqa: S101 - registered for this type only
    return problem_response(error, *_asked(request))


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    language, request_id = _asked(request)
    parts = [_part(found) for found in error.errors()[:50]]
    body = problem_body(
        status=422,
        code="invalid_request",
        message=INVALID.fill(count=len(error.errors())),
        language=language,
        request_id=request_id,
        errors=parts,
    )
    return JSONResponse(body, 422, media_type=MEDIA_TYPE)


def _part(found: Mapping[str, Any]) -> dict[str, Any]:
    # The value itself is left out: it may be personal, and it is the client's own.
    code = str(found["type"])
    text = _PARTS.get(code, _OTHER_PART)
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in found["loc"])
    return {"pointer": "/" + "/".join(escaped), "code": code, "message": {"zh": text.zh, "en": text.en}}


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    language, request_id = _asked(request)
    code, message = _HTTP.get(error.status_code, (f"http_{error.status_code}", None))
    if message is None:
        phrase = HTTPStatus(error.status_code).phrase
        message = Text(phrase, phrase)
    body = problem_body(
        status=error.status_code, code=code, message=message, language=language, request_id=request_id
    )
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = _allowed(request, headers.get("Allow", ""))
    return JSONResponse(body, error.status_code, headers, MEDIA_TYPE)


def _allowed(request: Request, known: str) -> str:
    """Return every method of the address; the router names those of its first match only."""
    paths = request.app.openapi()["paths"]
    described = paths.get(getattr(request.scope.get("route"), "path_format", None), {})
    return ", ".join(sorted(method.upper() for method in described if method in METHODS)) or known
