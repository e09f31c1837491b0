"""SQL about stages, on the board and on the facts of an open question."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from guanxi.customers.identity.model import FIRST_DAY
from guanxi.customers.profiles.model import PEOPLE
from guanxi.storage.engine import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb
    import pyarrow as pa

    from guanxi.customers.stages.model import Behind

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


class Trail(NamedTuple):
    """Which changes of a trait count: of a round of looking back, and of boards after one. Round 0: of all boards."""

    trait: str
    round: int = 0
    board: int = 0


Counts = tuple[int, int, int, int, int, tuple[float, float, float] | None]
"""What ``Reached`` has of a stage."""

_TOLD = """
WITH told AS (
  SELECT row_number() OVER () AS n, f.day, coalesce(s.owner, m.owner, f.fragment) AS member,
    coalesce(f.p_from, '') AS before, coalesce(f.p_to, '') AS after, coalesce(f.p_step, 1) AS step
  FROM "trait.changed" AS f LEFT JOIN stable AS s ON s.fragment = f.fragment
    LEFT JOIN moved AS m ON m.fragment = f.fragment AND f.day >= m.from_day AND f.day < m.until_day
  WHERE f.d_trait = $trait AND CASE WHEN f.p_round IS NOT NULL THEN f.p_round = $round
    ELSE $round = 0 OR f.p_board > $board END
), began AS (SELECT min(day) AS day FROM told),
fresh AS (
  SELECT told.* FROM told, began
  WHERE told.step > 0 AND ($round > 0 OR NOT (told.before = '' AND told.day = began.day))
)
"""
"""``fresh`` are real moves: where the history begins everybody is told of who is in a stage already, since when nobody
knows. Looking back says so by a step of 0 days."""


def began(con: duckdb.DuckDBPyConnection, trail: Trail) -> int | None:
    """Return the day on which the history of a trait begins."""
    row = con.execute(f"{_TOLD} SELECT day FROM began", trail._asdict()).fetchone()  # noqa: S608 - our own text
    return int(row[0]) if row and row[0] is not None else None


def moves(
    con: duckdb.DuckDBPyConnection, trail: Trail, since: int
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
    rows = con.execute(sql, {**trail._asdict(), "since": since}).fetchall()
    return [(row[0], row[1], int(row[2]), None if row[3] is None else float(row[3]), row[4]) for row in rows]


_STEPS = f"""{_TOLD}, reached AS (
  SELECT told.member, passed.place, min(told.day) AS day, arg_min(told.step, told.day) AS step,
    min(told.step) = 0 AS early, bool_or(passed.stage = told.after) AS stayed
  FROM told JOIN {PEOPLE} AS p ON p.member = told.member AND p.first_day >= $came
    JOIN way AS there ON there.stage = told.after JOIN way AS passed ON passed.place <= there.place
  GROUP BY told.member, passed.place
), beside AS (SELECT DISTINCT member FROM told WHERE step = 0 AND after NOT IN (SELECT stage FROM way)),
steps AS (
  SELECT one.member, one.place, one.stayed, next.member IS NOT NULL AS onward,
    greatest(one.step, next.step) > 1 AS rough,
    CASE WHEN NOT one.early AND beside.member IS NULL THEN one.day END AS came,
    CASE WHEN NOT next.early AND beside.member IS NULL THEN next.day END AS went
  FROM reached AS one LEFT JOIN reached AS next ON next.member = one.member AND next.place = one.place + 1
    LEFT JOIN beside ON beside.member = one.member
)
"""  # noqa: S608 - our own text
"""``steps``: who came at least to each place of the table ``way``, and to the next, and when, where that is known.

Whoever returns from beside the way, where they were when the history begins, was on it before: no time is known.
"""


def _way(con: duckdb.DuckDBPyConnection, stages: Sequence[str]) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE way (stage VARCHAR, place INTEGER)")
    con.executemany("INSERT INTO way VALUES (?, ?)", [[stage, place] for place, stage in enumerate(stages)])


def reached(
    con: duckdb.DuckDBPyConnection, trail: Trail, stages: Sequence[str], came: int | None
) -> tuple[int, dict[int, Counts]]:
    """Return how many members there are, and by the place of a stage on the way what ``Reached`` has of it."""
    _way(con, stages)
    sql = f"""{_STEPS}
    SELECT place, count(*), count(*) FILTER (WHERE stayed), count(*) FILTER (WHERE onward), count(went - came),
      count(went - came) FILTER (WHERE rough), quantile_cont(went - came, [0.25, 0.5, 0.75])
    FROM steps GROUP BY place
    """  # noqa: S608 - our own text
    since = FIRST_DAY if came is None else came
    rows = con.execute(sql, {**trail._asdict(), "came": since}).fetchall()
    met = con.execute(f"SELECT count(*) FROM {PEOPLE} WHERE first_day >= $came", {"came": since}).fetchone()  # noqa: S608
    return int(met[0]) if met else 0, {row[0]: (*row[1:6], row[6] and tuple(row[6])) for row in rows}


def behind(
    con: duckdb.DuckDBPyConnection, trail: Trail, stages: Sequence[str], came: int | None, asked: Behind
) -> list[tuple[int, int | None, int | None]]:
    """Return members behind a figure, whoever came there last first, with the days of coming there and going on."""
    _way(con, stages)
    sql = f"""{_STEPS}
    SELECT member, steps.came, went FROM steps WHERE place = $place AND ($onward IS NULL OR onward = $onward)
    ORDER BY steps.came DESC NULLS LAST, member LIMIT $most
    """  # noqa: S608 - our own text
    since = FIRST_DAY if came is None else came
    wanted = {"place": stages.index(asked.stage), "onward": asked.onward, "most": asked.most}
    return con.execute(sql, {**trail._asdict(), "came": since, **wanted}).fetchall()


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
