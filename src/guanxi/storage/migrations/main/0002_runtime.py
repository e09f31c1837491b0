"""Timers, the outbox, and how the worker's jobs fare."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "runtime_timer",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("due_at", _BIG, nullable=False),
        sa.Column("next_at", _BIG, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", _BIG, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("failed_at", _BIG, nullable=False),
        sa.Column("error_code", sa.String, nullable=False),
        sa.Column("error_zh", sa.String, nullable=False),
        sa.Column("error_en", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "state", "kind", "next_at", "key", name="pk_runtime_timer"),
        sqlite_with_rowid=False,
    )
    if op.get_context().dialect.name == "postgresql":
        op.create_index(
            "ix_runtime_timer_merchant_id_kind_key",
            "runtime_timer",
            ["merchant_id", "kind", "key"],
            unique=True,
        )
    op.create_table(
        "runtime_timer_key",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("next_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "kind", "key", name="pk_runtime_timer_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "runtime_outbox",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("next_at", _BIG, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("holder", sa.String(32), nullable=False),
        sa.Column("attempts", _BIG, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("failed_at", _BIG, nullable=False),
        sa.Column("error_code", sa.String, nullable=False),
        sa.Column("error_zh", sa.String, nullable=False),
        sa.Column("error_en", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "topic", "key", name="pk_runtime_outbox"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_runtime_outbox_merchant_id_state_topic_next_at",
        "runtime_outbox",
        ["merchant_id", "state", "topic", "next_at"],
    )
    op.create_table(
        "runtime_job",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("worker", sa.String, nullable=False),
        sa.Column("last_run_at", _BIG, nullable=False),
        sa.Column("duration", _BIG, nullable=False),
        sa.Column("done", _BIG, nullable=False),
        sa.Column("failures", _BIG, nullable=False),
        sa.Column("lag", _BIG, nullable=False),
        sa.Column("failed_at", _BIG, nullable=False),
        sa.Column("error_code", sa.String, nullable=False),
        sa.Column("error_zh", sa.String, nullable=False),
        sa.Column("error_en", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "name", name="pk_runtime_job"),
        sqlite_with_rowid=False,
    )
