"""Traits of two million members from fifty million events, and audiences of them.

``python -m benchmarks.traits [EVENTS] [MEMBERS]``; promises of DESIGN §6: a full rebuild takes at most 1.3 times what
hand-written DuckDB SQL takes over the same files, in 2 GB; a refresh after a day's 1 % of new events at most a quarter of
that; counting by traits 100 ms, by a window of one's own 300 ms on a sample and 2 s in full; building an audience at most
1.3 times what hand-written SQL takes.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks import _traits_state as state
from benchmarks.report import report

WINDOWS = (
    "sum(order.paid.amount, 7d)",
    "sum(order.paid.amount, 30d)",
    "sum(order.paid.amount, 90d)",
    "sum(order.paid.amount, 365d)",
    "count(order.paid, 30d)",
    "count(order.paid, 90d)",
    "count(order.paid, 365d)",
    "max(order.paid.amount, 90d)",
    "last(order.paid, 365d)",
    "sum(order.paid.amount where channel = 'douyin', 90d)",
)
AUDIENCES = ("t1 >= 50000", "t5 >= 3 and t2 < 100000")

_BY_HAND = """
    COPY (
        WITH paid AS (
            SELECT (day - DATE '1970-01-01')::INTEGER AS d, coalesce(h.owner, e.subject) AS member, channel,
                   (payload->>'$.properties.amount')::BIGINT AS amount
            FROM read_parquet($files) AS e LEFT JOIN held AS h ON h.fragment = e.subject
            WHERE type = 'order.paid'
        ), windows AS (
            SELECT member,
                   sum(amount) FILTER (WHERE d > $today - 7) AS t0, sum(amount) FILTER (WHERE d > $today - 30) AS t1,
                   sum(amount) FILTER (WHERE d > $today - 90) AS t2, sum(amount) FILTER (WHERE d > $today - 365) AS t3,
                   count(*) FILTER (WHERE d > $today - 30) AS t4, count(*) FILTER (WHERE d > $today - 90) AS t5,
                   count(*) FILTER (WHERE d > $today - 365) AS t6, max(amount) FILTER (WHERE d > $today - 90) AS t7,
                   max(d) FILTER (WHERE d > $today - 365) AS t8,
                   sum(amount) FILTER (WHERE d > $today - 90 AND channel = 'douyin') AS t9
            FROM paid WHERE d > $today - 365 AND d <= $today GROUP BY member
        )
        SELECT member, coalesce(t0, 0) AS t0, coalesce(t1, 0) AS t1, coalesce(t2, 0) AS t2, coalesce(t3, 0) AS t3,
               coalesce(t4, 0) AS t4, coalesce(t5, 0) AS t5, coalesce(t6, 0) AS t6, t7, t8, coalesce(t9, 0) AS t9
        FROM met LEFT JOIN windows USING (member) ORDER BY member
    ) TO '{target}' (FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL 1)
"""

_AUDIENCE = "sum(order.paid.amount, 45d) >= 50000 and t5 >= 2"
_AUDIENCE_BY_HAND = """
    COPY (
        SELECT coalesce(h.owner, e.subject) AS member
        FROM read_parquet($files) AS e LEFT JOIN held AS h ON h.fragment = e.subject
        WHERE type = 'order.paid' AND day > $day - 90 AND day <= $day
        GROUP BY 1 HAVING count(*) >= 2
            AND sum((payload->>'$.properties.amount')::BIGINT) FILTER (WHERE day > $day - 45) >= 50000
    ) TO '{target}' (FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL 1)
"""


def definitions() -> str:
    """Return the traits and audiences of the benchmark."""
    traits = [f"kind: trait\nkey: t{n}\nvalue: {rule}\n" for n, rule in enumerate(WINDOWS)]
    audiences = [f"kind: audience\nkey: a{n}\nrule: {rule}\n" for n, rule in enumerate(AUDIENCES)]
    return "---\n".join([*traits, *audiences])


def by_hand(home: Path, sql: str, **params: Any) -> float:
    """Return how long hand-written SQL takes, with the members read from the database as ours has to."""
    from guanxi.customers.profiles import store  # noqa: PLC0415
    from guanxi.storage.database import Database  # noqa: PLC0415
    from guanxi.storage.events.lake import Lake  # noqa: PLC0415
    from guanxi.storage.home import Home  # noqa: PLC0415

    opened = Home.open(home)
    files = Lake(opened.lake(state.SHOP)).snapshot().files
    begun = time.perf_counter()
    with duckdb.connect(config={"memory_limit": "1400MB", "temp_directory": str(home / "tmp")}) as con:
        con.execute("SET preserve_insertion_order = false")
        database = Database.of(opened)
        with database.reading() as tx:
            found = store.everybody(tx, state.SHOP)
        database.dispose()
        con.register("met", found.people)
        con.register("held", found.stable)
        con.execute(sql.format(target=home / "by-hand.parquet"), {"files": files, **params})
    return time.perf_counter() - begun


def ours(home: Path, what: str) -> dict[str, Any]:
    """Run a step of ours in a process of its own; returns what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.traits", "--step", what, str(home)],
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def step(what: str, home: Path) -> dict[str, Any]:
    """Do one step of ours in this process."""
    from guanxi.bootstrap import opened  # noqa: PLC0415
    from guanxi.definitions.text import parse  # noqa: PLC0415

    with opened(home) as product:
        merchant, _ = product.intake.merchant(state.SHOP)
        _load(product)
        if what == "define":
            begun = time.perf_counter()
            product.definitions.apply(state.SHOP, parse(definitions()), by="bench", why="benchmark")
            took = time.perf_counter() - begun
        elif what == "tell":
            begun = time.perf_counter()
            told = 0
            while done := product.boards.tell(merchant):
                told += done
            return {"seconds": time.perf_counter() - begun, "events": told}
        elif what == "refresh":
            begun = time.perf_counter()
            product.boards.refresh(merchant)
            took = time.perf_counter() - begun
        elif what == "build":
            return {"seconds": min(_build(product, merchant, home / "built.parquet") for _ in range(2))}
        else:
            return _counts(product, merchant)
        return {"seconds": took, "peak_gb": _peak_gb()}


