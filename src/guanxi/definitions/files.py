"""Definitions in files and folders of one's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from guanxi.definitions.model import Draft, Problem
from guanxi.definitions.text import MAX_CHARACTERS, draft, keys_in
from guanxi.kernel.errors import InvalidInput, TooLarge
from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_ENDINGS = (".yaml", ".yml")
_MAX_BYTES = 4 * MAX_CHARACTERS
"""A character has at most four bytes in UTF-8; a longer file is not even read."""


def read(paths: Iterable[Path]) -> Draft:
    """Return the definitions of files, and of all ``.yaml`` and ``.yml`` files in folders and below, by name.

    What is wrong with their form is among it. Raises ``InvalidInput`` for what is not there or holds nothing, ``TooLarge``.
    """
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    unread: set[str] = set()
    for file in (one for path in paths for one in _files(path)):
        raw = _content(file)
        try:
            texts[str(file)] = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            problems.append(_undecodable(str(file), raw, error.start))
            unread |= keys_in(raw.decode("latin-1"))
    found = draft(texts)
    if not (found.definitions or found.problems or problems):
        # With --prune this would mean that everything goes: surely a wrong folder.
        raise InvalidInput(reason_zh="这些文件里没有任何定义", reason_en="these files hold no definitions")
    return replace(found, problems=(*problems, *found.problems), unread=found.unread | unread)


def _undecodable(source: str, raw: bytes, at: int) -> Problem:
    before = raw[:at].decode("utf-8")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    reason = Text("文件不是 UTF-8 编码，请另存为 UTF-8。", "the file is not UTF-8; save it as UTF-8.")
    return Problem("not_utf8", None, source, line, column, reason)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = (one for one in path.rglob("*") if one.suffix.lower() in _ENDINGS and one.is_file())
    return sorted(
        one for one in inside if not any(part.startswith(".") for part in one.relative_to(path).parts)
    )


def _content(file: Path) -> bytes:
    try:
        if (size := file.stat().st_size) > _MAX_BYTES:
            raise TooLarge(what=str(file), size=size, limit=_MAX_BYTES)
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            reason_zh=f"{file} 无法读取（{error.strerror}）",
            reason_en=f"{file} cannot be read ({error.strerror})",
        ) from error
