"""Tables of access.

Three of them do not begin with ``merchant_id``, because whose data it is is what they find out: a person may work for
several merchants, a session belongs to a person, and an attempt to sign in comes before anybody is known. The unique
index over key hashes is the same: it finds the merchant.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, PrimaryKeyConstraint, String, Table, UniqueConstraint

from guanxi.storage.schema import Big, Bytes, Merchant, main

access_person = Table(
    "access_person",
    main,
    Column("person_id", String, nullable=False),
    Column("login", String, nullable=False),
    Column("name", String, nullable=False),
    Column("language", String(2), nullable=False),
    Column("password_hash", String, nullable=False),
    Column("disabled", Big, nullable=False),
    Column("created_at", Big, nullable=False),
    PrimaryKeyConstraint("person_id"),
    UniqueConstraint("login"),
    sqlite_with_rowid=False,
)

access_session = Table(
    "access_session",
    main,
    Column("token_hash", Bytes, nullable=False),
    Column("session_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("merchant_id", Merchant, nullable=False),
    Column("address", String, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("seen_at", Big, nullable=False),
    Column("expires_at", Big, nullable=False),
    PrimaryKeyConstraint("token_hash"),
    Index("ix_access_session_person_id", "person_id"),
    sqlite_with_rowid=False,
)

access_attempt = Table(
    "access_attempt",
    main,
    Column("subject", Bytes, nullable=False),
    Column("tat", Big, nullable=False),
    PrimaryKeyConstraint("subject"),
    sqlite_with_rowid=False,
)
"""Attempts to sign in by keyed hash of login or address; ``tat`` is GCRA's theoretical arrival time in µs."""

access_role = Table(
    "access_role",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("role", String(32), nullable=False),
    Column("name_zh", String, nullable=False),
    Column("name_en", String, nullable=False),
    Column("permissions", String, nullable=False),
    PrimaryKeyConstraint("merchant_id", "role"),
    sqlite_with_rowid=False,
)
"""A merchant's own roles; the built-in ones are code, so that they grow with releases."""

access_membership = Table(
    "access_membership",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("person_id", String, nullable=False),
    Column("role", String(32), nullable=False),
    Column("granted_at", Big, nullable=False),
    PrimaryKeyConstraint("merchant_id", "person_id", "role"),
    Index("ix_access_membership_person_id", "person_id"),
    sqlite_with_rowid=False,
)

access_key = Table(
    "access_key",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("key_id", String, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("name", String, nullable=False),
    Column("hint", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("account", String(32), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("expires_at", Big),
    Column("revoked_at", Big),
    Column("last_used_at", Big),
    Column("secret_hash", Bytes, nullable=False),
    PrimaryKeyConstraint("merchant_id", "key_id"),
    Index("uq_access_key_secret_hash", "secret_hash", unique=True),
    Index("ix_access_key_created_at", "merchant_id", "created_at", "key_id"),
    sqlite_with_rowid=False,
)

access_audit = Table(
    "access_audit",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("time", Big, nullable=False),
    Column("entry_id", String, nullable=False),
    Column("actor_kind", String(8), nullable=False),
    Column("actor_id", String, nullable=False),
    Column("actor_name", String, nullable=False),
    Column("action", String, nullable=False),
    Column("target", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("address", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("detail", String, nullable=False),
    PrimaryKeyConstraint("merchant_id", "time", "entry_id"),
    Index("ix_access_audit_target", "merchant_id", "target", "time"),
    sqlite_with_rowid=False,
)
"""Append-only: triggers refuse to change or delete a row."""

access_idempotency = Table(
    "access_idempotency",
    main,
    Column("merchant_id", Merchant, nullable=False),
    Column("caller_id", String, nullable=False),
    Column("key_hash", Bytes, nullable=False),
    Column("request_hash", Bytes, nullable=False),
    Column("answer", String, nullable=False),
    Column("created_at", Big, nullable=False),
    PrimaryKeyConstraint("merchant_id", "caller_id", "key_hash"),
    sqlite_with_rowid=False,
)
"""What was answered to which idempotency key, for a day."""
