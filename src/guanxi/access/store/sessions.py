"""Sessions and counted attempts to sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, or_, select, text, update

from guanxi.access.model import Session
from guanxi.access.schema import access_attempt, access_session

if TYPE_CHECKING:
    from typing import Any

    from guanxi.access.decide import Throttle
    from guanxi.storage.database import Transaction

_s = access_session.c
_a = access_attempt.c
_COLUMNS = (_s.session_id, _s.person_id, _s.merchant_id, _s.address, _s.created_at, _s.seen_at, _s.expires_at)

# One statement, so that attempts made at the same moment each count. The CASE is max(), which the two databases
# call by different names.
_TAKE = text(
    "INSERT INTO access_attempt (subject, tat) VALUES (:subject, :now + :interval)"
    " ON CONFLICT (subject) DO UPDATE"
    " SET tat = CASE WHEN access_attempt.tat > :now THEN access_attempt.tat ELSE :now END + :interval"
    " WHERE access_attempt.tat + :interval <= :now + :span"
    " RETURNING tat"
)


def take_attempt(tx: Transaction, subject: bytes, throttle: Throttle, now: int) -> bool:
    """Count one attempt if it is within the throttle; say whether it was."""
    values = {
        "subject": subject,
        "now": now,
        "interval": throttle.interval,
        "span": throttle.burst * throttle.interval,
    }
    return tx.conn.execute(_TAKE, values).first() is not None


def attempts(tx: Transaction, subject: bytes) -> int:
    """Return the stored theoretical arrival time of a subject, or 0."""
    return int(tx.conn.execute(select(_a.tat).where(_a.subject == subject)).scalar() or 0)


def give_back(tx: Transaction, subject: bytes, by: int) -> None:
    """Take one attempt of ``by`` µs off a subject's count."""
    tx.conn.execute(update(access_attempt).where(_a.subject == subject).values(tat=_a.tat - by))


def forget_attempts(tx: Transaction, subject: bytes) -> None:
    """Begin counting a subject's attempts anew."""
    tx.conn.execute(delete(access_attempt).where(_a.subject == subject))


def _session(row: Any) -> Session:
    return Session(*row)


def add(tx: Transaction, token_hash: bytes, session: Session) -> None:
    """Store a session under its token's hash."""
    tx.conn.execute(
        insert(access_session).values(
            token_hash=token_hash,
            session_id=session.session_id,
            person_id=session.person_id,
            merchant_id=session.merchant_id,
            address=session.address,
            created_at=session.created_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
        )
    )


def by_token(tx: Transaction, token_hash: bytes) -> Session | None:
    """Return the session of a token's hash, whether alive or not."""
    row = tx.conn.execute(select(*_COLUMNS).where(_s.token_hash == token_hash)).one_or_none()
    return None if row is None else _session(row)


def of_person(tx: Transaction, person_id: str) -> list[Session]:
    """Return a person's sessions, newest first, whether alive or not."""
    query = select(*_COLUMNS).where(_s.person_id == person_id).order_by(_s.created_at.desc(), _s.session_id)
    return [_session(row) for row in tx.conn.execute(query)]


def touch(tx: Transaction, session_id: str, person_id: str, now: int) -> None:
    """Record that a session was seen."""
    tx.conn.execute(
        update(access_session)
        .where(_s.person_id == person_id, _s.session_id == session_id, _s.seen_at < now)
        .values(seen_at=now)
    )


def move(tx: Transaction, token_hash: bytes, merchant_id: str) -> None:
    """Let a session look at another merchant."""
    tx.conn.execute(update(access_session).where(_s.token_hash == token_hash).values(merchant_id=merchant_id))


def remove(tx: Transaction, token_hash: bytes) -> None:
    """End the session of a token's hash."""
    tx.conn.execute(delete(access_session).where(_s.token_hash == token_hash))


def remove_one(tx: Transaction, person_id: str, session_id: str) -> bool:
    """End one session of a person; say whether there was one."""
    gone = tx.conn.execute(
        delete(access_session)
        .where(_s.person_id == person_id, _s.session_id == session_id)
        .returning(_s.session_id)
    )
    return gone.first() is not None


def remove_all(tx: Transaction, person_id: str, keep: bytes | None = None) -> None:
    """End every session of a person, but for the one whose token's hash is ``keep``."""
    query = delete(access_session).where(_s.person_id == person_id)
    tx.conn.execute(query if keep is None else query.where(_s.token_hash != keep))


def prune(tx: Transaction, now: int, idle_before: int) -> None:
    """Delete sessions that are over and attempts that no longer count."""
    tx.conn.execute(delete(access_session).where(or_(_s.expires_at <= now, _s.seen_at <= idle_before)))
    tx.conn.execute(delete(access_attempt).where(_a.tat <= now))
