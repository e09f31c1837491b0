"""Definitions in files and folders of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.definitions.text import MAX_CHARACTERS, parse_all
from guanxi.kernel.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from guanxi.definitions.model import Definition

_ENDINGS = (".yaml", ".yml")
_MAX_BYTES = 4 * MAX_CHARACTERS
"""A character has at most four bytes in UTF-8; a longer file is not even read."""


def read(paths: Iterable[Path]) -> list[Definition]:
    """Return the definitions of files, and of all ``.yaml`` and ``.yml`` files in folders and below, by name.

    Raises ``InvalidInput`` for what cannot be read or holds nothing, ``TooLarge``, ``BadDefinitions``.
    """
    files = {str(file): _content(file) for path in paths for file in _files(path)}
    found = parse_all(files)
    if not found:
        # With --prune this would mean that everything goes: surely a wrong folder.
        raise InvalidInput(reason_zh="这些文件里没有任何定义", reason_en="these files hold no definitions")
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = (one for one in path.rglob("*") if one.suffix.lower() in _ENDINGS and one.is_file())
    return sorted(
        one for one in inside if not any(part.startswith(".") for part in one.relative_to(path).parts)
    )


def _content(file: Path) -> str:
    try:
        if (size := file.stat().st_size) > _MAX_BYTES:
            raise TooLarge(what=str(file), size=size, limit=_MAX_BYTES)
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "UTF-8"
        raise InvalidInput(
            reason_zh=f"{file} 无法读取（{said}）", reason_en=f"{file} cannot be read ({said})"
        ) from error
