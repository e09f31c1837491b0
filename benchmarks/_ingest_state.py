"""What a shop that has been busy for eight days has stored: 20 M events with their ids, a million members, daily buckets.

Made directly, not through the product, because only its being there matters, and kept in the system's folder for
temporary files. Every event is in the lake and its id among those remembered; members have a user id, a device and a
phone with their keys, links and holdings; every member has two buckets on each of the days.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from benchmarks._ingest_messages import device, phone, user
from guanxi.access import KeyDraft, KeyKind, Permission, system_actor
from guanxi.access.service import Access
from guanxi.customers.events.model import Seen
from guanxi.customers.events.service import fragment
from guanxi.customers.identity.kinds import Rejection, identify
from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY
from guanxi.customers.projection.jobs import READER, masked
from guanxi.kernel.clock import DAY, HOUR, SystemClock
from guanxi.storage.database import Database
from guanxi.storage.events.lake_rows import SCHEMA
from guanxi.storage.home import Home
from guanxi.storage.merchants import Merchant, add_merchant
from guanxi.storage.migrate import migrate
from guanxi.storage.vault import Sealer, Vault

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOP = "shop"
DAYS = 8
SERIES = (("page", "", "", ""), ("product.viewed", "", "", ""))
ZONE = 8 * HOUR
PAYLOAD = (
    '{"properties":{"path":"/item/p012345","title":"商品 p012345 - 小店官方旗舰店","search":"","referrer":'
    '"https://shop.example/list"},"name":"item","context":{"campaign":{"name":"双11会场","source":"douyin"},"locale":'
    '"zh-CN","library":{"name":"analytics.js","version":"npm:next-1.77.0"},"page":{"path":"/item/p0%05d"}}}'
)
TABLES = {
    "customer_identity": "merchant_id, fragment, type, scope, mask, sealed, first_seen",
    "storage_person_key": "merchant_id, fragment, wrapped",
    "customer_link": "merchant_id, a, b, kind, slot, seen_at, event_id",
    "customer_member": "merchant_id, member, known, first_seen",
    "customer_holding": "merchant_id, fragment, from_day, until_day, member",
}

Rows = Iterable[tuple[Any, ...]]


def say(what: str, begun: float) -> None:
    print(f"  stored state: {what} ({time.perf_counter() - begun:.0f} s)", flush=True)


def key_of(home: Home, database: Database) -> str:
    """Make the shop's write key; returns its text."""
    draft = KeyDraft(KeyKind.WRITE, "bench", frozenset({Permission.EVENTS_WRITE}), "shop-web", "web")
    access = Access.of(database, Vault(home.master_key))
    with database.transaction() as tx:
        _, text = access.keys.create(tx, SHOP, draft, by=system_actor("bench"), now=SystemClock().now())
    return text


def made(folder: Path, events: int, members: int) -> Path:
    """Return a SQLite home with the stored state, made now or at an earlier run of the same day."""
    today = SystemClock().now() // DAY
    home = folder / f"guanxi-bench-ingest-{events}-{members}-{today}"
    if not (home / "complete").exists():
        for old in folder.glob("guanxi-bench-ingest-*"):
            shutil.rmtree(old)
        _make(home, events, members, today)
        (home / "complete").touch()
    return home


