"""Tables of the event log."""

from __future__ import annotations

from sqlalchemy import Column, Index, PrimaryKeyConstraint, String, Table, text

from guanxi.storage.schema import Big, Bytes, Merchant, main, tail


def _event_columns() -> list[Column]:  # type: ignore[type-arg]
    return [
        Column("event_id", String, nullable=False),
        Column("id_hash", Bytes, nullable=False),
        Column("dedup_day", Big, nullable=False),
        Column("type", String, nullable=False),
        Column("version", Big, nullable=False),
        Column("time", Big, nullable=False),
        Column("day", Big, nullable=False),
        Column("received_at", Big, nullable=False),
        Column("account", String, nullable=False),
        Column("channel", String, nullable=False),
        Column("subject", Big, nullable=False),
        Column("fragments", Bytes, nullable=False),
        Column("payload", Bytes, nullable=False),
        Column("sealed", Bytes, nullable=False),
    ]


event_tail = Table(
    "event_tail",
    tail,
    Column("merchant_id", Merchant, nullable=False),
    Column("epoch", Big, nullable=False, server_default=text("0")),
    Column("number", Big, nullable=False),
    *_event_columns(),
    PrimaryKeyConstraint("merchant_id", "epoch", "number"),
    sqlite_with_rowid=False,
)
"""Events not yet in the lake."""

event_seen = Table(
    "event_seen",
    tail,
    Column("merchant_id", Merchant, nullable=False),
    Column("dedup_day", Big, nullable=False),
    Column("id_hash", Bytes, nullable=False),
    PrimaryKeyConstraint("merchant_id", "dedup_day", "id_hash"),
    sqlite_with_rowid=False,
)
"""Ids accepted lately, on PostgreSQL; older days are looked up in the lake."""

event_seen_run = Table(
    "event_seen_run",
    tail,
    Column("merchant_id", Merchant, nullable=False),
    Column("dedup_day", Big, nullable=False),
    Column("n", Big, nullable=False),
    Column("ids", Bytes, nullable=False),
    PrimaryKeyConstraint("merchant_id", "dedup_day", "n"),
    sqlite_with_rowid=False,
)
"""Ids of events that hand-over ``n`` moved, on SQLite: 16 bytes each, sorted. See ``ids``."""

event_head = Table(
    "event_head",
    tail,
    Column("merchant_id", Merchant, nullable=False),
    Column("number", Big, nullable=False),
    PrimaryKeyConstraint("merchant_id"),
    sqlite_with_rowid=False,
)
"""The last number given out, on SQLite (PostgreSQL has a sequence)."""

event_handover = Table(
    "event_handover",
    tail,
    Column("merchant_id", Merchant, nullable=False),
    Column("n", Big, nullable=False),
    Column("upto_epoch", Big, nullable=False),
    Column("upto_number", Big, nullable=False),
    PrimaryKeyConstraint("merchant_id"),
    sqlite_with_rowid=False,
)
"""The watermark: hand-over ``n`` has moved everything up to a position into the lake."""

event_handover_plan = Table(
    "event_handover_plan",
    tail,
    Column("merchant_id", Merchant, nullable=False),
    Column("n", Big, nullable=False),
    Column("upto_epoch", Big, nullable=False),
    Column("upto_number", Big, nullable=False),
    PrimaryKeyConstraint("merchant_id"),
    sqlite_with_rowid=False,
)
"""The hand-over under way, written down before the lake is touched."""

event_beside = Table(
    "event_beside",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("number", Big, nullable=False),
    *_event_columns(),
    PrimaryKeyConstraint("merchant_id", "number"),
    sqlite_with_rowid=False,
)
"""Events that belong to a state change, until they are moved to the tail (SQLite only)."""

event_reader = Table(
    "event_reader",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("reader", String, nullable=False),
    Column("epoch", Big, nullable=False),
    Column("number", Big, nullable=False),
    Column("updated_at", Big, nullable=False),
    PrimaryKeyConstraint("merchant_id", "reader"),
    sqlite_with_rowid=False,
)
"""How far each reader has come; moved in the transaction of the reader's own effect."""

event_dead_letter = Table(
    "event_dead_letter",
    tail,
    Column("merchant_id", Merchant, nullable=False),
    Column("letter_id", Bytes, nullable=False),
    Column("state", String, nullable=False),
    Column("received_at", Big, nullable=False),
    Column("source", String, nullable=False),
    Column("account", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("code", String, nullable=False),
    Column("reason_zh", String, nullable=False),
    Column("reason_en", String, nullable=False),
    Column("path", String, nullable=False),
    Column("times", Big, nullable=False),
    Column("raw", Bytes, nullable=False),
    Column("settled_at", Big, nullable=False),
    PrimaryKeyConstraint("merchant_id", "letter_id"),
    Index("ix_event_dead_letter_state", "merchant_id", "state", "received_at"),
    sqlite_with_rowid=False,
)
"""What came and could not become an event, sealed, with the reason; kept beside the tail, in the same transaction."""
