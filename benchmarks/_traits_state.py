"""A shop with a year behind it: 50 M orders of 2 M members in the lake, every fifth of whom has a second identity.

Made directly, not through the product, and kept in the system's folder for temporary files until the day is over.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

import duckdb
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY
from guanxi.customers.projection.jobs import READER
from guanxi.kernel.clock import DAY, SystemClock
from guanxi.storage.database import Database
from guanxi.storage.events.lake_rows import SCHEMA
from guanxi.storage.home import Home
from guanxi.storage.merchants import Merchant, add_merchant
from guanxi.storage.migrate import migrate

SHOP = "shop"
DAYS = 365
_PART = 2_000_000

_PEOPLE = """
    CREATE TABLE people AS
    SELECT range AS n, hash(range * 2)::UBIGINT::HUGEINT - 9223372036854775808 AS main,
           CASE WHEN range % 5 = 0 THEN hash(range * 2 + 1)::UBIGINT::HUGEINT - 9223372036854775808 END AS second
    FROM range($members)
"""
_EVENTS = """
    SELECT strftime(moment, '%Y-%m') AS month, 0::BIGINT AS epoch, number, 'e' || number AS event_id,
           unhex(md5('e' || number)) AS id_hash, moment::DATE AS dedup_day, 'order.paid' AS type, 2::BIGINT AS version,
           timezone('UTC', moment) AS time, moment::DATE AS day, timezone('UTC', moment) AS received_at,
           'shop-web' AS account, channel, who AS subject, [who] AS fragments,
           '{"properties":{"order_id":"o-' || number || '","amount":' || amount || ',"discount":' || amount // 10
           || ',"line_count":' || number % 7 + 1 || '}}' AS payload, ''::BLOB AS sealed
    FROM (
        SELECT number, make_timestamp(($first + number * $span // $events) * 1000) AS moment,
               ['web', 'douyin', 'wechat'][number % 3 + 1] AS channel, 500 + hash(number) % 40000 AS amount,
               CASE WHEN hash(number + 7) % 3 = 0 THEN coalesce(second, main) ELSE main END::BIGINT AS who
        FROM (SELECT range AS number, (pow((hash(range * 3 + 1) % 1000003) / 1000003.0, 2) * $members)::BIGINT AS n
              FROM range($low, $high))
        JOIN people USING (n)
    )
"""


def say(what: str, begun: float) -> None:
    print(f"  stored state: {what} ({time.perf_counter() - begun:.0f} s)", flush=True)


def made(folder: Path, events: int, members: int) -> Path:
    """Return a SQLite home with the stored state, made now or at an earlier run of the same day."""
    today = SystemClock().now() // DAY
    path = folder / f"guanxi-bench-traits-{events}-{members}-{today}"
    if not (path / "complete").exists():
        for old in folder.glob("guanxi-bench-traits-*"):
            shutil.rmtree(old)
        _make(path, events, members, today)
        (path / "complete").touch()
    return path


def _make(path: Path, events: int, members: int, today: int) -> None:
    begun = time.perf_counter()
    home = Home.create(path)
    database = Database.of(home)
    migrate(database)
    with database.transaction() as tx:
        add_merchant(tx, Merchant(SHOP, "小店", "UTC", "CNY", "", 1))
    database.dispose()
    con = duckdb.connect()
    con.execute("SET memory_limit = '4GB'")
    con.execute(_PEOPLE, {"members": members})
    _save_people(home, con, (today - DAYS) * DAY)
    say(f"{members:,} members", begun)
    DeltaTable.create(str(home.lake(SHOP)), SCHEMA, partition_by=["month"])
    append(home, con, events, members, (0, events), (today - DAYS, DAYS), 1)
    say(f"{events:,} events in the lake", begun)
    lake = DeltaTable(str(home.lake(SHOP)))
    lake.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    con.close()


def people_of(con: duckdb.DuckDBPyConnection, members: int) -> None:
    """Make the table of people again, for events to come."""
    con.execute(_PEOPLE, {"members": members})


def append(
    home: Home,
    con: duckdb.DuckDBPyConnection,
    events: int,
    members: int,
    numbers: tuple[int, int],
    days: tuple[int, int],
    handover: int,
) -> None:
    """Append events with the given numbers, spread over days from the first on, as one hand-over."""
    low, high = numbers
    span = days[1] * DAY // 1_000
    for start in range(low, high, _PART):
        end = min(high, start + _PART)
        given = {
            "low": start - low,
            "high": end - low,
            "first": days[0] * DAY // 1_000,
            "span": span - 1_000,
            "events": events,
            "members": members,
        }
        rows = con.execute(
            f"SELECT * REPLACE (number + {low} + 1 AS number) FROM ({_EVENTS})", given
        ).to_arrow_table()
        last = end == high
        mark = CommitProperties(app_transactions=[Transaction("handover", handover)] if last else None)
        write_deltalake(str(home.lake(SHOP)), rows.cast(SCHEMA), mode="append", commit_properties=mark)
    with sqlite3.connect(home.path / "guanxi.db") as main, sqlite3.connect(home.path / "tail.db") as tail:
        main.execute("INSERT OR REPLACE INTO event_reader VALUES (?, ?, 0, ?, 0)", (SHOP, READER, high))
        tail.execute("INSERT OR REPLACE INTO event_head VALUES (?, ?)", (SHOP, high))
        tail.execute("INSERT OR REPLACE INTO event_handover VALUES (?, ?, 0, ?)", (SHOP, handover, high))


def _save_people(home: Home, con: duckdb.DuckDBPyConnection, first_seen: int) -> None:
    main = sqlite3.connect(home.path / "guanxi.db")
    main.execute("PRAGMA synchronous=OFF")
    rows = con.execute("SELECT main::BIGINT, second::BIGINT FROM people ORDER BY main").fetchall()
    main.executemany(
        "INSERT INTO customer_member (merchant_id, member, known, first_seen) VALUES (?, ?, 1, ?)",
        ((SHOP, one, first_seen) for one, _ in rows),
    )
    held = sorted((fragment, one) for one, second in rows if second is not None for fragment in (one, second))
    main.executemany(
        "INSERT INTO customer_holding VALUES (?, ?, ?, ?, ?)",
        ((SHOP, fragment, FIRST_DAY, LAST_DAY, one) for fragment, one in held),
    )
    main.commit()
    main.close()
