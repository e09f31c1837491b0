"""The yardstick: the same rows by the raw driver, ready made, one connection, as few commits as ours.

What any program must write that takes each event once and has its daily buckets: the event, its id where a second one
is refused by a primary key, and what the event adds to its buckets. Nothing is received, parsed, sealed or looked up.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

import psycopg

from benchmarks._ingest_messages import EVENTS_IN_A_BATCH, bodies
from benchmarks._ingest_state import SHOP
from guanxi.customers.events.model import Source
from guanxi.storage.events.model import COLUMNS, NewEvent, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from guanxi.bootstrap import Product

COMMIT = 400
"""Events a commit: what sixteen connections with fifty each come to when half of them wait and half are on their way."""

SET = 5_000
"""Events a set of bucket rows, as the projection takes them."""

_ADD = (
    "INSERT INTO customer_bucket AS old (merchant_id, day, fragment, series, n, total, low, high, first_at, last_at) {} "
    "ON CONFLICT (merchant_id, day, fragment, series) DO UPDATE SET n = old.n + excluded.n, last_at = excluded.last_at"
)
_KINDS = ("text", "text", "bytea", "int8", "text", *("int8",) * 4, "text", "text", "int8", *("bytea",) * 3)


def rows_of(product: Product, count: int, members: int) -> list[NewEvent]:
    """Return events as they are stored."""
    import msgspec  # noqa: PLC0415

    source = Source("bench", "shop-web", "web")
    made: list[NewEvent] = []
    for body in bodies(members, count // EVENTS_IN_A_BATCH, EVENTS_IN_A_BATCH, 23):
        messages = msgspec.json.decode(body)["batch"]
        made += product.intake.prepare(SHOP, source, messages).events
    return made


def _buckets(events: Sequence[NewEvent]) -> list[tuple[Any, ...]]:
    found: dict[tuple[int, int, int], list[int]] = {}
    for event in events:
        series = 1 + hash(event.type) % 8
        for who in (unpack(event.fragments)[0], 0):
            held = found.setdefault((event.day, who, series), [0, 0, 0, 0, event.time, event.time])
            held[0] += 1
    return sorted((SHOP, *key, *held) for key, held in found.items())


def sqlite(path: Path, events: Sequence[NewEvent], *, ids: bool) -> float:
    """Return events a second; without ``ids`` nothing keeps an event from being stored twice."""
    main, tail = (sqlite3.connect(path / name, isolation_level=None) for name in ("guanxi.db", "tail.db"))
    for store in (main, tail):
        for pragma in ("synchronous=FULL", "cache_size=-131072", "wal_autocheckpoint=4000"):
            store.execute(f"PRAGMA {pragma}")
    if ids and not tail.execute("SELECT 1 FROM event_seen LIMIT 1").fetchone():
        _remember(tail)
    head = tail.execute("SELECT max(number) FROM event_tail").fetchone()[0] or 0
    insert = f"INSERT INTO event_tail (epoch, number, {', '.join(COLUMNS)}) VALUES (0, {', '.join('?' * 16)})"
    values = [tuple(getattr(event, name) for name in COLUMNS) for event in events]
    rows = [(10**9 + head + number, *row) for number, row in enumerate(values)]
    known = [(row[1], row[4], row[3]) for row in rows]
    sets = [_buckets(events[start : start + SET]) for start in range(0, len(events), SET)]
    add = _ADD.format(f"VALUES ({', '.join('?' * 10)})")
    begun = time.perf_counter()
    for start in range(0, len(rows), COMMIT):
        tail.execute("BEGIN IMMEDIATE")
        if ids:
            tail.executemany("INSERT INTO event_seen VALUES (?, ?, ?)", known[start : start + COMMIT])
        tail.executemany(insert, rows[start : start + COMMIT])
        tail.execute("COMMIT")
    for buckets in sets:
        main.execute("BEGIN IMMEDIATE")
        main.executemany(add, buckets)
        main.execute("COMMIT")
    taken = time.perf_counter() - begun
    tail.execute("DELETE FROM event_tail WHERE number >= ?", (10**9,))
    main.close()
    tail.close()
    return len(rows) / taken


def _remember(tail: sqlite3.Connection) -> None:
    """Fill the table of ids, which our own way does without, with those stored."""
    tail.execute("BEGIN")
    for day, blob in tail.execute(
        "SELECT dedup_day, ids FROM event_seen_run ORDER BY dedup_day, n"
    ).fetchall():
        ids = (blob[at : at + 16] for at in range(0, len(blob), 16))
        tail.executemany(
            "INSERT OR IGNORE INTO event_seen VALUES (?, ?, ?)", ((SHOP, day, one) for one in ids)
        )
    tail.execute("COMMIT")
    tail.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def postgresql(url: str, events: Sequence[NewEvent], *, ids: bool) -> float:
    """Return events a second; without ``ids`` nothing keeps an event from being stored twice."""
    values = [tuple(getattr(event, name) for name in COLUMNS) for event in events]
    known = [(row[0], row[3], row[2]) for row in values]
    sets = [_buckets(events[start : start + SET]) for start in range(0, len(events), SET)]
    arrays = ", ".join(f"%s::{kind}[]" for kind in ("text", *("bigint",) * 9))
    add = _ADD.format(f"SELECT * FROM unnest({arrays})")
    claim = "INSERT INTO event_seen SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bytea[]) ON CONFLICT DO NOTHING"
    with psycopg.connect(url.replace("+psycopg", "")) as to:
        begun = time.perf_counter()
        for start in range(0, len(values), COMMIT):
            if ids:
                to.execute(
                    claim, [list(column) for column in zip(*known[start : start + COMMIT], strict=True)]
                )
            with to.cursor().copy(
                f"COPY event_tail ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
            ) as copy:
                copy.set_types(_KINDS)
                for row in values[start : start + COMMIT]:
                    copy.write_row(row)
            to.commit()
        for buckets in sets:
            to.execute(add, [list(column) for column in zip(*buckets, strict=True)])
            to.commit()
        taken = time.perf_counter() - begun
        to.execute("DELETE FROM event_tail WHERE id_hash = ANY(%s)", ([row[2] for row in values],))
        to.commit()
    return len(values) / taken
