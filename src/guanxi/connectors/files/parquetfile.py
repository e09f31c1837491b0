"""Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from pyarrow import parquet

from guanxi.connectors.files.problems import BrokenFile, EmptyFile, MissingFile
from guanxi.connectors.files.source import ROWS, Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class ParquetSource:
    """A Parquet file; its columns are top-level ones and its lines are row numbers."""

    encoding = "parquet"
    delimiter = ""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.blank = 0
        self._done = 0
        try:
            self._size = path.stat().st_size
            self._file = parquet.ParquetFile(path, page_checksum_verification=True)
        except (pa.ArrowException, EOFError) as error:
            raise self._broken(error) from error
        except OSError as error:
            # pyarrow raises OSError for damaged files too; a file that can be opened is there.
            raise (self._broken(error) if path.is_file() else MissingFile(file=path.name)) from error
        if not self._file.metadata.num_rows:
            self.close()
            raise EmptyFile(file=path.name)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def columns(self) -> list[str]:
        """Return the names of the top-level columns."""
        return list(self._file.schema_arrow.names)

    def blocks(self, wanted: Sequence[str]) -> Iterator[Block]:
        """Yield all rows; see ``Source``."""
        total = self._file.metadata.num_rows
        batches = self._file.iter_batches(batch_size=ROWS, columns=list(dict.fromkeys(wanted)))
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except (pa.ArrowException, OSError) as error:
                raise self._broken(error) from error
            cells = {
                name: _cells(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)
            }
            first = self._done + 1
            self._done += batch.num_rows
            yield Block(
                columns=[cells[name] for name in wanted],
                lines=range(first, self._done + 1),
                raw=lambda index, cells=cells: _raw(_row(cells, index)),  # type: ignore[misc]
                whole=lambda index, cells=cells: _row(cells, index),  # type: ignore[misc]
                bytes_read=self._size * self._done // total,
            )

    def _broken(self, error: Exception) -> BrokenFile:
        detail = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return BrokenFile(file=self._path.name, line=self._done, detail=detail)


def _row(cells: dict[str, list[Any]], index: int) -> dict[str, Any]:
    return {name: column[index] for name, column in cells.items()}


def _raw(row: dict[str, Any]) -> bytes:
    return msgspec.json.encode(row, enc_hook=str)


def _cells(column: Any) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    cells: list[Any] = column.to_pylist()
    return cells
