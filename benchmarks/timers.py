"""A million pending timers fired through the real path, one in 10,000 of them poisoned.

Ours: ``TimerJob`` claims a set, calls a handler that inserts one effect row per timer, deletes the timers, all in one
durable transaction (effects are appended, as events, postings and messages are); a poisoned timer violates a constraint of the effect table, so the whole insert of its set fails,
is undone and isolated. The yardstick is the least that any such program must do: the raw driver deletes the same rows
in the same sets with ``RETURNING`` and inserts them into the effect table; nothing is poisoned, parsed or looked up.

    python -m benchmarks.timers [--quick]
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from benchmarks.report import report
from guanxi.kernel.clock import HOUR, SystemClock
from guanxi.runtime.timers.jobs import SET, TimerJob
from guanxi.runtime.timers.model import NewTimer, Timer
from guanxi.runtime.timers.service import schedule
from guanxi.storage.database import Database
from guanxi.storage.home import Home
from guanxi.storage.migrate import migrate
from tools import postgres

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence

    from guanxi.storage.database import Transaction

BAR = 20_000
MERCHANTS = ("north", "south")
KINDS = ("journey.step", "hold.expiry")
POISONED_EVERY = 10_000
EFFECT = (
    "CREATE TABLE bench_effect (n {number} PRIMARY KEY, merchant_id TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, at BIGINT NOT NULL,"
    " payload {bytes} NOT NULL CHECK (payload <> {poison}))"
)
POISON = b'{"member":"mbr_poisoned"}'
INSERT = {
    "sqlite": "INSERT INTO bench_effect (merchant_id, kind, key, at, payload) VALUES (?, ?, ?, ?, ?)",
    "postgresql": (
        "INSERT INTO bench_effect (merchant_id, kind, key, at, payload)"
        " SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::bigint[], %b::bytea[])"
    ),
}
TAKE = {
    "sqlite": (
        "DELETE FROM runtime_timer WHERE (merchant_id, state, kind, next_at, key) IN ("
        "SELECT merchant_id, state, kind, next_at, key FROM runtime_timer"
        " WHERE merchant_id = ? AND state = 'pending' AND kind = ? AND next_at <= ? ORDER BY next_at LIMIT ?)"
        " RETURNING merchant_id, kind, key, due_at, payload"
    ),
    "postgresql": (
        "DELETE FROM runtime_timer WHERE ctid = ANY (ARRAY (SELECT ctid FROM runtime_timer"
        " WHERE merchant_id = %s AND state = 'pending' AND kind = %s AND next_at <= %s ORDER BY next_at LIMIT %s))"
        " RETURNING merchant_id, kind, key, due_at, payload"
    ),
}


def insert(driver: Any, dialect: str, rows: Sequence[tuple[str, str, str, int, bytes]]) -> None:
    if dialect == "sqlite":
        driver.executemany(INSERT[dialect], rows)
    else:
        driver.execute(INSERT[dialect], [list(column) for column in zip(*rows, strict=True)])


def handler(tx: Transaction, timers: Sequence[Timer], now: int) -> None:  # noqa: ARG001 - a handler's signature
    driver: Any = tx.conn.connection.driver_connection
    insert(driver.cursor(), tx.dialect, [(t.merchant_id, t.kind, t.key, t.due_at, t.payload) for t in timers])


def fill(database: Database, timers: int, *, poison: bool) -> int:
    """Set ``timers`` timers with unordered keys and due times; return how many are poisoned."""
    chance = random.Random(7)
    now = SystemClock().now()
    made = []
    poisoned = 0
    for number in range(timers):
        member = "mbr_" + hashlib.blake2b(number.to_bytes(8, "big"), digest_size=8).hexdigest()
        bad = poison and number % POISONED_EVERY == POISONED_EVERY // 2
        poisoned += bad
        payload = POISON if bad else b'{"member":"%b","step":"remind","version":3}' % member.encode()
        due = now - chance.randrange(HOUR)
        made.append(NewTimer(MERCHANTS[number % 2], KINDS[number // 2 % 2], member, due, payload))
        if len(made) == 50_000 or number == timers - 1:
            with database.transaction() as tx:
                schedule(tx, made)
            made.clear()
    settle(database)
    return poisoned


def settle(database: Database) -> None:
    """Let the database finish what loading left behind, so that it is not charged to what is measured."""
    with database.main.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        if database.dialect == "sqlite":
            conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            conn.exec_driver_sql("VACUUM ANALYZE runtime_timer")
            conn.exec_driver_sql("CHECKPOINT")


def empty(database: Database) -> None:
    with database.transaction() as tx:
        tx.conn.exec_driver_sql("DELETE FROM runtime_timer")
        tx.conn.exec_driver_sql("DELETE FROM runtime_timer_key")
        tx.conn.exec_driver_sql("DELETE FROM bench_effect")


def yardstick(database: Database, timers: int) -> float:
    now = SystemClock().now()
    done = 0
    started = time.perf_counter()
    lanes = [(merchant, kind) for merchant in MERCHANTS for kind in KINDS]
    while done < timers:
        for merchant, kind in lanes:
            with database.transaction() as tx:
                driver: Any = tx.conn.connection.driver_connection
                rows = driver.cursor().execute(TAKE[tx.dialect], (merchant, kind, now, SET)).fetchall()
                if rows:
                    insert(driver.cursor(), tx.dialect, rows)
                done += len(rows)
    return timers / (time.perf_counter() - started)


def ours(database: Database, timers: int, poisoned: int) -> float:
    clock = SystemClock()
    job = TimerJob(database, dict.fromkeys(KINDS, handler))
    started = time.perf_counter()
    while job.run_once(clock.now()):
        pass
    taken = time.perf_counter() - started
    with database.reading() as tx:
        effects = tx.conn.exec_driver_sql("SELECT count(*) FROM bench_effect").scalar_one()
        kept = tx.conn.exec_driver_sql(
            "SELECT count(*) FROM runtime_timer WHERE error_code = 'internal'"
        ).scalar_one()
    assert (effects, kept) == (timers - poisoned, poisoned), (effects, kept, poisoned)
    return timers / taken


def measure(database: Database, timers: int) -> tuple[float, float]:
    migrate(database)
    sqlite = database.dialect == "sqlite"
    with database.transaction() as tx:
        literal = f"x'{POISON.hex()}'" if sqlite else f"'\\x{POISON.hex()}'::bytea"
        number = "INTEGER" if sqlite else "BIGSERIAL"
        tx.conn.exec_driver_sql(
            EFFECT.format(bytes="BLOB" if sqlite else "BYTEA", poison=literal, number=number)
        )
    fill(database, timers, poison=False)
    bare = yardstick(database, timers)
    empty(database)
    poisoned = fill(database, timers, poison=True)
    return ours(database, timers, poisoned), bare


@contextmanager
def databases() -> Iterator[Iterator[Database]]:
    with (
        tempfile.TemporaryDirectory(prefix="guanxi-bench-") as folder,
        postgres.server(settings=postgres.DURABLE) as server,
        server.database() as url,
    ):
        opened = [
            Database.of(Home.create(Path(folder) / "sqlite")),
            Database.of(Home.create(Path(folder) / "postgresql", database=url.replace("+psycopg", ""))),
        ]
        try:
            yield iter(opened)
        finally:
            for database in opened:
                database.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 timers instead of a million")
    timers = 100_000 if parser.parse_args().quick else 1_000_000
    level: logging._Level = 40
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    found: list[tuple[float, float]] = []
    with databases() as opened:
        for database in opened:
            value, bare = measure(database, timers)
            report(f"timers_{database.dialect}", value, bare, BAR, value >= BAR, unit="firings/s")
            found.append((value, bare))
    value, bare = min(found)
    return 0 if report("timers", value, bare, BAR, value >= BAR, unit="firings/s") else 1


if __name__ == "__main__":
    sys.exit(main())
