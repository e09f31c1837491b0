"""Keeps positions in order when a PostgreSQL database moves to another server, whose transaction ids begin low again.

An epoch is a transaction id plus a base, and the base is part of the database: function ``event_epoch()`` says where
what is written now stands, ``event_fence()`` below which epoch everything is over. After a restore the base is raised
above every epoch there is; rows of the tail and the lake, offsets and watermarks stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import structlog
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from sqlalchemy import text

from guanxi.storage import schema
from guanxi.storage.merchants import list_merchants

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.events.log import EventLog

_log = structlog.get_logger(__name__)


def are_ahead(tx: Transaction) -> bool:
    """Say whether there are positions at epochs that this server has yet to give out: the database was restored."""
    return tx.dialect == "postgresql" and _last(tx) >= _next(tx)


def mend(database: Database, log: EventLog) -> bool:
    """Raise the base above every epoch there is if positions are ahead; says whether they were.

    What somebody has written since the restore at epochs behind the watermark, where no reader looks, is moved before
    them. Any number of processes may call this at any time; it costs a query of some milliseconds.
    """
    if database.dialect == "sqlite":
        return False
    with database.reading() as tx:
        if not are_ahead(tx):
            return False
    with database.transaction() as tx:
        tx.conn.execute(text("LOCK TABLE event_tail IN SHARE ROW EXCLUSIVE MODE"))
        if not are_ahead(tx):
            return False
        lakes = (_last_in_lake(log.lake(one.merchant_id).path) for one in list_merchants(tx))
        base = max(_last(tx), *lakes, 0) + 1
        tx.conn.execute(
            text(
                "CREATE OR REPLACE FUNCTION event_epoch_base() RETURNS bigint LANGUAGE sql IMMUTABLE"
                f" RETURN {base}::bigint"
            )
        )
        moved = tx.conn.execute(
            text(
                "UPDATE event_tail t SET epoch = event_epoch() FROM event_handover h"
                " WHERE h.merchant_id = t.merchant_id AND (t.epoch, t.number) <= (h.upto_epoch, h.upto_number)"
            )
        ).rowcount
    _log.warning("positions_mended", base=base, moved=moved)
    return True


def _next(tx: Transaction) -> int:
    """Return an epoch that nothing visible to the transaction has reached."""
    query = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint + event_epoch_base()"
    return int(tx.conn.execute(text(query)).scalar_one())


def _last(tx: Transaction) -> int:
    """Return the last epoch that the database speaks of, 0 if it does of none."""
    # One look into the index for each merchant and table, instead of at every row.
    each = ", ".join(
        f"(SELECT max(t.{column}) FROM {table} t WHERE t.merchant_id = m.merchant_id)"  # noqa: S608 - our own names
        for table, column in _columns()
    )
    return int(
        tx.conn.execute(
            text(f"SELECT coalesce(max(greatest({each})), 0) FROM storage_merchant m")  # noqa: S608
        ).scalar_one()
    )


def _columns() -> Iterator[tuple[str, str]]:
    """Yield every column that holds an epoch, whichever capability's: they are known by their names."""
    for metadata in (schema.main, schema.tail):
        for table in metadata.tables.values():
            for column in table.columns:
                if column.name == "epoch" or column.name.endswith("_epoch"):
                    yield table.name, column.name


def _last_in_lake(path: Path) -> int:
    try:
        actions = pa.table(DeltaTable(str(path)).get_add_actions(flatten=True))
    except TableNotFoundError:
        return 0
    return max((epoch for epoch in actions["max.epoch"].to_pylist() if epoch is not None), default=0)
