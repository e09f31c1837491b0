"""The console's words: ``python -m tools.i18n`` collects them from code and templates and updates the Chinese catalogue.

``--check`` writes nothing and fails when a message is missing, fuzzy, no longer used, or fills other fields than its
original. There is nothing to compile: the console reads the ``.po`` file itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "guanxi"
CATALOGUE = SOURCE / "console" / "locale" / "zh_CN" / "LC_MESSAGES" / "guanxi.po"
METHODS = [
    ("console/**.py", "python"),
    ("console/templates/**.html", "jinja2"),
    ("bootstrap/**.py", "python"),
]
OPTIONS = {"console/templates/**.html": {"trimmed": "true", "silent": "false"}}
_FIELD = re.compile(r"%\([a-z_]+\)[sd]|\{[a-z_]+\}")


def collect() -> Catalog:
    """Return every message that code and templates ask to be translated."""
    catalogue = Catalog(project="guanxi", charset="utf-8")
    found = extract_from_dir(
        SOURCE, METHODS, OPTIONS, keywords={"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
    )
    for file, _line, message, comments, context in found:
        catalogue.add(message, None, [(f"src/guanxi/{file}", 0)], auto_comments=comments, context=context)
    return catalogue


def load() -> Catalog:
    """Return the Chinese catalogue as it is on disk."""
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh_CN", charset="utf-8")


def fields(text: str) -> list[str]:
    """Return the fields that a message fills, sorted."""
    return sorted(_FIELD.findall(text))


def _texts(value: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [value or ""] if value is None or isinstance(value, str) else list(value)


def _faults_of(message: Message) -> Iterator[str]:
    translated = _texts(message.string)
    if message.fuzzy:
        yield f"fuzzy: {message.id}"
    if not all(translated):
        yield f"not translated: {message.id}"
    elif any(fields(text) != fields(_texts(message.id)[-1]) for text in translated):
        yield f"fills other fields: {message.id}"


def faults(wanted: Catalog, present: Catalog) -> list[str]:
    """Return what is wrong with the catalogue, one line each."""
    lines = []
    for message in wanted:
        found = present.get(message.id, message.context) if message.id else None
        if message.id and found is None:
            lines.append(f"missing: {message.id}")
        elif found is not None:
            lines.extend(_faults_of(found))
    lines.extend(
        f"no longer used: {message.id}"
        for message in present
        if message.id and wanted.get(message.id, message.context) is None
    )
    return lines


def update() -> None:
    """Bring the catalogue up to date: new messages untranslated, used ones kept, unused ones dropped."""
    wanted, present = collect(), load()
    fresh = Catalog(locale="zh_CN", project="guanxi", charset="utf-8", fuzzy=False)
    for message in wanted:
        if message.id:
            old = present.get(message.id, message.context)
            fresh.add(message.id, old.string if old else None, message.locations, context=message.context)
    text = BytesIO()
    write_po(text, fresh, width=120, sort_output=True, omit_header=True, include_lineno=False)
    header = 'msgid ""\nmsgstr ""\n"Language: zh_CN\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
    CATALOGUE.write_text(header + text.getvalue().decode().strip() + "\n", encoding="utf-8")


def main() -> int:
    """Update or check; return the exit code."""
    if "--check" not in sys.argv[1:]:
        update()
    lines = faults(collect(), load())
    print("\n".join(lines) or "The Chinese catalogue is complete.")
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
