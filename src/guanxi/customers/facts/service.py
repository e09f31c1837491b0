"""Keeps facts up to date with the lake, and opens them for a question."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import msgspec

from guanxi.customers.facts import store, sums
from guanxi.customers.facts.model import Shape
from guanxi.customers.facts.store import Manifest, Table
from guanxi.customers.privacy.service import generation, legible
from guanxi.storage.engine import engine, quoted, view
from guanxi.storage.events import whole
from guanxi.storage.events.model import Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from guanxi.customers.facts.parts import Kept
    from guanxi.storage.database import Database
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.home import Home
    from guanxi.storage.locks import Locks
    from guanxi.storage.vault import Vault

_TRIES = 3


class Facts:
    """The facts of every merchant of an installation."""

    def __init__(self, home: Home, database: Database, log: EventLog, locks: Locks, vault: Vault) -> None:
        self.home = home
        self._database = database
        self._log = log
        self._locks = locks
        self._vault = vault

    def folder(self, merchant_id: str) -> Path:
        """Return where a merchant's facts lie."""
        return self.home.lake(merchant_id).parent / "facts"

    def refresh(
        self,
        con: duckdb.DuckDBPyConnection,
        merchant_id: str,
        shapes: Mapping[str, Shape],
        keep: Kept | None = None,
    ) -> Manifest:
        """Bring the tables of ``shapes`` up to date with the lake, and return what there is. Raises ``LakeMissing``.

        A table that lacks a column, and every table after an erasure, is made anew; others take in what has come.
        What to ``keep`` is brought up to its day as well.
        """
        with self._locks.hold(f"facts/{merchant_id}", wait=True):
            for _ in range(_TRIES - 1):
                # An erasure has rewritten a file and deleted it; it has a successor.
                with suppress(duckdb.IOException):
                    return self._refreshed(con, merchant_id, shapes, keep)
            return self._refreshed(con, merchant_id, shapes, keep)

    def _refreshed(
        self,
        con: duckdb.DuckDBPyConnection,
        merchant_id: str,
        shapes: Mapping[str, Shape],
        keep: Kept | None,
    ) -> Manifest:
        folder = self.folder(merchant_id)
        erased = self._forget(con, merchant_id)
        files, upto = whole.cold(self._database, self._log, merchant_id)
        before = store.load(folder)
        # A restored lake ends before what was once read from another.
        tables = {
            key: table
            for key, table in before.tables.items()
            if before.generation == erased and Position(*table.upto) <= upto
        }
        stale = {
            key
            for key, shape in shapes.items()
            if key not in tables
            or not set(shape.columns) <= set(tables[key].shape.columns)
            or Position(*tables[key].upto) < upto
        }
        for key in sorted(stale):
            tables[key] = self._current(con, folder, tables.get(key), shapes[key], files, upto)
        if keep is not None:
            for key, table in tables.items():
                parts = keep.parts.get(key)
                # What nobody keeps any more would keep files from being merged.
                kept = (
                    sums.renewed(con, folder, table.sums, table.files, parts, keep.as_of) if parts else None
                )
                tables[key] = msgspec.structs.replace(table, sums=kept)
        if tables == before.tables and before.generation == erased:
            return before
        manifest = Manifest(erased, tables)
        store.save(folder, manifest)
        return manifest

    def forget(self, merchant_id: str) -> None:
        """Delete what was made before somebody was forgotten; a question that is reading it fails."""
        folder = self.folder(merchant_id)
        with self._locks.hold(f"facts/{merchant_id}", wait=True):
            with self._database.reading() as tx:
                erased = generation(tx, merchant_id)
            before = store.load(folder)
            if before.generation != erased:
                store.save(folder, before := Manifest(erased))
            store.sweep(folder, before)

    def _forget(self, con: duckdb.DuckDBPyConnection, merchant_id: str) -> int:
        """Tell the engine of whom the log must not tell; returns the number that changes when somebody is forgotten."""
        with self._database.reading() as tx:
            con.register(store.FORGOTTEN, store.forgotten(legible(tx, self._vault, merchant_id)))
            return generation(tx, merchant_id)

    def _current(
        self,
        con: duckdb.DuckDBPyConnection,
        folder: Path,
        table: Table | None,
        shape: Shape,
        files: list[str],
        upto: Position,
    ) -> Table:
        reached = (upto.epoch, upto.number)
        if table is not None and set(shape.columns) <= set(table.shape.columns):
            new = store.write(con, folder, table.shape, files, table.upto, upto)
            grown = Table(table.shape, [*table.files, *new], reached, table.sums)
            return store.merged(con, folder, grown)
        names = {column.name for column in shape.columns}
        before = table.shape.columns if table is not None else ()
        shape = shape.with_columns([column for column in before if column.name not in names])
        return Table(shape, store.write(con, folder, shape, files, (0, 0), upto), reached)

    @contextmanager
    def engine(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open an engine for questions about facts."""
        with engine(self.home) as con:
            yield con

    def expose(
        self,
        con: duckdb.DuckDBPyConnection,
        merchant_id: str,
        manifest: Manifest,
        shapes: Mapping[str, Shape],
        upto: Position,
    ) -> bool:
        """Make a view per table of facts up to a position of the log, named by the table's key.

        What of it lies in the log's tail is also the table ``hot/`` and the key, and kept sums ``sums/`` and the key.

        ``False`` if a hand-over has moved on meanwhile, or somebody was forgotten, and everything is to be read again.
        """
        if self._forget(con, merchant_id) != manifest.generation:
            return False
        reached = {Position(*manifest.tables[key].upto) for key in shapes}
        after = min(reached, default=upto)
        if max(reached, default=upto) > upto or len(reached) > 1:
            return False
        hot = whole.hot(self._database, merchant_id, after, upto) if shapes else None
        if shapes and hot is None:
            return False
        folder = self.folder(merchant_id)
        if hot is not None:
            con.register("hot", hot)
        for key, shape in shapes.items():
            table = manifest.tables[key]
            names = ", ".join(["day", "fragment", *(quoted(column.name) for column in shape.columns)])
            fresh = f"CREATE OR REPLACE TEMP TABLE {quoted('hot/' + key)} AS {store.select(shape, store.remembered('hot'))}"
            con.execute(fresh)
            parts = [f"SELECT {names} FROM {quoted('hot/' + key)}"]  # noqa: S608
            if table.files:
                parts.insert(0, f"SELECT {names} FROM {store.scan(folder, table.files)}")  # noqa: S608
            con.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(key)} AS {' UNION ALL '.join(parts)}")
            if table.sums:
                view(con, f"sums/{key}", folder / table.sums.file)
        return True
