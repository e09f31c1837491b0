"""Tables of definitions: every release, every version of every definition, and which of them are live."""

from __future__ import annotations

from sqlalchemy import Column, Index, PrimaryKeyConstraint, String, Table

from guanxi.storage.schema import Big, Code, Merchant, main

release = Table(
    "definition_release",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("release", Big, nullable=False),
    Column("applied_at", Big, nullable=False),
    Column("applied_by", String, nullable=False),
    Column("why", String, nullable=False),
    Column("summary", String, nullable=False),
    PrimaryKeyConstraint("merchant_id", "release"),
    sqlite_with_rowid=False,
    info={
        "note": "What went live together: when, by whom and why; the summary counts actions by kind, as JSON."
    },
)

version = Table(
    "definition_version",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("kind", Code, nullable=False),
    Column("key", Code, nullable=False),
    Column("version", Big, nullable=False),
    Column("release", Big, nullable=False),
    Column("action", String(8), nullable=False),
    Column("text", String, nullable=False),
    PrimaryKeyConstraint("merchant_id", "kind", "key", "version"),
    Index(None, "merchant_id", "release"),
    sqlite_with_rowid=False,
    info={"note": "Every text that a definition ever had; a deletion is a version without text."},
)

live = Table(
    "definition_live",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("kind", Code, nullable=False),
    Column("key", Code, nullable=False),
    Column("version", Big, nullable=False),
    PrimaryKeyConstraint("merchant_id", "kind", "key"),
    sqlite_with_rowid=False,
    info={"note": "The version of each definition that holds now."},
)
