"""Rounds in the database; where members were at a step, and who moved since the one before, on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, select

from guanxi.customers.history.model import Moved, Round
from guanxi.customers.schema import member
from guanxi.storage.engine import put, quoted, scan
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


def begin(con: duckdb.DuckDBPyConnection, old: Path | None) -> None:
    """Begin to compare steps: with where members were at the one before, or with nobody."""
    before = f"FROM {scan(old)}" if old is not None else "WHERE false"
    nobody = "NULL::BIGINT AS member, NULL::INTEGER AS first_day, NULL::VARCHAR AS stage"
    columns = "member, first_day, stage" if old is not None else nobody
    con.execute(f"CREATE OR REPLACE TEMP TABLE states_before AS SELECT {columns} {before}")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE moves_found"
        " (day INTEGER, member BIGINT, before VARCHAR, after VARCHAR, step INTEGER)"
    )


def compare(
    con: duckdb.DuckDBPyConnection, sql: str, trait: str, days: tuple[int, int], *, first: bool
) -> None:
    """Find who is elsewhere in the rows of ``sql`` than at the step before; ``days`` are those of the two.

    At the ``first`` step that is everybody; since when is known of whoever was not met before.
    """
    since = f"CASE WHEN {first} AND n.first_day <= {days[0]} THEN 0 ELSE {days[1] - days[0]} END"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE states_now AS"  # noqa: S608 - our own
        f" SELECT member, first_day, coalesce({quoted(trait)}::VARCHAR, '') AS stage FROM ({sql})"
        f" WHERE first_day <= {days[1]}"
    )
    con.execute(
        f"INSERT INTO moves_found SELECT {days[1]}, n.member, coalesce(o.stage, ''), n.stage, {since}"  # noqa: S608 - numbers
        " FROM states_now AS n LEFT JOIN states_before AS o ON o.member = n.member"
        " WHERE coalesce(o.stage, '') <> n.stage"
    )
    con.execute("DROP TABLE states_before")
    con.execute("ALTER TABLE states_now RENAME TO states_before")


def finish(con: duckdb.DuckDBPyConnection, states: Path, moves: Path) -> None:
    """Write where members are at the last step, and who moved since the first, by day and member."""
    put(con, "SELECT * FROM states_before ORDER BY member", states)
    put(con, "SELECT * FROM moves_found ORDER BY day, member", moves)


def moves(con: duckdb.DuckDBPyConnection, path: Path, after: tuple[int, int], limit: int) -> list[Moved]:
    """Return at most ``limit`` moves after a day's and member's, in their order."""
    day, last = after
    sql = (
        f"SELECT day, member, before, after, step FROM {scan(path)}"  # noqa: S608 - a path and numbers of ours
        f" WHERE day > {day} OR (day = {day} AND member > {last}) ORDER BY day, member LIMIT {limit}"
    )
    return [Moved(*row) for row in con.execute(sql).fetchall()]


def without_others(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Rewrite a file so that it tells of nobody but the members of the table ``people``."""
    rows = f"SELECT f.* FROM {scan(path)} AS f SEMI JOIN people ON people.member = f.member"  # noqa: S608
    put(con, rows, path)
