"""SQLite finds what a key leads to by that key, and does not read through all that a merchant has."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest


@pytest.mark.parametrize("file", ["guanxi.db", "tail.db"])
def test_every_key_is_used_to_its_second_column(migrated_files: Path, file: str) -> None:
    connection = sqlite3.connect(migrated_files / file)
    asked = 0
    for table, index in connection.execute(
        "SELECT m.name, i.name FROM sqlite_master m, pragma_index_list(m.name) i"
        " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND NOT i.partial"
    ).fetchall():
        columns = [row[2] for row in connection.execute(f"PRAGMA index_info({index})")]
        if columns[0] != "merchant_id" or len(columns) < 2:
            continue
        asked += 1
        for condition in ("= ?", "IN (SELECT value FROM json_each(?))"):
            sql = f"SELECT * FROM {table} WHERE merchant_id = ? AND {columns[1]} {condition}"
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", ("m", "[]"))]
            assert f"{columns[1]}=?" in plan[0], (sql, plan)
    connection.close()
    assert asked
