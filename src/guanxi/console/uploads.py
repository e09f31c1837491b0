"""Forms that bring a file: the file is read to disk, not to memory, and never larger than the page allows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from guanxi.kernel.errors import InvalidInput, TooLarge


@asynccontextmanager
async def uploaded(
    request: Request, most: int
) -> AsyncIterator[tuple[tuple[tuple[str, str], ...], BinaryIO | None]]:
    """Yield a form's fields, and its file, which is closed afterwards; ``None`` if none was chosen.

    Raises ``TooLarge`` for a form of more than ``most`` bytes, ``InvalidInput`` for what is no form.
    """
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise InvalidInput(reason_zh="表单没有说明长度。", reason_en="the form does not say how long it is.")
    if int(length) > most:
        raise TooLarge(what="form", size=int(length), limit=most)
    try:
        form = await request.form(max_files=1, max_fields=50)
    except HTTPException as error:
        raise InvalidInput(reason_zh="表单无法读取。", reason_en="the form cannot be read.") from error
    try:
        fields = tuple((key, value) for key, value in form.multi_items() if isinstance(value, str))
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile) and value.filename]
        yield fields, files[0].file if files else None
    finally:
        await form.close()
