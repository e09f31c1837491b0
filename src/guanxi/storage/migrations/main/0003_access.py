"""People, roles, sessions, API keys and the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _people()
    _merchants()
    _key()
    _audit()


def _people() -> None:
    op.create_table(
        "access_person",
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("login", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("password_hash", sa.String, nullable=False),
        sa.Column("disabled", _BIG, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_access_person"),
        sa.UniqueConstraint("login", name="uq_access_person_login"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "access_session",
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("session_id", sa.String, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("seen_at", _BIG, nullable=False),
        sa.Column("expires_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_access_session"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_access_session_person_id", "access_session", ["person_id"])
    op.create_table(
        "access_attempt",
        sa.Column("subject", sa.LargeBinary, nullable=False),
        sa.Column("tat", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_access_attempt"),
        sqlite_with_rowid=False,
    )


def _merchants() -> None:
    op.create_table(
        "access_role",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("name_zh", sa.String, nullable=False),
        sa.Column("name_en", sa.String, nullable=False),
        sa.Column("permissions", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "role", name="pk_access_role"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "access_membership",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("granted_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "person_id", "role", name="pk_access_membership"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_access_membership_person_id", "access_membership", ["person_id"])
    op.create_table(
        "access_idempotency",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("caller_id", sa.String, nullable=False),
        sa.Column("key_hash", sa.LargeBinary, nullable=False),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.String, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "caller_id", "key_hash", name="pk_access_idempotency"),
        sqlite_with_rowid=False,
    )


def _key() -> None:
    op.create_table(
        "access_key",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("hint", sa.String, nullable=False),
        sa.Column("scopes", sa.String, nullable=False),
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("expires_at", _BIG),
        sa.Column("revoked_at", _BIG),
        sa.Column("last_used_at", _BIG),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "key_id", name="pk_access_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("uq_access_key_secret_hash", "access_key", ["secret_hash"], unique=True)
    op.create_index("ix_access_key_created_at", "access_key", ["merchant_id", "created_at", "key_id"])


def _audit() -> None:
    op.create_table(
        "access_audit",
        sa.Column("merchant_id", sa.String(32), nullable=False),
        sa.Column("time", _BIG, nullable=False),
        sa.Column("entry_id", sa.String, nullable=False),
        sa.Column("actor_kind", sa.String(8), nullable=False),
        sa.Column("actor_id", sa.String, nullable=False),
        sa.Column("actor_name", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "time", "entry_id", name="pk_access_audit"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_access_audit_target", "access_audit", ["merchant_id", "target", "time"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION access_audit_stays() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER access_audit_stays BEFORE UPDATE OR DELETE ON access_audit"
            " FOR EACH ROW EXECUTE FUNCTION access_audit_stays()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER access_audit_stays_{verb.lower()} BEFORE {verb} ON access_audit"
            " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )
