"""Definitions: releases, versions, and what is live."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CODE = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "definition_release",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("release", _BIG, nullable=False),
        sa.Column("applied_at", _BIG, nullable=False),
        sa.Column("applied_by", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("summary", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "release", name=op.f("pk_definition_release")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "definition_version",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("kind", _CODE, nullable=False),
        sa.Column("key", _CODE, nullable=False),
        sa.Column("version", _BIG, nullable=False),
        sa.Column("release", _BIG, nullable=False),
        sa.Column("action", sa.String(8), nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "kind", "key", "version", name=op.f("pk_definition_version")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_definition_version_merchant_id_release"),
        "definition_version",
        ["merchant_id", "release"],
        unique=False,
    )
    op.create_table(
        "definition_live",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("kind", _CODE, nullable=False),
        sa.Column("key", _CODE, nullable=False),
        sa.Column("version", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "kind", "key", name=op.f("pk_definition_live")),
        sqlite_with_rowid=False,
    )
