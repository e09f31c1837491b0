"""SQL about stages, on the board and on the facts of an open question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.storage.engine import literal, quoted

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import pyarrow as pa

BEFORE = "stages_before"
"""Where members were: ``member``, ``stage``."""


def standing(
    con: duckdb.DuckDBPyConnection, board: Path, trait: str, flag: str
) -> list[tuple[str, int, int]]:
    """Return stages (empty: none) with how many members are in them, and how many of those have a flag."""
    flagged = f"count(*) FILTER (WHERE {quoted(flag)})" if flag else "0"
    return con.execute(
        f"SELECT coalesce({quoted(trait)}::VARCHAR, ''), count(*), {flagged}"  # noqa: S608 - names of definitions, quoted
        f" FROM read_parquet({literal(str(board))}) GROUP BY 1"
    ).fetchall()


_TOLD = """
WITH told AS (
  SELECT row_number() OVER () AS n, f.day, coalesce(s.owner, m.owner, f.fragment) AS member,
    coalesce(f.p_from, '') AS before, coalesce(f.p_to, '') AS after
  FROM "trait.changed" AS f LEFT JOIN stable AS s ON s.fragment = f.fragment
    LEFT JOIN moved AS m ON m.fragment = f.fragment AND f.day >= m.from_day AND f.day < m.until_day
  WHERE f.d_trait = $trait
), began AS (SELECT min(day) AS day FROM told),
fresh AS (SELECT told.* FROM told, began WHERE NOT (told.before = '' AND told.day = began.day))
"""
"""``fresh`` are real moves: on the first day everybody is told of who is in a stage already, since when nobody knows."""


def began(con: duckdb.DuckDBPyConnection, trait: str) -> int | None:
    """Return the day on which the history of a trait begins."""
    row = con.execute(f"{_TOLD} SELECT day FROM began", {"trait": trait}).fetchone()  # noqa: S608 - our own text
    return int(row[0]) if row and row[0] is not None else None


def moves(
    con: duckdb.DuckDBPyConnection, trait: str, since: int
) -> list[tuple[str, str, int, float | None, int]]:
    """Return from where to where how many moved on the days from ``since``; and of all days the median of days spent.

    The days spent are known of who entered the stage before in a real move as well; of how many is said last.
    """
    sql = f"""{_TOLD}, timed AS (
      SELECT went.n, went.day - max(came.day) AS days FROM fresh AS went
        JOIN fresh AS came ON came.member = went.member AND came.after = went.before AND came.day <= went.day
          AND came.n <> went.n
      GROUP BY went.n, went.day
    )
    SELECT before, after, count(*) FILTER (WHERE day >= $since), median(days), count(days)
    FROM fresh LEFT JOIN timed USING (n) WHERE before <> after GROUP BY before, after ORDER BY before, after
    """  # noqa: S608 - our own text
    rows = con.execute(sql, {"trait": trait, "since": since}).fetchall()
    return [(row[0], row[1], int(row[2]), None if row[3] is None else float(row[3]), row[4]) for row in rows]


def crossed(
    con: duckdb.DuckDBPyConnection, before: pa.Table, now: str, trait: str
) -> list[tuple[str, str, int]]:
    """Return from where to where how many went between two moments; ``now`` is the query of where members are."""
    con.register(BEFORE, before)
    return con.execute(
        f"SELECT coalesce(b.stage, ''), coalesce(a.{quoted(trait)}, ''), count(*) FROM ({now}) AS a"  # noqa: S608 - our own
        f" LEFT JOIN {BEFORE} AS b USING (member) GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()


def stages(con: duckdb.DuckDBPyConnection, now: str, trait: str) -> pa.Table:
    """Return ``member`` and ``stage`` of everybody; ``now`` is the query of where members are."""
    return con.execute(f"SELECT member, {quoted(trait)} AS stage FROM ({now})").to_arrow_table()  # noqa: S608 - our own