def _make(path: Path, events: int, members: int, today: int) -> None:
    begun = time.perf_counter()
    home = Home.create(path)
    database = Database.of(home)
    migrate(database)
    with database.transaction() as tx:
        add_merchant(tx, Merchant(SHOP, "小店", "Asia/Shanghai", "CNY", "", 1))
    database.dispose()
    main, tail = (sqlite3.connect(path / name) for name in ("guanxi.db", "tail.db"))
    for store in (main, tail):
        store.execute("PRAGMA synchronous=OFF")
        store.execute("PRAGMA cache_size=-2000000")
    first = (today - DAYS) * DAY
    people = People(Vault(home.master_key), members, first)
    for table, columns in TABLES.items():
        rows = sorted(getattr(people, table)(), key=lambda row: row[:5])
        marks = ", ".join("?" * len(columns.split(", ")))
        main.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
        say(f"{len(rows):,} rows of {table}", begun)
    main.executemany(
        "INSERT INTO customer_series (merchant_id, series, type, measure, dimension, value) VALUES (?, ?, ?, ?, ?, ?)",
        [(SHOP, number, *series) for number, series in enumerate(SERIES, 1)],
    )
    for day in range(today - DAYS, today + 1):
        main.executemany(
            "INSERT INTO customer_bucket VALUES (?, ?, ?, ?, 3, 0, 0, 0, ?, ?)",
            (
                (SHOP, day, who, series, day * DAY, day * DAY + HOUR)
                for who in sorted(people.users.tolist())
                for series in (1, 2)
            ),
        )
    say("daily buckets", begun)
    main.execute("INSERT INTO event_reader VALUES (?, ?, 0, ?, 0)", (SHOP, READER, events))
    tail.execute("INSERT INTO event_head VALUES (?, ?)", (SHOP, events))
    tail.execute("INSERT INTO event_handover VALUES (?, 1, 0, ?)", (SHOP, events))
    chance = np.random.default_rng(11)
    each = events // DAYS
    lake = DeltaTable.create(str(home.lake(SHOP)), SCHEMA, partition_by=["month"])
    for number, day in enumerate(range(today - DAYS, today)):
        ids = chance.integers(0, 256, (each, 16), dtype=np.uint8)
        ids = ids[np.lexsort(ids.T[::-1])]
        for part, start in enumerate(range(0, each, 100_000)):
            blob = ids[start : start + 100_000].tobytes()
            tail.execute("INSERT INTO event_seen_run VALUES (?, ?, ?, ?)", (SHOP, day, part, blob))
        last = number == DAYS - 1
        mark = CommitProperties(app_transactions=[Transaction("handover", 1)] if last else None)
        rows = _events(ids, day, number * each + 1, people, chance)
        write_deltalake(lake, rows, mode="append", commit_properties=mark)
    say(f"{each * DAYS:,} events in the lake", begun)
    for store in (main, tail):
        store.commit()
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()


class People:
    """A million members: fragments, and the rows about them."""

    def __init__(self, vault: Vault, members: int, first_seen: int) -> None:
        self._wrap = vault.sealer("wrap", SHOP)
        self._first = first_seen
        key = vault.lookup_key(SHOP)
        self._seen: list[tuple[int, Seen]] = []
        for number in range(members):
            for kind, scope, shown in (
                ("user_id", "shop-web", user(number)),
                ("anonymous_id", "shop-web", device(number)),
                ("phone", "", phone(number)),
            ):
                known = identify(kind, scope, shown)
                assert not isinstance(known, Rejection), shown
                seen = Seen(*known, shown)
                self._seen.append((fragment(key, seen), seen))
        self._keys = [os.urandom(32) for _ in self._seen]
        every = np.array([number for number, _ in self._seen], dtype=np.int64)
        self.users, self.devices, self.phones = every[0::3], every[1::3], every[2::3]

    def customer_identity(self) -> Rows:
        for (number, seen), key in zip(self._seen, self._keys, strict=True):
            sealed = Sealer(key).seal(seen.shown.encode())
            first = self._first + (seen.type != "user_id")
            yield (SHOP, number, seen.type, seen.scope, masked(seen), sealed, first)

    def storage_person_key(self) -> Rows:
        for (number, _), key in zip(self._seen, self._keys, strict=True):
            yield (SHOP, number, self._wrap.seal(key, number.to_bytes(8, "little", signed=True)))

    def customer_link(self) -> Rows:
        event = "00000000-0000-4000-8000-000000000000"
        for who, web, number in self._together():
            yield (SHOP, min(who, web), max(who, web), "observed", 0, self._first, event)
            for one in (who, web):
                for slot in (0, 1):
                    yield (SHOP, min(one, number), max(one, number), "observed", slot, self._first, event)

    def customer_member(self) -> Rows:
        for who in self.users.tolist():
            yield (SHOP, who, True, self._first)

    def customer_holding(self) -> Rows:
        for together in self._together():
            for one in together:
                yield (SHOP, one, FIRST_DAY, LAST_DAY, together[0])

    def _together(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.users.tolist(), self.devices.tolist(), self.phones.tolist(), strict=True)


