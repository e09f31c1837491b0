"""What a rejected row needs besides itself to be read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from guanxi.connectors.files.csvfile import CsvSource
from guanxi.connectors.files.mapping import FileFormat, Mapping

if TYPE_CHECKING:
    from guanxi.connectors.files.source import Source


class Form(msgspec.Struct, frozen=True):
    """What is needed to read a row of a file again; ``heading`` is what a person is shown above it."""

    mapping: Mapping
    heading: str


def form_of(mapping: Mapping, source: Source) -> str:
    """Return the form of an import, as JSON; its format names what was found out."""
    if isinstance(source, CsvSource):
        names = source.columns()
        form = FileFormat(
            kind="csv",
            encoding="utf-8",
            delimiter=source.delimiter,
            quote=source.quote,
            columns=names,
            empty=mapping.file.empty,
        )
        heading = source.delimiter.join(names)
    else:  # rows of Parquet are kept as JSON
        form = FileFormat(kind="jsonl", encoding="utf-8", empty=mapping.file.empty)
        heading = ""
    kept = Form(msgspec.structs.replace(mapping, file=form), heading)
    return msgspec.json.encode(kept).decode()
