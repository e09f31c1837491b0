"""SQL shared by timers and outbox (whose turn is it), and the status rows of jobs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, text

from guanxi.runtime.model import DueLane, JobStatus, Lane, Reason
from guanxi.runtime.schema import runtime_job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import TextClause

    from guanxi.storage.database import Transaction

_STATUS = ("merchant_id", "name", "worker", "last_run_at", "duration", "done", "failures", "lag", "failed_at")


@lru_cache(maxsize=8)
def _lanes(table: str, column: str) -> TextClause:
    # A "loose scan": each step asks the index for the next merchant or kind, so that the cost grows with the number
    # of lanes and not with the number of rows.
    statement = f"""
        WITH RECURSIVE merchant (id) AS (
            SELECT min(merchant_id) FROM {table}
            UNION ALL
            SELECT (SELECT min(t.merchant_id) FROM {table} t WHERE t.merchant_id > merchant.id)
            FROM merchant WHERE merchant.id IS NOT NULL
        ), lane (merchant_id, kind) AS (
            SELECT merchant.id, (
                SELECT min(t.{column}) FROM {table} t WHERE t.merchant_id = merchant.id AND t.state = :state
            ) FROM merchant
            UNION ALL
            SELECT lane.merchant_id, (
                SELECT min(t.{column}) FROM {table} t
                WHERE t.merchant_id = lane.merchant_id AND t.state = :state AND t.{column} > lane.kind
            ) FROM lane WHERE lane.kind IS NOT NULL
        )
        SELECT merchant_id, kind, (
            SELECT min(t.next_at) FROM {table} t
            WHERE t.merchant_id = lane.merchant_id AND t.state = :state AND t.{column} = lane.kind
        ), (
            SELECT max(t.next_at) FROM {table} t
            WHERE t.merchant_id = lane.merchant_id AND t.state = :state AND t.{column} = lane.kind
        )
        FROM lane WHERE kind IS NOT NULL ORDER BY merchant_id, kind
    """  # noqa: S608 - names of our own tables and columns
    return text(statement)


def lanes(tx: Transaction, table: str, column: str, state: str) -> list[DueLane]:
    """Return every lane of a table that has rows in ``state``."""
    rows = tx.conn.execute(_lanes(table, column), {"state": state})
    return [
        DueLane(Lane(merchant, state, kind), first, last)
        for merchant, kind, first, last in rows
        # On PostgreSQL the last row of a lane may go while the statement looks for it.
        if first is not None and last is not None
    ]


def count(tx: Transaction, table: str, merchant_id: str) -> dict[str, int]:
    """Return how many of a merchant's rows are in each state."""
    rows = tx.conn.execute(
        text(f"SELECT state, count(*) FROM {table} WHERE merchant_id = :m GROUP BY state"),  # noqa: S608
        {"m": merchant_id},
    )
    return {state: int(number) for state, number in rows}


def save_jobs(tx: Transaction, jobs: Sequence[JobStatus]) -> None:
    """Write status rows; ``done`` is added to what the row says. In one order, so that workers do not deadlock."""
    columns = [column.name for column in runtime_job.columns]
    kept = {"merchant_id", "name", "done"}
    moved = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in kept)
    tx.conn.execute(
        text(
            f"INSERT INTO runtime_job ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)})"  # noqa: S608
            f" ON CONFLICT (merchant_id, name) DO UPDATE SET done = runtime_job.done + excluded.done, {moved}"
        ),
        [
            {
                **{name: getattr(job, name) for name in _STATUS},
                "error_code": job.reason.code,
                "error_zh": job.reason.zh,
                "error_en": job.reason.en,
            }
            for job in sorted(jobs, key=lambda job: (job.merchant_id, job.name))
        ],
    )


def jobs(tx: Transaction, merchant_id: str) -> list[JobStatus]:
    """Return the status rows of a merchant's own jobs and of those that serve everybody."""
    rows = tx.conn.execute(
        select(runtime_job)
        .where(runtime_job.c.merchant_id.in_(bindparam("merchants", expanding=True)))
        .order_by(runtime_job.c.merchant_id, runtime_job.c.name),
        {"merchants": ["", merchant_id]},
    )
    return [_job(row) for row in rows]


def _job(row: Sequence[Any]) -> JobStatus:
    values = dict(zip(_STATUS, row, strict=False))
    return JobStatus(**values, reason=Reason(*row[-3:]))