def _events(
    ids: NDArray[np.uint8], day: int, first: int, people: People, chance: np.random.Generator
) -> pa.Table:
    count = len(ids)
    who = chance.integers(0, len(people.users), count)
    times = np.sort(day * DAY + chance.integers(0, DAY - ZONE, count))  # so that the local day is the same
    payloads = pa.array([PAYLOAD % number for number in range(1_000)], pa.string())
    fragments = np.empty(2 * count, dtype=np.int64)
    fragments[0::2], fragments[1::2] = people.users[who], people.devices[who]
    offsets = np.arange(0, 16 * count + 1, 16, dtype=np.int32)
    instant = pa.array(times, pa.timestamp("us", tz="UTC"))

    def same(value: object, kind: pa.DataType) -> pa.Array:
        return pa.repeat(pa.scalar(value, kind), count)

    columns = {
        "month": pa.array(np.datetime_as_string(times.astype("datetime64[us]"), unit="M"), pa.string()),
        "epoch": same(0, pa.int64()),
        "number": pa.array(np.arange(first, first + count)),
        "event_id": pa.array(
            map(bytes.hex, (ids[:1000].tobytes()[at : at + 16] for at in range(0, 16000, 16)))
        ).take(pa.array(np.arange(count) % min(count, 1000))),
        "id_hash": pa.Array.from_buffers(
            pa.binary(), count, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(ids.tobytes())]
        ),
        "dedup_day": same(day, pa.int32()).cast(pa.date32()),
        "type": same("page", pa.string()),
        "version": same(1, pa.int64()),
        "time": instant,
        "day": same(day, pa.int32()).cast(pa.date32()),
        "received_at": instant,
        "account": same("shop-web", pa.string()),
        "channel": same("web", pa.string()),
        "subject": pa.array(people.users[who]),
        "fragments": pa.ListArray.from_arrays(
            pa.array(np.arange(0, 2 * count + 1, 2, dtype=np.int32)), pa.array(fragments)
        ),
        "payload": payloads.take(pa.array(chance.integers(0, 1_000, count))),
        "sealed": same(b"", pa.binary()),
    }
    return pa.table([columns[field.name] for field in SCHEMA], schema=SCHEMA)


def copied(stored: Path, path: Path) -> Home:
    """Return a home of its own with the stored state; the lake's files, which nobody changes, are shared."""
    shutil.copytree(stored / "lake", path / "lake", copy_function=os.link)
    for name in ("guanxi.db", "tail.db", "secret.key", "guanxi.toml"):
        shutil.copy(stored / name, path / name)
    return Home.open(path)


def copied_to_postgresql(stored: Path, path: Path, url: str) -> Home:
    """Return a home whose database is PostgreSQL, with the stored state."""
    shutil.copytree(stored / "lake", path / "lake", copy_function=os.link)
    shutil.copy(stored / "secret.key", path)
    home = Home.create(path, database=url.replace("+psycopg", ""))
    database = Database.of(home)
    migrate(database)
    database.dispose()
    begun = time.perf_counter()
    main, tail = (sqlite3.connect(stored / name) for name in ("guanxi.db", "tail.db"))
    with psycopg.connect(url.replace("+psycopg", "")) as to:
        to.execute("SET synchronous_commit = off")
        for table in ("storage_merchant", "customer_series", "event_reader", *TABLES, "customer_bucket"):
            _copy(main, to, table)
            say(f"copied {table}", begun)
        _copy(tail, to, "event_handover")
        ids = ("merchant_id", "dedup_day", "id_hash")
        with to.cursor().copy(f"COPY event_seen ({', '.join(ids)}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for day, blob in tail.execute(
                "SELECT dedup_day, ids FROM event_seen_run ORDER BY merchant_id, dedup_day, n"
            ):
                copy.write(_seen(day, blob))
            copy.write(b"\xff\xff")
        to.commit()
        say("copied ids", begun)
        to.autocommit = True
        to.execute("VACUUM ANALYZE")
        to.execute("CHECKPOINT")
    return home


def _copy(source: sqlite3.Connection, to: psycopg.Connection[Any], table: str) -> None:
    columns = [(row[1], row[2]) for row in source.execute(f"PRAGMA table_info({table})")]
    names = ", ".join(name for name, _ in columns)
    kinds = [_postgres_type(kind) for _, kind in columns]
    with to.cursor().copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(kinds)
        write: Callable[[Any], None] = copy.write_row
        flags = [index for index, kind in enumerate(kinds) if kind == "bool"]
        for row in source.execute(f"SELECT {names} FROM {table}"):
            write(
                [bool(value) if index in flags else value for index, value in enumerate(row)]
                if flags
                else row
            )


def _postgres_type(kind: str) -> str:
    return {"INTEGER": "int8", "BLOB": "bytea", "BOOLEAN": "bool"}.get(kind, "text")


def _seen(day: int, blob: bytes) -> bytes:
    """Return ids as rows of a binary COPY: a field is its length and its bytes."""
    shape = [
        ("n", ">i2"),
        ("l1", ">i4"),
        ("m", f"S{len(SHOP)}"),
        ("l2", ">i4"),
        ("d", ">i8"),
        ("l3", ">i4"),
        ("h", "V16"),
    ]
    rows = np.zeros(len(blob) // 16, dtype=shape)
    rows["n"], rows["l1"], rows["m"], rows["l2"], rows["d"], rows["l3"] = (
        3,
        len(SHOP),
        SHOP.encode(),
        8,
        day,
        16,
    )
    rows["h"] = np.frombuffer(blob, dtype="V16")
    return rows.tobytes()
