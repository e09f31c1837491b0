"""SQL of the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from guanxi.runtime.model import Reason, WorkerLost
from guanxi.runtime.outbox.model import (
    DONE,
    LEASED,
    PARKED,
    PENDING,
    SUSPECT,
    Message,
    MessageKey,
    NewMessage,
    ParkedMessage,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.runtime.model import Lane
    from guanxi.storage.database import Transaction

_KEY = "merchant_id = :merchant_id AND topic = :topic AND key = :key"
_MESSAGE = "merchant_id, topic, key, payload, attempts, created_at"
_SOME = "merchant_id = :merchant_id AND state = :state AND topic = :topic AND next_at > :after AND next_at <= :upto"


def put(tx: Transaction, messages: Sequence[NewMessage], now: int) -> list[MessageKey]:
    """Insert messages whose keys are new; return the keys that exist with another payload. Keys must be distinct."""
    insert = text(
        "INSERT INTO runtime_outbox (merchant_id, topic, key, created_at, next_at, state, holder, attempts, digest,"  # noqa: S608
        f" payload, failed_at, error_code, error_zh, error_en) VALUES (:merchant_id, :topic, :key, :now, :due_at,"
        f" '{PENDING}', '', 0, :digest, :payload, 0, '', '', '') ON CONFLICT (merchant_id, topic, key) DO NOTHING"
    )
    existing = text(f"SELECT digest FROM runtime_outbox WHERE {_KEY}")  # noqa: S608
    # In one order everywhere, so that two that put the same messages wait for each other instead of deadlocking.
    rows = [{**message._asdict(), "digest": message.digest, "now": now} for message in sorted(messages)]
    different = []
    if tx.conn.execute(insert, rows).rowcount == len(rows):
        return []
    for row in rows:
        found = tx.conn.execute(existing, row).scalar()
        if found is not None and bytes(found) != row["digest"]:
            different.append(MessageKey(row["merchant_id"], row["topic"], row["key"]))
    return different


def lease(tx: Transaction, lane: Lane, now: int, *, until: int, holder: str, limit: int) -> list[Message]:
    """Lease at most ``limit`` due messages of a lane, the longest due first, until an instant."""
    lock = " FOR UPDATE SKIP LOCKED" if tx.dialect == "postgresql" else ""
    due = f"SELECT {{}} FROM runtime_outbox WHERE {_SOME} ORDER BY next_at LIMIT :limit{lock}"  # noqa: S608
    which = (
        f"ctid = ANY (ARRAY ({due.format('ctid')}))"
        if tx.dialect == "postgresql"
        else f"(merchant_id, topic, key) IN ({due.format('merchant_id, topic, key')})"
    )
    rows = tx.conn.execute(
        text(
            f"UPDATE runtime_outbox SET state = '{LEASED}', holder = :holder, next_at = :until, attempts = attempts + 1"  # noqa: S608
            f" WHERE {which} RETURNING {_MESSAGE}"
        ),
        {**_range(lane, upto=now), "until": until, "holder": holder, "limit": limit},
    ).fetchall()
    return sorted((_message(row) for row in rows), key=lambda message: (message.created_at, message.key))


def leased(tx: Transaction, lane: Lane, after: int, upto: int, limit: int) -> list[tuple[Message, str]]:
    """Return leases of a lane that end in (``after``, ``upto``], with their holders."""
    rows = tx.conn.execute(
        text(f"SELECT {_MESSAGE}, holder FROM runtime_outbox WHERE {_SOME} ORDER BY next_at LIMIT :limit"),  # noqa: S608
        {**_range(lane, after, upto), "limit": limit},
    )
    return [(_message(row[:6]), row[6]) for row in rows]


def settle(tx: Transaction, holder: str, verdicts: Sequence[Verdict]) -> int:
    """Write what became of messages still leased by ``holder``; return how many were. Done ones lose their payload."""
    statement = text(
        "UPDATE runtime_outbox SET state = :state, holder = '', next_at = :next_at, failed_at = :failed_at,"  # noqa: S608
        " error_code = :code, error_zh = :zh, error_en = :en,"
        " payload = CASE WHEN :sent = 1 THEN :nothing ELSE payload END"
        f" WHERE {_KEY} AND state = '{LEASED}' AND holder = :holder"
    )
    settled = 0
    for verdict in sorted(verdicts, key=lambda verdict: verdict.key):
        settled += tx.conn.execute(
            statement,
            {
                **verdict.key._asdict(),
                "state": verdict.state,
                "next_at": verdict.next_at,
                "failed_at": verdict.failed_at,
                "code": verdict.reason.code,
                "zh": verdict.reason.zh,
                "en": verdict.reason.en,
                "holder": holder,
                "sent": int(verdict.state == DONE),
                "nothing": b"",
            },
        ).rowcount
    return settled


def prune(tx: Transaction, lane: Lane, now: int, limit: int) -> int:
    """Forget at most ``limit`` messages of a lane whose time to be remembered is over; return how many."""
    statement = text(
        "DELETE FROM runtime_outbox WHERE (merchant_id, topic, key) IN ("  # noqa: S608
        f"SELECT merchant_id, topic, key FROM runtime_outbox WHERE {_SOME} ORDER BY next_at LIMIT :limit)"
    )
    return tx.conn.execute(statement, {**_range(lane, upto=now), "limit": limit}).rowcount


def parked(tx: Transaction, merchant_id: str, after: tuple[str, int, str], limit: int) -> list[ParkedMessage]:
    """Return parked messages after a (topic, parked_at, key), in that order."""
    rows = tx.conn.execute(
        text(
            "SELECT merchant_id, topic, key, created_at, next_at, attempts, error_code, error_zh, error_en"  # noqa: S608
            f" FROM runtime_outbox WHERE merchant_id = :merchant_id AND state = '{PARKED}'"
            " AND (topic, next_at, key) > (:topic, :next_at, :key) ORDER BY topic, next_at, key LIMIT :limit"
        ),
        {
            "merchant_id": merchant_id,
            "topic": after[0],
            "next_at": after[1],
            "key": after[2],
            "limit": limit,
        },
    )
    return [_parked(row) for row in rows]


def retry(tx: Transaction, keys: Sequence[MessageKey], now: int) -> int:
    """Make parked messages due at ``now``, alone if workers were lost over them; return how many were parked."""
    statement = text(
        f"UPDATE runtime_outbox SET state = CASE WHEN error_code = '{WorkerLost.code}' THEN '{SUSPECT}'"  # noqa: S608
        f" ELSE '{PENDING}' END, attempts = 0, next_at = :now"
        f" WHERE {_KEY} AND state = '{PARKED}'"
    )
    return sum(
        tx.conn.execute(statement, {**key._asdict(), "now": now}).rowcount for key in sorted(set(keys))
    )


def drop(tx: Transaction, keys: Sequence[MessageKey]) -> int:
    """Delete parked messages; return how many were parked."""
    statement = text(f"DELETE FROM runtime_outbox WHERE {_KEY} AND state = '{PARKED}'")  # noqa: S608
    return sum(tx.conn.execute(statement, key._asdict()).rowcount for key in sorted(set(keys)))


def _range(lane: Lane, after: int = -(1 << 63), upto: int = (1 << 63) - 1) -> dict[str, object]:
    return {
        "merchant_id": lane.merchant_id,
        "state": lane.state,
        "topic": lane.kind,
        "after": after,
        "upto": upto,
    }


def _message(row: Sequence[Any]) -> Message:
    return Message(*row)


def _parked(row: Sequence[Any]) -> ParkedMessage:
    merchant, topic, key, created_at, parked_at, attempts, *reason = row
    return ParkedMessage(MessageKey(merchant, topic, key), created_at, parked_at, attempts, Reason(*reason))
