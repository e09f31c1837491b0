"""Opening a file as what it is."""

from __future__ import annotations

from pathlib import Path

from guanxi.connectors.files.csvfile import CsvSource
from guanxi.connectors.files.jsonl import JsonlSource
from guanxi.connectors.files.mapping import FileFormat
from guanxi.connectors.files.parquetfile import ParquetSource
from guanxi.connectors.files.problems import EmptyFile, MissingFile, UnsupportedFile
from guanxi.connectors.files.source import Source
from guanxi.connectors.files.stream import TextLines

_KINDS = (
    (b"PK\x03\x04", "Excel / ZIP"),
    (b"\xd0\xcf\x11\xe0", "Excel (xls)"),
    (b"%PDF", "PDF"),
    (b"SQLite format 3", "SQLite"),
)


def open_source(path: Path, form: FileFormat) -> Source:
    """Open a file as what it is: by its declared kind, its first bytes, its name; raises a ``FileProblem``."""
    try:
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        raise MissingFile(file=path.name) from error
    if form.kind == "parquet" or (form.kind is None and (head[:4] == b"PAR1" or path.suffix == ".parquet")):
        if not head:
            raise EmptyFile(file=path.name)
        return ParquetSource(path)
    for magic, kind in _KINDS:
        if head.startswith(magic):
            raise UnsupportedFile(file=path.name, kind=kind)
    lines = TextLines(path, form.encoding)
    try:
        if form.kind == "jsonl" or (form.kind is None and lines.head().lstrip().startswith("{")):
            return JsonlSource(lines)
        return CsvSource(lines, form)
    except BaseException:
        lines.close()
        raise
