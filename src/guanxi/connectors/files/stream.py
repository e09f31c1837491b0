"""Bytes of a file as lines of text: decompressed, decoded, bounded, and a bad line never spoils its neighbours."""

from __future__ import annotations

import codecs
import gzip
import zlib
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from guanxi.connectors.files.problems import Bad, BrokenFile, EmptyFile, MissingFile
from guanxi.connectors.files.source import RAW_LIMIT, BadRow

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

CHUNK = 1 << 20
LINE_LIMIT = 1 << 20
_NEWLINE = b"\n"
_GZIP = b"\x1f\x8b"


class TextLines:
    """The lines of a text file, each with its line end.

    Iterating yields lists of lines. A line that cannot be decoded, holds NUL or is longer than ``LINE_LIMIT`` bytes is
    replaced by ``PLACEHOLDER`` and described in ``bad`` under its number, so that whoever takes the row that holds it
    can reject that row alone.
    """

    PLACEHOLDER = "\ufffd\n"

    def __init__(self, path: Path, encoding: str | None) -> None:
        self.path = path
        self.count = 0
        self.bad: dict[int, BadRow] = {}
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise MissingFile(file=path.name) from error
        try:
            self._begin(encoding)
        except BaseException:
            self.close()
            raise

    def _begin(self, encoding: str | None) -> None:
        self._plain = self._file
        if self._file.read(2) == _GZIP:
            self._file.seek(0)
            self._plain = cast("BinaryIO", gzip.GzipFile(fileobj=self._file, mode="rb"))
        else:
            self._file.seek(0)
        self.sample = self._read(CHUNK)
        if not self.sample.strip(b" \t\r\n\0"):
            raise EmptyFile(file=self.path.name)
        self.encoding, self._skip = _declared(encoding, self.sample) if encoding else detect(self.sample)
        # Plain ASCII says nothing about what comes later: the first other line decides.
        self._undecided = encoding is None and self.encoding == "utf-8" and self.sample.isascii()
        self._old_mac = _NEWLINE not in self.sample and b"\r" in self.sample

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def bytes_read(self) -> int:
        """Return how far into the file (as it lies on disk) reading has come."""
        return self._file.tell()

    def __iter__(self) -> Iterator[list[str]]:
        """Yield lists of lines until the end of the file."""
        rest = b""
        for chunk in self._chunks():
            data = rest + chunk
            cut = data.rfind(_NEWLINE) + 1
            if cut:
                yield self._decode(data[:cut])
            rest = data[cut:]
            if len(rest) > LINE_LIMIT:
                rest = yield from self._pass_over(rest)
        if rest:
            yield self._decode(rest)

    def _pass_over(self, start: bytes) -> Generator[list[str], None, bytes]:
        """Read to the end of an endless line without holding it; give back what follows it."""
        size, rest = len(start), b""
        for chunk in self._source:
            end = chunk.find(_NEWLINE)
            if end >= 0:
                size, rest = size + end, chunk[end + 1 :]
                break
            size += len(chunk)
        yield [self._replace(start, Bad("row.too_long", "", (("size", size), ("limit", LINE_LIMIT))))]
        cut = rest.rfind(_NEWLINE) + 1
        if cut:
            yield self._decode(rest[:cut])
        return rest[cut:]

    def _chunks(self) -> Iterator[bytes]:
        self._source = self._transcoded() if self.encoding.startswith("utf-16") else self._bytes()
        yield from self._source

    def _bytes(self) -> Iterator[bytes]:
        chunk = self.sample[self._skip :]
        while chunk:
            yield chunk.replace(b"\r", _NEWLINE) if self._old_mac else chunk
            chunk = self._read(CHUNK)

    def _transcoded(self) -> Iterator[bytes]:
        """UTF-16 as UTF-8; what is wrong in it stays wrong, so that the line is found later."""
        decoder = codecs.getincrementaldecoder(self.encoding)("surrogatepass")
        for chunk in self._bytes():
            yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
        if decoder.getstate()[0]:
            yield b"\xff"

    def _read(self, size: int) -> bytes:
        try:
            return self._plain.read(size)
        except (EOFError, zlib.error, OSError) as error:
            detail = str(error) or type(error).__name__
            raise BrokenFile(file=self.path.name, line=self.count, detail=detail) from error

    def head(self) -> str:
        """Return the beginning of the file, cut after a whole line, for finding out what it is."""
        text = self.sample[self._skip :][: 1 << 16].decode(self.encoding, "replace")
        whole, newline, _ = text.rpartition("\n")
        return (whole + newline or text).replace("\r\n", "\n").replace("\r", "\n")

    @property
    def codec(self) -> str:
        """Return the codec of the lines as they are handled here: UTF-16 has become UTF-8."""
        return "utf-8" if self.encoding.startswith("utf-16") else self.encoding

    def _decode(self, data: bytes) -> list[str]:
        if self._undecided and not data.isascii():
            self.encoding, self._undecided = detect(data)[0], False
        try:
            text = data.decode(self.codec)
        except UnicodeDecodeError:
            text = ""
        if text and b"\0" not in data:
            lines = StringIO(text, newline="\n").readlines()
            if len(lines) > 1 or len(data) <= LINE_LIMIT:
                self.count += len(lines)
                return lines
        return self._one_by_one(data)

    def _one_by_one(self, data: bytes) -> list[str]:
        raw = data.split(_NEWLINE)
        last = raw.pop()
        lines = [self._line(line + _NEWLINE) for line in raw]
        return [*lines, self._line(last)] if last else lines

    def _line(self, raw: bytes) -> str:
        if len(raw) > LINE_LIMIT:
            return self._replace(raw, Bad("row.too_long", "", (("size", len(raw)), ("limit", LINE_LIMIT))))
        if b"\0" in raw:
            return self._replace(raw, Bad("row.nul"))
        try:
            text = raw.decode(self.codec)
        except UnicodeDecodeError:
            return self._replace(raw, Bad("row.encoding", "", (("encoding", self.encoding),)))
        self.count += 1
        return text

    def _replace(self, raw: bytes, bad: Bad) -> str:
        self.count += 1
        self.bad[self.count] = BadRow(self.count, raw[:RAW_LIMIT].rstrip(b"\r\n"), bad)
        return self.PLACEHOLDER


def detect(sample: bytes) -> tuple[str, int]:
    """Return the encoding of a text and the length of its byte order mark.

    UTF-8, UTF-16 and GB18030 (which holds GBK and GB2312) are told apart; where both UTF-8 and GB18030 have wrong
    lines, the one with fewer is taken.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if sample.startswith(mark):
            return name, len(mark)
    zeros = sample.count(0)
    if zeros * 20 > len(sample):
        odd = sample[1::2].count(0)
        if odd * 20 >= zeros * 19:
            return "utf-16-le", 0
        if odd * 20 <= zeros:
            return "utf-16-be", 0
    lines = [line for line in sample.split(_NEWLINE)[:20_000] if not line.isascii()]
    if len(sample) >= CHUNK and len(lines) > 1:
        lines.pop()  # it may have been cut in the middle of a character
    wrong = {name: sum(not _decodes(line, name) for line in lines) for name in ("utf-8", "gb18030")}
    return min(wrong, key=lambda name: wrong[name]), 0


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _declared(encoding: str, sample: bytes) -> tuple[str, int]:
    if encoding == "utf-16":
        found, skip = detect(sample)
        return (found, skip) if found.startswith("utf-16") else ("utf-16-le", 0)
    return encoding, len(codecs.BOM_UTF8) if encoding == "utf-8" and sample.startswith(codecs.BOM_UTF8) else 0
