"""The one error tree.

Every error that a person or a program can meet has a stable ``code``, an HTTP ``status`` and a text in both languages
that says what is wrong and what to do. The API renders it as RFC 9457 problem details, the CLI as a line, the console
next to the field it belongs to.
"""

from __future__ import annotations

from typing import Any, ClassVar

from guanxi.kernel.text import Language, Text


class GuanxiError(Exception):
    """Root of all errors that Guanxi raises on purpose.

    ``params`` fill the text and are given to programs as they are, so they must be JSON values and never personal.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    text: ClassVar[Text] = Text("内部错误。", "An internal error occurred.")

    def __init__(self, **params: Any) -> None:
        self.params = params
        self.message = self.text.fill(**params)
        super().__init__(self.message.both())

    def say(self, language: Language) -> str:
        """Return the message in ``language``."""
        return self.message.in_(language)


class InvalidInput(GuanxiError):
    """The caller sent something that cannot be right; sending it again will not help."""

    code = "invalid_input"
    status = 400
    text = Text("输入有误：{reason_zh}", "Invalid input: {reason_en}")


class Unauthenticated(GuanxiError):
    """Nobody, or nobody we know, is asking."""

    code = "unauthenticated"
    status = 401
    text = Text("请先登录或提供有效的密钥。", "Sign in, or send a valid key.")


class Forbidden(GuanxiError):
    """We know who is asking; they may not do this."""

    code = "forbidden"
    status = 403
    text = Text("没有权限：需要 {permission}。", "Not allowed: this needs {permission}.")


class NotFound(GuanxiError):
    """There is no such thing, or the asker may not know that there is."""

    code = "not_found"
    status = 404
    text = Text("没有找到{what_zh}：{key}。", "No such {what_en}: {key}.")


class Conflict(GuanxiError):
    """The request is sound but contradicts the present state."""

    code = "conflict"
    status = 409
    text = Text("与当前状态冲突：{reason_zh}", "Conflict with the present state: {reason_en}")


class IdempotencyMismatch(Conflict):
    """The same idempotency key came with another body."""

    code = "idempotency_mismatch"
    status = 409
    text = Text(
        "幂等键 {key} 已用于另一份请求；请换一个键。",
        "Idempotency key {key} was used for a different request; use a new key.",
    )


class TooLarge(GuanxiError):
    """The request or one of its parts exceeds a limit."""

    code = "too_large"
    status = 413
    text = Text(
        "内容过大：{what} 有 {size} 字节，上限 {limit} 字节；请拆分后重试。",
        "Too large: {what} is {size} bytes, the limit is {limit}; split it and try again.",
    )


class TooMany(GuanxiError):
    """A rate limit was reached; ``retry_after`` is in whole seconds."""

    code = "rate_limited"
    status = 429
    text = Text(
        "请求过于频繁，请在 {retry_after} 秒后重试。",
        "Too many requests; try again in {retry_after} seconds.",
    )


class Unavailable(GuanxiError):
    """A part we need is not there for now; trying again later may help."""

    code = "unavailable"
    status = 503
    text = Text("暂时不可用：{reason_zh}", "Unavailable for now: {reason_en}")
