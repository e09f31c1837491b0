"""Merchants, events written beside state, readers' offsets, and the keys of persons."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "storage_merchant",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("timezone", sa.String, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("note", sa.String, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", name="pk_storage_merchant"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_beside",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("number", _BIG, nullable=False),
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
        sa.PrimaryKeyConstraint("merchant_id", "number", name="pk_event_beside"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_reader",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("reader", sa.String, nullable=False),
        sa.Column("epoch", _BIG, nullable=False),
        sa.Column("number", _BIG, nullable=False),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "reader", name="pk_event_reader"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "storage_person_key",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("fragment", _BIG, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "fragment", name="pk_storage_person_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "storage_setting",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "name", name="pk_storage_setting"),
        sqlite_with_rowid=False,
    )
