"""The files that long work reads and writes: sealed in the home, because lists and exports are about people.

A sealed file is a row of frames, each a length and a sealed piece of at most ``PIECE`` bytes; the last piece is empty.
The place of a piece in its file is sealed with it, so that a file cut short, or put together from others, is noticed.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from guanxi.storage.vault import SealBroken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from guanxi.kernel.clock import Clock
    from guanxi.storage.vault import Sealer, Vault

PIECE = 1 << 18
_LENGTH = 4


class Files:
    """Where the files lie, by merchant and piece of work: one that it reads, and one of each runner that wrote."""

    def __init__(self, folder: Path, vault: Vault, clock: Clock) -> None:
        self._folder = folder
        self._vault = vault
        self._clock = clock

    def save_input(self, merchant_id: str, work_id: str, source: BinaryIO) -> tuple[int, int]:
        """Copy what a piece of work is to read; returns bytes and lines."""
        size = lines = 0
        last = b"\n"
        with self.writing(merchant_id, work_id, "in") as out:
            while piece := source.read(PIECE):
                out.write(piece)
                size, lines = size + len(piece), lines + piece.count(b"\n")
                last = piece[-1:]
        return size, lines + (last != b"\n")

    def input(self, merchant_id: str, work_id: str) -> BinaryIO:
        """Open what a piece of work is to read; raises ``FileNotFoundError``."""
        return io.BufferedReader(_Sealed(lambda: self.pieces(merchant_id, work_id, "in")), PIECE)

    def writing(self, merchant_id: str, work_id: str, part: str) -> Writing:
        """Open a part of a piece of work for writing."""
        path = self._path(merchant_id, work_id, part)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Writing(path, self._sealer(merchant_id), f"{work_id}.{part}")

    def pieces(self, merchant_id: str, work_id: str, part: str) -> Iterator[bytes]:
        """Yield what a part holds; raises ``FileNotFoundError``, and ``SealBroken`` if it is not whole."""
        sealer, name = self._sealer(merchant_id), f"{work_id}.{part}"
        with self._path(merchant_id, work_id, part).open("rb") as file:
            number = 0
            while True:
                length = file.read(_LENGTH)
                sealed = file.read(int.from_bytes(length, "big"))
                if len(length) < _LENGTH:
                    msg = f"{name} ends before its end"
                    raise SealBroken(msg)
                piece = sealer.open(sealed, _context(name, number))
                if not piece:
                    return
                yield piece
                number += 1

    def drop(self, merchant_id: str, work_id: str, part: str = "*") -> None:
        """Delete a part of a piece of work, or all of them."""
        for path in self._merchant(merchant_id).glob(f"{work_id}.{part}"):
            path.unlink(missing_ok=True)

    def drop_written(self, merchant_id: str) -> None:
        """Delete everything that a merchant's work has written, finished or not."""
        for path in self._merchant(merchant_id).glob("*.out-*"):
            path.unlink(missing_ok=True)

    def merchants(self) -> list[str]:
        """Return the merchants that have files."""
        return sorted(path.name for path in self._folder.glob("*") if path.is_dir())

    def names(self, merchant_id: str) -> list[str]:
        """Return the files that a merchant has, as ``id.part``."""
        return sorted(path.name for path in self._merchant(merchant_id).glob("*.*"))

    def age(self, merchant_id: str, name: str) -> int:
        """Return how long ago (µs) a file was last written, by the clock of the machine that holds it."""
        try:
            written = (self._merchant(merchant_id) / name).stat().st_mtime_ns // 1_000
        except FileNotFoundError:
            return 0
        return max(0, self._clock.now() - written)

    def _merchant(self, merchant_id: str) -> Path:
        return self._folder / merchant_id

    def _path(self, merchant_id: str, work_id: str, part: str) -> Path:
        return self._merchant(merchant_id) / f"{work_id}.{part}"

    def _sealer(self, merchant_id: str) -> Sealer:
        return self._vault.sealer("work", merchant_id)


class Writing:
    """A sealed file being written; whole once its block has ended without an error, gone if it ended with one."""

    def __init__(self, path: Path, sealer: Sealer, name: str) -> None:
        self._path = path
        self._sealer = sealer
        self._name = name
        self._kept = bytearray()
        self._number = 0
        self._file: BinaryIO | None = None
        self.size = 0
        """Bytes written so far."""

    def __enter__(self) -> Self:
        opener = lambda path, flags: os.open(path, flags, 0o600)  # noqa: E731
        self._file = open(self._path, "wb", opener=opener)
        return self

    def write(self, piece: bytes) -> None:
        """Add bytes."""
        self._kept += piece
        self.size += len(piece)
        while len(self._kept) >= PIECE:
            self._seal(bytes(self._kept[:PIECE]))
            del self._kept[:PIECE]

    def _seal(self, piece: bytes) -> None:
        if self._file is None:
            msg = "the file is not open"
            raise ValueError(msg)
        sealed = self._sealer.seal(piece, _context(self._name, self._number))
        self._file.write(len(sealed).to_bytes(_LENGTH, "big") + sealed)
        self._number += 1

    def __exit__(self, kind: object, *_: object) -> None:
        if self._file is None:
            return
        with self._file as file:
            if kind is None:
                if self._kept:
                    self._seal(bytes(self._kept))
                self._seal(b"")
                file.flush()
                os.fsync(file.fileno())
        if kind is not None:
            self._path.unlink(missing_ok=True)


class _Sealed(io.RawIOBase):
    """A sealed file as one that is read from its beginning, again and again if need be."""

    def __init__(self, begin: Callable[[], Iterator[bytes]]) -> None:
        super().__init__()
        self._begin = begin
        self._pieces = begin()
        self._rest = memoryview(next(self._pieces, b""))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go back to the beginning; raises ``UnsupportedOperation`` for any other place."""
        if whence == io.SEEK_CUR and offset == 0:
            return self._at
        if whence != io.SEEK_SET or offset != 0:
            raise io.UnsupportedOperation
        self._pieces, self._rest, self._at = self._begin(), memoryview(b""), 0
        return 0

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        some = self._rest[: len(buffer)]
        buffer[: len(some)] = some
        self._rest = self._rest[len(some) :]
        self._at += len(some)
        return len(some)


def _context(name: str, number: int) -> bytes:
    return f"{name}:{number}".encode()
