"""What lets a till's tablet with fifty thousand links cost no more than one with two."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FIRM = sa.text("kind <> 'observed'")


def upgrade() -> None:
    op.create_table(
        "customer_crowd",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("fragment", _BIG, nullable=False),
        sa.Column("seen", _BIG, nullable=False),
        sa.Column("counted", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "fragment", name=op.f("pk_customer_crowd")),
        sqlite_with_rowid=False,
    )
    for end in ("a", "b"):
        op.create_index(
            f"ix_customer_link_firm_{end}",
            "customer_link",
            ["merchant_id", end],
            unique=False,
            sqlite_where=_FIRM,
            postgresql_where=_FIRM,
        )
