"""Tables of timers, outbox, long work and the worker's jobs.

``next_at`` is the instant (µs) at which something happens to a row next: a timer is fired or tried again, a message is
sent, its lease runs out, or its memory is pruned. A key or index led by merchant, state and kind serves every
question that is asked again and again.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, PrimaryKeyConstraint, String, Table

from guanxi.storage.schema import Big, Bytes, Merchant, main

runtime_timer = Table(
    "runtime_timer",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("key", String(255), nullable=False),
    Column("due_at", Big, nullable=False),
    Column("next_at", Big, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Big, nullable=False),
    Column("payload", Bytes, nullable=False),
    Column("failed_at", Big, nullable=False),
    Column("error_code", String, nullable=False),
    Column("error_zh", String, nullable=False),
    Column("error_en", String, nullable=False),
    PrimaryKeyConstraint("merchant_id", "state", "kind", "next_at", "key"),
    sqlite_with_rowid=False,
)
"""What waits: pending until it is fired and then gone, or parked with its reason."""

Index(None, runtime_timer.c.merchant_id, runtime_timer.c.kind, runtime_timer.c.key, unique=True).ddl_if(
    dialect="postgresql"
)

runtime_timer_key = Table(
    "runtime_timer_key",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("key", String(255), nullable=False),
    Column("state", String(16), nullable=False),
    Column("next_at", Big, nullable=False),
    PrimaryKeyConstraint("merchant_id", "kind", "key"),
    sqlite_with_rowid=False,
)
"""On SQLite: where in ``runtime_timer`` a key's timer lies, unless it has fired since. Empty on PostgreSQL."""

runtime_outbox = Table(
    "runtime_outbox",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("topic", String(64), nullable=False),
    Column("key", String(255), nullable=False),
    Column("created_at", Big, nullable=False),
    Column("next_at", Big, nullable=False),
    Column("state", String(16), nullable=False),
    Column("holder", String(32), nullable=False),
    Column("attempts", Big, nullable=False),
    Column("digest", Bytes, nullable=False),
    Column("payload", Bytes, nullable=False),
    Column("failed_at", Big, nullable=False),
    Column("error_code", String, nullable=False),
    Column("error_zh", String, nullable=False),
    Column("error_en", String, nullable=False),
    PrimaryKeyConstraint("merchant_id", "topic", "key"),
    Index(None, "merchant_id", "state", "topic", "next_at"),
    sqlite_with_rowid=False,
)
"""What is to be sent, is being sent, cannot be sent, or was sent lately (then without its payload)."""

runtime_job = Table(
    "runtime_job",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("name", String(64), nullable=False),
    Column("worker", String, nullable=False),
    Column("last_run_at", Big, nullable=False),
    Column("duration", Big, nullable=False),
    Column("done", Big, nullable=False),
    Column("failures", Big, nullable=False),
    Column("lag", Big, nullable=False),
    Column("failed_at", Big, nullable=False),
    Column("error_code", String, nullable=False),
    Column("error_zh", String, nullable=False),
    Column("error_en", String, nullable=False),
    PrimaryKeyConstraint("merchant_id", "name"),
    sqlite_with_rowid=False,
)
"""How each job of the worker fares; merchant ``""`` stands for the whole installation."""

runtime_work = Table(
    "runtime_work",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("id", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("asker", String(64), nullable=False),
    Column("holder", String(32), nullable=False),
    Column("unit", String(16), nullable=False),
    *(
        Column(name, String, nullable=False)
        for name in (
            "title_zh title_en asker_kind asker_name address request_id permission arguments memo link topic outcome"
            " error_code error_zh error_en"
        ).split()
    ),
    *(
        Column(name, Big, nullable=False)
        for name in "asked_at started_at ended_at next_at attempts done whole told".split()
    ),
    PrimaryKeyConstraint("merchant_id", "id"),
    Index(None, "merchant_id", "state", "kind", "next_at"),
    Index(None, "merchant_id", "asked_at"),
    sqlite_with_rowid=False,
)
"""Long work that waits, runs, or has ended lately; the files that it reads and writes lie in the home."""
