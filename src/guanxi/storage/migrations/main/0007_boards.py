"""Wide tables of all members, lists of members, and how large audiences were."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CODE = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def _table(name: str, key: tuple[str, ...], columns: dict[str, Any]) -> None:
    op.create_table(
        name,
        sa.Column("merchant_id", sa.String(32), nullable=False),
        *(sa.Column(column, kind, nullable=False) for column, kind in columns.items()),
        sa.PrimaryKeyConstraint("merchant_id", *key, name=op.f(f"pk_{name}")),
        sqlite_with_rowid=False,
    )


def upgrade() -> None:
    _table(
        "customer_listed", ("audience", "fragment"), {"audience": _CODE, "fragment": _BIG, "added_at": _BIG}
    )
    op.create_index("ix_customer_listed_fragment", "customer_listed", ["merchant_id", "fragment"])
    _table(
        "customer_board",
        ("board",),
        {"board": _BIG, "file": sa.String}
        | dict.fromkeys(("as_of", "release", "epoch", "number", "generation", "members"), _BIG)
        | {"built_at": _BIG, "took": _BIG, "cuts": sa.String, "changes": _BIG, "told": _BIG},
    )
    _table(
        "customer_audience_size",
        ("audience", "board"),
        {"audience": _CODE} | dict.fromkeys(("board", "at", "size", "entered", "left"), _BIG),
    )
