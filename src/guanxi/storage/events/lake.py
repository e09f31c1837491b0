"""The event lake: one Delta Lake table per merchant, partitioned by month, sorted by time.

A commit is atomic, and carries the number of the hand-over that made it as an application transaction (Delta protocol,
action ``txn``), so the lake itself says how far it has come. Files are read as plain Parquet through DuckDB. Column
statistics are kept only for columns that hold nothing personal.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import duckdb
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from guanxi.kernel.clock import day_to_date
from guanxi.kernel.errors import Unavailable
from guanxi.kernel.text import Text
from guanxi.storage.events.lake_rows import AS_LOGGED, DAY_NUMBER, SCHEMA, logged, to_arrow
from guanxi.storage.events.model import LoggedEvent, Moment, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

_LARGE = 32 << 20
"""Bytes of a file that is not worth merging any more."""

_HANDOVER = "handover"
_CONFIGURATION: dict[str, str | None] = {
    "delta.dataSkippingStatsColumns": "epoch,number,dedup_day,time,day",
    "delta.logRetentionDuration": "interval 7 days",
}
_WRITER = WriterProperties(compression="ZSTD", compression_level=3, max_row_group_size=8_192)
"""Small row groups: one member's page reads a few events of many days, and whole scans cost the same."""

_Ask = TypeVar("_Ask", bound="Callable[..., Any]")
_TRIES = 5
_FETCH = 10_000


class LakeMissing(Unavailable):
    """Events that were handed over to the lake are not in it: it was deleted, damaged, or is of an older backup."""

    code = "lake_missing"
    text = Text(
        "数据湖 {path} 缺失、损坏或比数据库旧，较早的事件读不到；请停止服务，从同一份备份恢复数据库和数据湖。",
        "The lake {path} is missing, damaged or older than the database, so earlier events cannot be read; stop"
        " everything and restore database and lake from the same backup.",
    )


class LakeAhead(Unavailable):
    """The lake holds a hand-over that the database knows nothing of."""

    code = "lake_ahead"
    text = Text(
        "数据湖 {path} 比数据库新，二者不是同一次备份；请停止服务，从同一份备份恢复两者。",
        "The lake {path} is newer than the database, so they are not of one backup; stop everything and restore both"
        " from the same one.",
    )


def _again(ask: _Ask) -> _Ask:
    """Ask once more when a file was rewritten and deleted between being found and being read; it has a successor.

    Raises ``LakeMissing`` when it has none.
    """

    @wraps(ask)
    def asking(lake: Lake, *args: Any, **kwargs: Any) -> Any:
        for _ in range(_TRIES - 1):
            with suppress(duckdb.IOException):
                return ask(lake, *args, **kwargs)
        try:
            return ask(lake, *args, **kwargs)
        except duckdb.IOException as error:
            raise LakeMissing(path=str(lake.path)) from error

    return cast("_Ask", asking)


class Snapshot(NamedTuple):
    """One version of a lake: its files, and the number of the last hand-over in it."""

    files: list[str]
    handover: int


