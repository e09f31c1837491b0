"""Boards on disk and in the database."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, func, insert, select, update

from guanxi.customers.boards.model import Board, Size, Told
from guanxi.customers.schema import audience_size, board
from guanxi.kernel.clock import SECOND, SystemClock
from guanxi.storage.engine import copy, literal, put, quoted, scan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import duckdb

    from guanxi.customers.profiles.model import BoardFiles
    from guanxi.storage.database import Transaction

_GRACE = 3_600
"""Seconds for which a file that no board names any more may still be read."""

_KEPT = 400
"""Sizes of an audience that are kept."""


def live(tx: Transaction, merchant_id: str) -> Board | None:
    """Return the newest board."""
    row = tx.conn.execute(
        select(board).where(board.c.merchant_id == merchant_id).order_by(board.c.board.desc()).limit(1)
    ).one_or_none()
    if row is None:
        return None
    values = dict(zip(board.c.keys(), row, strict=True))
    del values["merchant_id"]
    return Board(**{**values, "cuts": msgspec.json.decode(values["cuts"])})


def add(tx: Transaction, merchant_id: str, one: Board, sizes: Sequence[Size]) -> None:
    """Make a board the live one, and forget the one before the last."""
    values = one._asdict() | {"merchant_id": merchant_id, "cuts": msgspec.json.encode(one.cuts).decode()}
    tx.conn.execute(insert(board).values(values))
    old = (board.c.merchant_id == merchant_id) & (board.c.board < one.board - 1)
    tx.conn.execute(delete(board).where(old))
    if sizes:
        tx.conn.execute(
            insert(audience_size), [{"merchant_id": merchant_id, **size._asdict()} for size in sizes]
        )


def told(tx: Transaction, merchant_id: str, number: int, upto: int) -> None:
    """Record of how many of a board's changes there are events."""
    tx.conn.execute(
        update(board).where(board.c.merchant_id == merchant_id, board.c.board == number).values(told=upto)
    )


def files(tx: Transaction, merchant_id: str) -> set[str]:
    """Return the files of all boards that are kept."""
    rows = tx.conn.execute(select(board.c.file).where(board.c.merchant_id == merchant_id))
    return {str(row[0]) for row in rows}


def sizes(tx: Transaction, merchant_id: str, audience: str) -> list[Size]:
    """Return how large an audience was, the oldest first."""
    rows = tx.conn.execute(
        select(audience_size)
        .where(audience_size.c.merchant_id == merchant_id, audience_size.c.audience == audience)
        .order_by(audience_size.c.board.desc())
        .limit(_KEPT)
    )
    return [Size(*row[1:]) for row in rows][::-1]


def since(tx: Transaction, merchant_id: str, at: int, audience: str) -> list[Size]:
    """Return how large an audience (empty: every one) was on the boards from an instant on, the oldest first."""
    wanted = (audience_size.c.merchant_id == merchant_id) & (audience_size.c.at >= at)
    if audience:
        wanted &= audience_size.c.audience == audience
    rows = tx.conn.execute(select(audience_size).where(wanted).order_by(audience_size.c.board))
    return [Size(*row[1:]) for row in rows]


def newest_sizes(tx: Transaction, merchant_id: str) -> dict[str, Size]:
    """Return how large each audience was last."""
    last = (
        select(audience_size.c.audience, func.max(audience_size.c.board).label("board"))
        .where(audience_size.c.merchant_id == merchant_id)
        .group_by(audience_size.c.audience)
        .subquery()
    )
    rows = tx.conn.execute(
        select(audience_size)
        .join(last, (audience_size.c.audience == last.c.audience) & (audience_size.c.board == last.c.board))
        .where(audience_size.c.merchant_id == merchant_id)
    )
    return {row[1]: Size(*row[1:]) for row in rows}


# Files ------------------------------------------------------------------------------------------------------------


