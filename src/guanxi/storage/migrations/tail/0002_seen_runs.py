"""Sorted ids that hand-overs leave behind, where the tail is SQLite."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "event_seen_run",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("dedup_day", _BIG, nullable=False),
        sa.Column("n", _BIG, nullable=False),
        sa.Column("ids", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "dedup_day", "n", name="pk_event_seen_run"),
        sqlite_with_rowid=False,
    )
