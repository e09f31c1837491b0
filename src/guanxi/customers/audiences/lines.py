"""The lines of a list of members, whichever program wrote the file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

_MOST_LINE: Final = 1_000
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


def lines_of(file: BinaryIO) -> Iterator[str]:
    """Yield the first cell of each line of a text or CSV file: UTF-8, GB18030 as Excel writes it in China, or UTF-16."""
    start = file.read(1 << 16)
    file.seek(0)
    if start[:2] in _UTF16:
        encoding = "utf-16"
    else:
        cut = start.rpartition(b"\n")[0] or start
        encoding = "utf-8-sig" if _reads(cut, "utf-8") else "gb18030"
    lines = io.TextIOWrapper(file, encoding, errors="replace")
    try:
        for line in lines:
            yield line.split("\t")[0].split(",")[0].strip().strip('"')[:_MOST_LINE]
    finally:
        # Whoever opened the file closes it.
        lines.detach()


def _reads(some: bytes, encoding: str) -> bool:
    try:
        some.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