def write_table(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> int:
    """Write a table to a Parquet file durably; returns how many rows it has."""
    return copy(con, f"SELECT * FROM {quoted(table)}", path)  # noqa: S608 - our own name


def sweep(folder: Path, kept: Collection[str], grace: int = _GRACE) -> None:
    """Delete boards that are gone; one younger than ``grace`` (s) may be in the making, or still be read."""
    before = SystemClock().now() - grace * SECOND
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in kept and path.stat().st_mtime_ns // 1_000 <= before:
            shutil.rmtree(path, ignore_errors=True)


def without_others(con: duckdb.DuckDBPyConnection, files: BoardFiles) -> None:
    """Rewrite a board so that it tells of nobody but the members of the table ``people``; its sample goes."""
    for path, column in ((files.wide, "member"), (files.stable, "owner"), (files.moved, "owner")):
        rows = f"SELECT b.* FROM {scan(path)} AS b SEMI JOIN people ON people.member = b.{column}"  # noqa: S608 - our own
        put(con, rows, path)
    # How many changes were told is counted in rows: those of others stay, without saying whose they were.
    changed = (
        "SELECT name, membership, CASE WHEN member IN (SELECT member FROM people) THEN member ELSE 0 END AS member,"  # noqa: S608
        f" before, after FROM read_parquet({literal(str(files.changes))}, file_row_number = true) ORDER BY file_row_number"
    )
    put(con, changed, files.changes)
    for path in files.folder.glob("sample-*.parquet"):
        path.unlink(missing_ok=True)


def sample(con: duckdb.DuckDBPyConnection, files: BoardFiles, tables: Collection[str], every: int) -> None:
    """Keep the facts of one in ``every`` members by themselves, to be asked while somebody waits.

    ``tables`` of facts, ``stable`` and ``moved`` are there to be read. Fragments are keyed hashes, so any rest will do.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE sampled AS WITH picked AS"  # noqa: S608 - names and numbers of ours
        f" (SELECT member FROM {scan(files.wide)} WHERE member % {every} = 0)"
        " SELECT member AS fragment FROM picked"
        " UNION SELECT fragment FROM stable WHERE owner IN (SELECT member FROM picked)"
        " UNION SELECT fragment FROM moved WHERE owner IN (SELECT member FROM picked)"
    )
    for table in tables:
        copy(
            con,
            f"SELECT f.* FROM {quoted(table)} AS f SEMI JOIN sampled USING (fragment)",  # noqa: S608
            files.sample(table),
        )


def columns(con: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    """Return a file's columns with the engine's types."""
    rows = con.execute(f"DESCRIBE SELECT * FROM {scan(path)}").fetchall()  # noqa: S608 - a path of ours
    return {str(row[0]): str(row[1]) for row in rows}


def changes_sql(new: Path, old: Path | None, told: Mapping[str, bool], there: Collection[str]) -> str:
    """Return SQL of what differs in the ``told`` columns (true: a membership) between two boards.

    ``there`` are the old board's columns. Rows: name, membership, member, before, after; in an order that is always the same.
    """
    parts = []
    for name, membership in sorted(told.items()):
        known = old is not None and name in there
        column = quoted(name)
        source = f"{scan(new)} AS n"
        before = "''"
        if known and old is not None:
            source += f" LEFT JOIN {scan(old)} AS o ON o.member = n.member"
            before = f"coalesce(o.{column}::VARCHAR, '')"
        after = f"coalesce(n.{column}::VARCHAR, '')"
        if membership:
            before, after = (f"(CASE WHEN {one} = 'true' THEN 'true' ELSE '' END)" for one in (before, after))
        parts.append(
            f"SELECT {literal(name)} AS name, {str(membership).lower()} AS membership, n.member AS member,"  # noqa: S608
            f" {before} AS before, {after} AS after FROM {source} WHERE {before} <> {after}"
        )
    if not parts:
        return "SELECT '' AS name, false AS membership, 0::BIGINT AS member, '' AS before, '' AS after WHERE false"
    return f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY name, member"  # noqa: S608


def counts(con: duckdb.DuckDBPyConnection, path: Path) -> dict[tuple[str, str], int]:
    """Return how many changes a file of them has, by name and value after."""
    rows = con.execute(f"SELECT name, after, count(*) FROM {scan(path)} GROUP BY name, after").fetchall()  # noqa: S608
    return {(str(row[0]), str(row[1])): int(row[2]) for row in rows}


def memberships(con: duckdb.DuckDBPyConnection, path: Path, names: Sequence[str]) -> dict[str, int]:
    """Return how many members each membership of a board has."""
    if not names:
        return {}
    counted = ", ".join(f"count(*) FILTER (WHERE {quoted(name)})" for name in names)
    row = con.execute(f"SELECT {counted} FROM {scan(path)}").fetchone() or ()  # noqa: S608
    return dict(zip(names, map(int, row), strict=True))


def changes(con: duckdb.DuckDBPyConnection, path: Path, start: int, end: int) -> list[Told]:
    """Return the changes from one place until before another."""
    sql = (
        f"SELECT name, membership, member, before, after FROM read_parquet({literal(str(path))},"  # noqa: S608
        f" file_row_number = true) WHERE file_row_number >= {start} AND file_row_number < {end}"
        " ORDER BY file_row_number"
    )
    return [Told(*row) for row in con.execute(sql).fetchall()]


def compared(con: duckdb.DuckDBPyConnection, old: Path, new: Path, name: str) -> tuple[int, int, int, int]:
    """Return how many members have a column's value in two boards, who differs, and who has none any more.

    What is false counts as no value; a board without the column has none.
    """
    sides = []
    for path in (old, new):
        there = name in columns(con, path)
        value = f"nullif({quoted(name)}::VARCHAR, 'false')" if there else "NULL::VARCHAR"
        sides.append(f"(SELECT member, {value} AS value FROM {scan(path)})")  # noqa: S608
    row = con.execute(
        "SELECT count(o.value), count(n.value), count(*) FILTER (WHERE n.value IS NOT NULL"  # noqa: S608
        " AND n.value IS DISTINCT FROM o.value), count(*) FILTER (WHERE n.value IS NULL AND o.value IS NOT NULL)"
        f" FROM {sides[0]} AS o FULL JOIN {sides[1]} AS n USING (member)"
    ).fetchone() or (0, 0, 0, 0)
    return (int(row[0]), int(row[1]), int(row[2]), int(row[3]))
