"""Long work: what was asked for, how far it is and what came of it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXTS = (
    "title_zh", "title_en", "asker_kind", "asker_name", "address", "request_id", "permission", "arguments", "memo",
    "link", "topic", "outcome", "error_code", "error_zh", "error_en",
)  # fmt: skip
_NUMBERS = ("asked_at", "started_at", "ended_at", "next_at", "attempts", "done", "whole", "told")


def upgrade() -> None:
    op.create_table(
        "runtime_work",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("asker", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(32), nullable=False),
        sa.Column("unit", sa.String(16), nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in _TEXTS),
        *(sa.Column(name, _BIG, nullable=False) for name in _NUMBERS),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_runtime_work")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_runtime_work_merchant_id_state_kind_next_at"),
        "runtime_work",
        ["merchant_id", "state", "kind", "next_at"],
    )
    op.create_index(op.f("ix_runtime_work_merchant_id_asked_at"), "runtime_work", ["merchant_id", "asked_at"])
