"""The promise of the import: a million rows of a CSV into a fresh installation well under a minute.

Ours: ``guanxi import`` as a merchant runs it, from the call to its end: a file of five columns (phone, member number,
order number, time, amount) by a mapping, on SQLite. Every row is checked, its identities are normalised and hashed, what
is personal is sealed, and the event is stored durably and once. The yardstick reads the same file with ``csv`` and inserts
its rows as they are into one table by their order number, flushed as durably every 10,000 rows.

    python -m benchmarks.import_ [--rows N]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from benchmarks.report import report

ROWS = 1_000_000
BAR = 45.0
"""Seconds for a million rows."""

MAPPING = """\
type: track
event: order.paid
time: 下单时间
id: 订单号
identities:
  - {type: phone, column: 手机号}
  - {type: member_no, column: 会员号}
properties:
  order_id: 订单号
  currency: {value: CNY}
  amount: {column: 实付金额, type: money}
"""
START = datetime(2025, 1, 1, tzinfo=UTC)


def write(path: Path, rows: int) -> None:
    """Write a year's orders of a quarter as many members."""
    chance = random.Random(7)
    with path.open("w", encoding="utf-8") as file:
        file.write("手机号,会员号,订单号,下单时间,实付金额\n")
        for row in range(rows):
            member = chance.randrange(max(1, rows // 4))
            at = START + timedelta(seconds=row * 30_000_000 // rows)
            phone = f"13{member % 10}{member * 7919 % 10**8:08}"
            amount = chance.randrange(100, 90_000) / 100
            file.write(f"{phone},M{member:07},O{row:010},{at:%Y-%m-%d %H:%M:%S},{amount:.2f}\n")


def guanxi(*words: str | Path) -> dict[str, object]:
    """Run a command and return what it says."""
    command = [sys.executable, "-m", "guanxi", *map(str, words), "--json"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    answer: dict[str, object] = json.loads(said)
    return answer


def ours(folder: Path, file: Path, rows: int) -> float:
    """Seconds of the import; the processors' own seconds are printed beside, for a machine that is not idle."""
    home, mapping = folder / "home", folder / "mapping.yaml"
    mapping.write_text(MAPPING, "utf-8")
    guanxi("init", "--home", home)
    before, started = os.times(), time.perf_counter()
    result = guanxi("import", file, "--mapping", mapping, "--home", home)
    seconds, after = time.perf_counter() - started, os.times()
    if result["accepted"] != rows:
        sys.exit(f"{rows} rows, but {result}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"import {seconds:.1f} s, processors {spent:.1f} s on {os.cpu_count()}", flush=True)
    return seconds


def bare(folder: Path, file: Path) -> float:
    """Seconds of reading the rows and inserting them as they are."""
    started = time.perf_counter()
    database = sqlite3.connect(folder / "bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(
        "CREATE TABLE row (phone, member, number PRIMARY KEY, at, amount) WITHOUT ROWID",
    )
    with file.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        next(rows)
        while some := list(islice(rows, 10_000)):
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?)", some)
            database.execute("COMMIT")
    database.close()
    return time.perf_counter() - started


def main() -> None:
    """Measure both and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    folder = Path(tempfile.mkdtemp(prefix="guanxi-import-"))
    try:
        file = folder / "orders.csv"
        write(file, rows)
        ours_took, bare_took = ours(folder, file, rows), bare(folder, file)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    bar = BAR * rows / ROWS
    report("import", ours_took, bare_took, bar, ours_took <= bar, "s")


if __name__ == "__main__":
    main()
