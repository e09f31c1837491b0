"""Pages by cursor: opaque, stable under inserts, no counting of what was skipped."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from guanxi.kernel.errors import InvalidInput
from guanxi.kernel.text import Text

T = TypeVar("T")


class InvalidCursor(InvalidInput):
    """The cursor leads nowhere. To a client it is the opaque address of a page, so there is no such page: 404."""

    code = "invalid_cursor"
    status = 404
    text = Text(
        "没有这一页：分页游标无效，请从第一页重新开始。",
        "There is no such page: the cursor is not valid; start from the first page.",
    )


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What no database compares with: NUL and lone surrogates."""

DEFAULT_LIMIT = 50
MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and where the next ones begin; ``next_cursor`` is ``None`` on the last page."""

    items: list[T]
    next_cursor: str | None


def write_cursor(*keys: Any) -> str:
    """Return an opaque cursor for the sort keys of the last item on a page (JSON values)."""
    text = json.dumps(keys, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(cursor: str, *types: type) -> tuple[Any, ...]:
    """Return the sort keys of a cursor; raises ``InvalidCursor`` if it is not one of ours with these types."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        keys = json.loads(raw)
    except (ValueError, binascii.Error, RecursionError):
        keys = None
    if (
        not isinstance(keys, list)
        or len(keys) != len(types)
        or any(type(key) is not kind for key, kind in zip(keys, types, strict=True))
        or any(isinstance(key, int) and not -(1 << 63) <= key < 1 << 63 for key in keys)
        or any(isinstance(key, str) and _UNSTORABLE.search(key) for key in keys)
    ):
        raise InvalidCursor
    return tuple(keys)
