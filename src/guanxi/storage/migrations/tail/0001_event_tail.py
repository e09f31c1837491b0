"""The hot event tail."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    epoch_default = sa.text("(pg_current_xact_id()::text::bigint)") if postgresql else sa.text("0")
    op.create_table(
        "event_tail",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("epoch", _BIG, nullable=False, server_default=epoch_default),
        sa.Column("number", _BIG, *([sa.Identity()] if postgresql else []), nullable=False),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("id_hash", sa.LargeBinary, nullable=False),
        sa.Column("dedup_day", _BIG, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("version", _BIG, nullable=False),
        sa.Column("time", _BIG, nullable=False),
        sa.Column("day", _BIG, nullable=False),
        sa.Column("received_at", _BIG, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("subject", _BIG, nullable=False),
        sa.Column("fragments", sa.LargeBinary, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "epoch", "number", name="pk_event_tail"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_seen",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("dedup_day", _BIG, nullable=False),
        sa.Column("id_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "dedup_day", "id_hash", name="pk_event_seen"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_head",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("number", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", name="pk_event_head"),
        sqlite_with_rowid=False,
    )
    for name in ("event_handover", "event_handover_plan"):
        op.create_table(
            name,
            sa.Column("merchant_id", sa.String(32), nullable=False),
            sa.Column("n", _BIG, nullable=False),
            sa.Column("upto_epoch", _BIG, nullable=False),
            sa.Column("upto_number", _BIG, nullable=False),
            sa.PrimaryKeyConstraint("merchant_id", name=f"pk_{name}"),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "event_dead_letter",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("letter_id", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("received_at", _BIG, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("reason_zh", sa.String, nullable=False),
        sa.Column("reason_en", sa.String, nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("times", _BIG, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("settled_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "letter_id", name="pk_event_dead_letter"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_event_dead_letter_state", "event_dead_letter", ["merchant_id", "state", "received_at"]
    )
