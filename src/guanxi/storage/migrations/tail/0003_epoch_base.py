"""What is added to a PostgreSQL server's transaction ids to make epochs."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for name, volatility, body in (
        ("event_epoch_base", "IMMUTABLE", "0::bigint"),
        ("event_epoch", "STABLE", "pg_current_xact_id()::text::bigint + event_epoch_base()"),
        (
            "event_fence",
            "STABLE",
            "pg_snapshot_xmin(pg_current_snapshot())::text::bigint + event_epoch_base()",
        ),
    ):
        op.execute(f"CREATE FUNCTION {name}() RETURNS bigint LANGUAGE sql {volatility} RETURN {body}")
    op.execute("ALTER TABLE event_tail ALTER COLUMN epoch SET DEFAULT event_epoch()")
