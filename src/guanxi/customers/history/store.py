"""Rounds in the database; where members were at a step, and who moved since the one before, on disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, select

from guanxi.customers.history.model import Moved, Round
from guanxi.customers.schema import member
from guanxi.storage.engine import literal, quoted, scan
from guanxi.storage.merchants import get_setting, set_setting

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from guanxi.storage.database import Transaction

_decode = msgspec.json.Decoder(Round).decode


def load(tx: Transaction, merchant_id: str, trait: str) -> Round | None:
    """Return the newest round of a trait."""
    found = get_setting(tx, merchant_id, f"history.{trait}")
    return None if found is None else _decode(found)


def save(tx: Transaction, merchant_id: str, trait: str, one: Round) -> None:
    """Put a round in the place of the one before."""
    set_setting(tx, merchant_id, f"history.{trait}", msgspec.json.encode(one).decode())


def earliest(tx: Transaction, merchant_id: str) -> int | None:
    """Return when the first member was met (µs)."""
    where = (member.c.merchant_id == merchant_id, member.c.known)
    return tx.conn.execute(select(func.min(member.c.first_seen)).where(*where)).scalar()


# Files ------------------------------------------------------------------------------------------------------------


def on_board(wide: Path) -> str:
    """Return SQL of everybody on a board."""
    return f"SELECT * FROM {scan(wide)}"  # noqa: S608 - a path of ours


def write_states(con: duckdb.DuckDBPyConnection, sql: str, trait: str, path: Path) -> None:
    """Write where members are: ``member``, ``first_day`` and ``stage`` (empty: in none) of the rows of ``sql``."""
    _write(
        con,
        f"SELECT member, first_day, coalesce({quoted(trait)}::VARCHAR, '') AS stage FROM ({sql}) ORDER BY member",  # noqa: S608 - our own
        path,
    )


def write_moves(
    con: duckdb.DuckDBPyConnection, new: Path, old: Path | None, days: tuple[int, int], path: Path
) -> None:
    """Write who is elsewhere than at the step before; without one, where everybody is. ``days`` are those of the two."""
    source, before = f"{scan(new)} AS n", "''"
    since = f"CASE WHEN n.first_day > {days[0]} THEN {days[1] - days[0]} ELSE 0 END"
    if old is not None:
        source += f" LEFT JOIN {scan(old)} AS o ON o.member = n.member"
        before, since = "coalesce(o.stage, '')", str(days[1] - days[0])
    _write(
        con,
        f"SELECT n.member AS member, {before} AS before, n.stage AS after, {since} AS step FROM {source}"  # noqa: S608 - our own
        f" WHERE {before} <> n.stage ORDER BY n.member",
        path,
    )


def moves(con: duckdb.DuckDBPyConnection, path: Path, after: int, limit: int) -> list[Moved]:
    """Return at most ``limit`` moves of the members after one, in their order."""
    sql = f"SELECT member, before, after, step FROM {scan(path)} WHERE member > {after} ORDER BY member LIMIT {limit}"  # noqa: S608
    return [Moved(*row) for row in con.execute(sql).fetchall()]


def without_others(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Rewrite a file so that it tells of nobody but the members of the table ``people``."""
    rows = f"SELECT f.* FROM {scan(path)} AS f SEMI JOIN people ON people.member = f.member ORDER BY member"  # noqa: S608
    _write(con, rows, path)


def _write(con: duckdb.DuckDBPyConnection, sql: str, path: Path) -> None:
    """Write rows to a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    con.execute(
        f"COPY ({sql}) TO {literal(str(new))} (FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL 1)"
    )
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(path)