class Lake:
    """The lake of one merchant. Everything raises ``LakeMissing`` when it has not come as far as hand-over ``least``."""

    def __init__(self, path: Path, least: int = 0) -> None:
        self.path = path
        self._least = least

    def at_least(self, handover: int) -> Lake:
        """Return the same lake, which must hold this hand-over: one that lost events must not pass for an empty one."""
        return Lake(self.path, handover)

    def _open(self) -> DeltaTable | None:
        try:
            table = DeltaTable(str(self.path))
            reached = self._least and (table.transaction_version(_HANDOVER) or 0)
        except TableNotFoundError:
            table, reached = None, 0
        except DeltaError as error:
            raise LakeMissing(path=str(self.path)) from error
        if reached < self._least:
            raise LakeMissing(path=str(self.path))
        return table

    def check(self) -> None:
        """Raise ``LakeMissing`` unless every file is there; asks the file system only."""
        for _ in range(_TRIES):
            if all(Path(file).is_file() for file in self.snapshot().files):
                return
        raise LakeMissing(path=str(self.path))

    def _create(self) -> DeltaTable:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return DeltaTable.create(
            str(self.path), SCHEMA, mode="ignore", partition_by=["month"], configuration=_CONFIGURATION
        )

    def snapshot(self) -> Snapshot:
        """Return the newest version's files and hand-over number (0 when there is no lake yet)."""
        table = self._open()
        if table is None:
            return Snapshot([], 0)
        return Snapshot(self._files(table), table.transaction_version(_HANDOVER) or 0)

    def _files(self, table: DeltaTable) -> list[str]:
        # Not file_uris(): in a URI the spaces and Chinese letters of a folder's name are percent-encoded.
        return [
            str(self.path / path)
            for path in pa.table(table.get_add_actions(flatten=True))["path"].to_pylist()
        ]

    def append(
        self, events: Sequence[LoggedEvent], handover: int, sealed: Sequence[bytes] | None = None
    ) -> None:
        """Append a hand-over's events; does nothing if this or a later hand-over is already in the lake.

        ``sealed`` are their personal parts if these are to be others than the events'.
        """
        table = self._open() or self._create()
        if (table.transaction_version(_HANDOVER) or 0) >= handover:
            return
        before = set(self._files(table))
        write_deltalake(
            table,
            to_arrow(events, sealed).sort_by("time"),
            mode="append",
            writer_properties=_WRITER,
            commit_properties=CommitProperties(app_transactions=[Transaction(_HANDOVER, handover)]),
        )
        self._make_durable(before)

    def _make_durable(self, before: set[str]) -> None:
        """Force what the last commit wrote to disk: the tail is deleted next, and the writer does not sync."""
        table = DeltaTable(str(self.path))
        log = self.path / "_delta_log"
        written = [Path(file) for file in self._files(table) if file not in before]
        written.append(log / f"{table.version():020}.json")
        for path in (*written, *{path.parent for path in written}, log, self.path, *self.path.parents[:3]):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @_again
    def holds(self, keys: Iterable[tuple[int, bytes]]) -> set[tuple[int, bytes]]:
        """Return those of the given (dedup day, id hash) that are in the lake."""
        by_day: dict[int, list[bytes]] = {}
        for day, id_hash in keys:
            by_day.setdefault(day, []).append(id_hash)
        table = self._open()
        if table is None or not by_day:
            return set()
        files = self._files_of_days(table, min(by_day), max(by_day))
        if not files:
            return set()
        wanted = pa.table(
            {
                "dedup_day": pa.array(
                    [day_to_date(day) for day, hashes in by_day.items() for _ in hashes], pa.date32()
                ),
                "id_hash": pa.array(
                    [id_hash for hashes in by_day.values() for id_hash in hashes], pa.binary()
                ),
            }
        )
        with _duckdb().cursor() as con:
            con.register("wanted", wanted)
            rows = con.execute(
                "SELECT (l.dedup_day - DATE '1970-01-01')::BIGINT, l.id_hash FROM read_parquet($files) l"
                " WHERE l.dedup_day BETWEEN $low AND $high AND (l.dedup_day, l.id_hash) IN (SELECT dedup_day, id_hash FROM wanted)",
                {"files": files, "low": day_to_date(min(by_day)), "high": day_to_date(max(by_day))},
            ).fetchall()
        return {(day, bytes(id_hash)) for day, id_hash in rows}

    def _files_of_days(
        self, table: DeltaTable, low: int, high: int, *, column: str = "dedup_day"
    ) -> list[str]:
        first, last = day_to_date(low), day_to_date(high)
        return [
            str(self.path / path)
            for path, least, most in _ranges(table, column)
            if least is None or most is None or (least <= last and most >= first)
        ]

    @_again
    def read(self, merchant_id: str, after: Position, upto: Position, limit: int) -> list[LoggedEvent]:
        """Return at most ``limit`` events with ``after`` < position ≤ ``upto``, in order of position."""
        files = self.snapshot().files
        if not files:
            return []
        with _duckdb().cursor() as con:
            rows = con.execute(
                f"SELECT {AS_LOGGED} FROM read_parquet($files)"  # noqa: S608 - a constant of ours
                " WHERE (epoch > $e OR (epoch = $e AND number > $n)) AND (epoch < $ue OR (epoch = $ue AND number <= $un))"
                " ORDER BY epoch, number LIMIT $limit",
                {
                    "files": files,
                    "e": after.epoch,
                    "n": after.number,
                    "ue": upto.epoch,
                    "un": upto.number,
                    "limit": limit,
                },
            ).fetchall()
        return [logged(merchant_id, row) for row in rows]

    def of_fragments(self, merchant_id: str, fragments: Sequence[int]) -> Iterator[LoggedEvent]:
        """Yield every event that carries one of ``fragments``, in order of position."""
        with _duckdb().cursor() as con:
            rows = self._find_fragments(con, fragments)
            while rows:
                for row in rows:
                    yield logged(merchant_id, row)
                rows = con.fetchmany(_FETCH)

    @_again
    def _find_fragments(
        self, con: duckdb.DuckDBPyConnection, fragments: Sequence[int]
    ) -> list[tuple[Any, ...]]:
        """Return the first rows; every file has been read by then, because they are in order."""
        files = self.snapshot().files
        if not files:
            return []
        return con.execute(
            f"SELECT {AS_LOGGED} FROM read_parquet($files)"  # noqa: S608 - a constant of ours
            " WHERE list_has_any(fragments, $wanted::BIGINT[]) ORDER BY epoch, number",
            {"files": files, "wanted": list(fragments)},
        ).fetchmany(_FETCH)

    @_again
    def latest_of(
        self,
        merchant_id: str,
        subjects: Collection[int],
        days: Collection[int],
        before: Moment | None,
        limit: int,
    ) -> list[LoggedEvent]:
        """Return at most ``limit`` events about ``subjects`` on local ``days``, the latest first, after ``before``.

        The caller knows the days from its daily buckets, and with them only few row groups are read.
        """
        table = self._open()
        if table is None or not subjects or not days:
            return []
        files = self._files_of_days(table, min(days), max(days), column="day")
        wanted, dates = (_listed(values) for values in (subjects, days))
        where = f"subject IN ({wanted}) AND {DAY_NUMBER} IN ({dates}) AND day BETWEEN $low AND $high"
        params: dict[str, Any] = {"low": day_to_date(min(days)), "high": day_to_date(max(days))}
        if before is not None:
            where += " AND (epoch_us(time), epoch, number) < ($t, $e, $n)"
            params |= dict(zip("ten", before, strict=True))
        return self._first(merchant_id, files, where, params, "time DESC, epoch DESC, number DESC", limit)

    @_again
    def newest(
        self,
        merchant_id: str,
        type: str,
        day: int | None,
        before: Position | None,
        limit: int,
        besides: Collection[str] = (),
    ) -> list[LoggedEvent]:
        """Return at most ``limit`` events in the reverse order of the log; see ``tail.newest``."""
        table = self._open()
        if table is None:
            return []
        files = table.file_uris() if day is None else self._files_of_days(table, day, day, column="day")
        where, params = "true", dict[str, Any]()
        if type:
            where += " AND type = $type"
            params["type"] = type
        if day is not None:
            where += " AND day = $day"
            params["day"] = day_to_date(day)
        if before is not None:
            where += " AND (epoch < $e OR (epoch = $e AND number < $n))"
            params |= dict(zip("en", before, strict=True))
        if besides:
            where += " AND NOT list_contains($besides, type)"
            params["besides"] = list(besides)
        return self._first(merchant_id, files, where, params, "epoch DESC, number DESC", limit)

    def _first(
        self,
        merchant_id: str,
        files: Sequence[str],
        where: str,
        params: Mapping[str, Any],
        order: str,
        limit: int,
    ) -> list[LoggedEvent]:
        """Return the first events in an order: their places by narrow columns, then the wide ones where they are."""
        if not files:
            return []
        with _duckdb().cursor() as con:
            places = con.execute(
                "SELECT filename, number FROM read_parquet($files, filename = true)"  # noqa: S608 - our own text
                f" WHERE {where} ORDER BY {order} LIMIT $limit",
                {**params, "files": files, "limit": limit},
            ).fetchall()
            if not places:
                return []
            numbers = [number for _, number in places]
            rows = con.execute(
                f"SELECT {AS_LOGGED} FROM read_parquet($files)"  # noqa: S608 - our own text and integers
                f" WHERE number IN ({_listed(numbers)}) AND number BETWEEN $low AND $high",
                {"files": sorted({file for file, _ in places}), "low": min(numbers), "high": max(numbers)},
            ).fetchall()
        found = {event.number: event for event in (logged(merchant_id, row) for row in rows)}
        return [found[number] for number in numbers]

    def count(self) -> tuple[dict[str, int], int]:
        """Return how many events there are, under an empty name, and the number of the last hand-over counted."""
        table = self._open()
        if table is None:
            return {}, 0
        rows = pa.table(table.get_add_actions(flatten=True))["num_records"].to_pylist()
        return {"": sum(rows)}, table.transaction_version(_HANDOVER) or 0

    @_again
    def accounts(self) -> tuple[dict[str, int], int]:
        """Return how many events each enterprise account sent, and the number of the last hand-over counted."""
        files, handover = self.snapshot()
        if not files:
            return {}, handover
        with _duckdb().cursor() as con:
            rows = con.execute(
                "SELECT account, count(*) FROM read_parquet($files) GROUP BY account", {"files": files}
            ).fetchall()
        return {str(account): int(count) for account, count in rows}, handover

    def rewrite(self, events: Sequence[LoggedEvent]) -> None:
        """Replace events at their positions in one commit; what they replace stays on disk until ``vacuum``."""
        table = self._open()
        if table is None or not events:
            return
        rows = to_arrow(events)
        months = ", ".join(f"'{month}'" for month in sorted(set(rows["month"].to_pylist())))
        changed = {name: f"s.{name}" for name in ("subject", "fragments", "payload", "sealed", "event_id")}
        before = set(self._files(table))
        (
            table.merge(
                rows,
                predicate=f"t.month IN ({months}) AND t.epoch = s.epoch AND t.number = s.number",
                source_alias="s",
                target_alias="t",
                writer_properties=_WRITER,
            )
            .when_matched_update(changed)
            .execute()
        )
        self._make_durable(before)

    def compact(self, *, small_files: int = 12) -> int:
        """Merge small files of the months that have more than ``small_files`` of them; returns how many months it did.

        A file that has grown large is left alone, so that the work is in proportion to what is new. Hand-overs come in
        the order of time, each sorted, and so do the merged files' row groups but for what came late.
        """
        table = self._open()
        if table is None:
            return 0
        actions = pa.table(table.get_add_actions(flatten=True))
        counts: dict[str, int] = {}
        for month, size in zip(
            actions["partition.month"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True
        ):
            if size < _LARGE:
                counts[month] = counts.get(month, 0) + 1
        crowded = [month for month, count in counts.items() if count > small_files]
        for month in crowded:
            table.optimize.compact(
                partition_filters=[("month", "=", month)],
                target_size=2 * _LARGE,
                max_concurrent_tasks=1,
                writer_properties=_WRITER,
            )
        return len(crowded)

    def vacuum(self, *, hours: int, orphans: bool = False) -> int:
        """Delete files that no version of the last ``hours`` needs; returns how many. 0 leaves only the newest.

        With ``orphans`` also what a writer that was killed left behind: only under the lake's lock, when nobody writes.
        """
        table = self._open()
        if table is None:
            return 0
        return len(
            table.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False, full=orphans)
        )


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    """Return this process's engine: starting one takes longer than most of our questions. It keeps nothing in memory."""
    return duckdb.connect(config={"enable_external_file_cache": "false"})


def _listed(numbers: Collection[int]) -> str:
    return ", ".join(str(int(number)) for number in sorted(set(numbers)))


def _ranges(table: DeltaTable, column: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield every file's path and the least and largest value of a column in it, ``None`` where that is not known."""
    actions = pa.table(table.get_add_actions(flatten=True))
    return zip(
        *(actions[name].to_pylist() for name in ("path", f"min.{column}", f"max.{column}")), strict=True
    )