def _peak_gb() -> float:
    """Return the most memory that this process has held; ``getrusage`` would count the one that it was forked from."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("ascii").splitlines())
    return int(status["VmHWM"].split()[0]) / 1e6


def _load(product: Any) -> None:
    """Import what a worker imports once in its life: Ibis, and pandas for the engine's sake; seconds on two cores."""
    from guanxi.customers.profiles import everybody  # noqa: F401, PLC0415

    with product.profiles.facts.engine() as con:
        con.register("nothing", pa.table({"n": [1]}))


def _build(product: Any, merchant: Any, target: Path) -> float:
    """Return how long it takes to write who is in an audience."""
    from guanxi.storage.engine import copy  # noqa: PLC0415

    begun = time.perf_counter()
    rule = product.audiences.rule(merchant, _AUDIENCE)
    vocabulary = product.audiences.vocabulary(merchant)
    today = product.audiences.today(merchant)
    with product.profiles.asking(merchant, vocabulary, [rule], today) as asked:
        copy(asked.con, asked.sql(asked.matching(rule).select("member")), target)
    return time.perf_counter() - begun


def _counts(product: Any, merchant: Any) -> dict[str, Any]:
    traits = product.audiences.rule(merchant, "t1 >= 50000 and t5 >= 2 and t9 > 0")
    window = product.audiences.rule(merchant, _AUDIENCE)
    found: dict[str, Any] = {}
    cases: dict[str, Callable[[], Any]] = {
        "traits": lambda: product.audiences.count_now(merchant, traits, sampled=False),
        "sampled": lambda: product.audiences.count_now(merchant, window, sampled=True),
        "exact": lambda: product.audiences.count_now(merchant, window, sampled=False),
    }
    for name, count in cases.items():
        answer = count()
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            count()
            times.append(time.perf_counter() - begun)
        found[name] = {"seconds": median(times), "members": answer.members, "sample": answer.sample}
    return found


def main(events: int, members: int) -> bool:
    """Run everything; returns whether all bars are met."""
    from guanxi.kernel.clock import DAY, SystemClock  # noqa: PLC0415

    today = SystemClock().now() // DAY
    stored = state.made(Path(tempfile.gettempdir()), events, members)
    home = stored.with_name(stored.name + "-run")
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(stored, home)
    (home / "tmp").mkdir(exist_ok=True)
    os.sync()  # else the copy is still being written while the first step is timed
    fine = True
    hand = min(by_hand(home, _BY_HAND, today=today) for _ in range(2))
    full = ours(home, "define")
    print(f"  peak memory {full['peak_gb']:.2f} GB (bar 2)", flush=True)
    fine &= report("traits.rebuild", full["seconds"], hand, 1.3, full["seconds"] <= 1.3 * hand, "s")
    fine &= report("traits.memory", full["peak_gb"], 2, 2, full["peak_gb"] <= 2, "GB")
    print(f"  changes told: {ours(home, 'tell')}", flush=True)
    with duckdb.connect() as con:
        state.people_of(con, members)
        from guanxi.storage.home import Home  # noqa: PLC0415

        more = events // 100
        state.append(Home.open(home), con, more, members, (events, events + more), (today, 1), 2)
    again = ours(home, "refresh")
    fine &= report(
        "traits.refresh",
        again["seconds"],
        full["seconds"],
        0.25,
        again["seconds"] <= 0.25 * full["seconds"],
        "s",
    )
    counts = ours(home, "count")
    print(f"  {counts}", flush=True)
    for name, bar in (("traits", 0.1), ("sampled", 0.3), ("exact", 2.0)):
        took = counts[name]["seconds"]
        fine &= report(f"audience.{name}", took, 0, bar, took <= bar, "s")
    day = dt.date(1970, 1, 1) + dt.timedelta(days=today)
    hand = min(by_hand(home, _AUDIENCE_BY_HAND, day=day) for _ in range(2))
    built = ours(home, "build")["seconds"]
    fine &= report("audience.build", built, hand, 1.3, built <= 1.3 * hand, "s")
    shutil.rmtree(home, ignore_errors=True)
    return fine


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(step(sys.argv[2], Path(sys.argv[3]))))
    else:
        numbers = [int(one) for one in sys.argv[1:]] + [50_000_000, 2_000_000][len(sys.argv) - 1 :]
        sys.exit(not main(*numbers[:2]))
