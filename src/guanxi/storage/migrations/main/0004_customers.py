"""Who customers are, what they said and did, day by day."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What decides between two values of one instant is compared letter by letter.
_CODE = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "customer_account",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("platform", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "account", name=op.f("pk_customer_account")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "customer_attribute",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("fragment", _BIG, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("personal", sa.Boolean, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("time", _BIG, nullable=False),
        sa.Column("event_id", _CODE, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "fragment", "name", name=op.f("pk_customer_attribute")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "customer_bucket",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("day", _BIG, nullable=False),
        sa.Column("fragment", _BIG, nullable=False),
        sa.Column("series", _BIG, nullable=False),
        sa.Column("n", _BIG, nullable=False),
        sa.Column("total", _BIG, nullable=False),
        sa.Column("low", _BIG, nullable=False),
        sa.Column("high", _BIG, nullable=False),
        sa.Column("first_at", _BIG, nullable=False),
        sa.Column("last_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "day", "fragment", "series", name=op.f("pk_customer_bucket")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "customer_consent",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("fragment", _BIG, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("given", sa.Boolean, nullable=False),
        sa.Column("time", _BIG, nullable=False),
        sa.Column("event_id", _CODE, nullable=False),
        sa.Column("evidence", sa.String, nullable=False),
        sa.PrimaryKeyConstraint(
            "merchant_id", "fragment", "purpose", "channel", name=op.f("pk_customer_consent")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "customer_erasure",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("erasure_id", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("plan", sa.LargeBinary, nullable=False),
        sa.Column("tombstone", _BIG, nullable=False),
        sa.Column("upto_epoch", _BIG, nullable=False),
        sa.Column("upto_number", _BIG, nullable=False),
        sa.Column("asked_at", _BIG, nullable=False),
        sa.Column("asked_by", sa.String, nullable=False),
        sa.Column("done_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "erasure_id", name=op.f("pk_customer_erasure")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "customer_event_type",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("version", _BIG, nullable=False),
        sa.Column("spec", sa.String, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "name", "version", name=op.f("pk_customer_event_type")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "customer_holding",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("fragment", _BIG, nullable=False),
        sa.Column("from_day", _BIG, nullable=False),
        sa.Column("until_day", _BIG, nullable=False),
        sa.Column("member", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "fragment", "from_day", name=op.f("pk_customer_holding")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_customer_holding_member", "customer_holding", ["merchant_id", "member"], unique=False)
    op.create_table(
        "customer_identity",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("fragment", _BIG, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("mask", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("first_seen", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "fragment", name=op.f("pk_customer_identity")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "customer_link",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("a", _BIG, nullable=False),
        sa.Column("b", _BIG, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("slot", _BIG, nullable=False),
        sa.Column("seen_at", _BIG, nullable=False),
        sa.Column("event_id", _CODE, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "a", "b", "kind", "slot", name=op.f("pk_customer_link")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_customer_link_b", "customer_link", ["merchant_id", "b"], unique=False)
    op.create_table(
        "customer_member",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("member", _BIG, nullable=False),
        sa.Column("known", sa.Boolean, nullable=False),
        sa.Column("first_seen", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "member", name=op.f("pk_customer_member")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_customer_member_first_seen",
        "customer_member",
        ["merchant_id", "known", "first_seen", "member"],
        unique=False,
    )
    op.create_table(
        "customer_refusal",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("a", _BIG, nullable=False),
        sa.Column("b", _BIG, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("params", sa.String, nullable=False),
        sa.Column("seen_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "a", "b", name=op.f("pk_customer_refusal")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_customer_refusal_b", "customer_refusal", ["merchant_id", "b"], unique=False)
    op.create_table(
        "customer_series",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("series", _BIG, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("measure", sa.String, nullable=False),
        sa.Column("dimension", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "series", name=op.f("pk_customer_series")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_customer_series_name",
        "customer_series",
        ["merchant_id", "type", "measure", "dimension", "value"],
        unique=True,
    )
    op.create_table(
        "customer_token",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("token", _BIG, nullable=False),
        sa.Column("fragment", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "token", "fragment", name=op.f("pk_customer_token")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_customer_token_fragment", "customer_token", ["merchant_id", "fragment"], unique=False)
    op.create_table(
        "customer_verdict",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("a", _BIG, nullable=False),
        sa.Column("b", _BIG, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("decided_at", _BIG, nullable=False),
        sa.Column("decided_by", _CODE, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "a", "b", name=op.f("pk_customer_verdict")),
        sqlite_with_rowid=False,
    )
