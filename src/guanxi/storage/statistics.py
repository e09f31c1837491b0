"""Tells SQLite's planner what our keys are like.

Without statistics it takes the first column of any key for selective, and our first column is the merchant, of which
there is often one: asked for a link by its other end it would read all links of the merchant. ``ANALYZE`` cannot help
while tables are empty, and sees only today's merchants later, so the truth that matters is written down: a merchant
has everything, every further column narrows, a whole unique key names one row.
Format of the table: https://www.sqlite.org/fileformat2.html#stat1tab
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

_ROWS = 1_000_000
_NARROWED = 1_000
"""Rows of a million that share the first column after the merchant; each further column leaves a tenth."""


def describe_keys(connection: Connection) -> None:
    """Write the statistics of every key that begins with the merchant."""
    connection.exec_driver_sql("ANALYZE")  # makes the table of statistics
    connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    tables = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    ).scalars()
    for table in tables.all():
        for _, index, unique, origin, _ in connection.exec_driver_sql(f"PRAGMA index_list({table})").all():
            columns = [row[2] for row in connection.exec_driver_sql(f"PRAGMA index_info({index})")]
            if columns[0] == "merchant_id":
                name = table if origin == "pk" else index  # so a table without rowids is named there
                connection.exec_driver_sql(
                    "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)",
                    (table, name, _estimate(len(columns), unique=bool(unique))),
                )
    connection.exec_driver_sql("ANALYZE sqlite_schema")  # makes this connection read them


def _estimate(columns: int, *, unique: bool) -> str:
    shares = [_ROWS, *(max(1, _NARROWED // 10**further) for further in range(columns - 1))]
    if unique:
        shares[-1] = 1
    return " ".join(map(str, (_ROWS, *shares)))
