"""Events as rows of the lake, and back: its columns, and how they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from guanxi.kernel.clock import day_to_date
from guanxi.storage.events.model import LOGGED_COLUMNS, LoggedEvent, pack

if TYPE_CHECKING:
    from collections.abc import Sequence

_UTC_MICROS = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("month", pa.string(), nullable=False),
        pa.field("epoch", pa.int64(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("id_hash", pa.binary(), nullable=False),
        pa.field("dedup_day", pa.date32(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("time", _UTC_MICROS, nullable=False),
        pa.field("day", pa.date32(), nullable=False),
        pa.field("received_at", _UTC_MICROS, nullable=False),
        pa.field("account", pa.string(), nullable=False),
        pa.field("channel", pa.string(), nullable=False),
        pa.field("subject", pa.int64(), nullable=False),
        pa.field("fragments", pa.list_(pa.int64()), nullable=False),
        pa.field("payload", pa.string(), nullable=False),
        pa.field("sealed", pa.binary(), nullable=False),
    ]
)
"""``sealed`` is encrypted under the key of the person whom ``subject`` stands for."""

_PLAIN = {pa.date32(): pa.int32(), _UTC_MICROS: pa.int64()}
"""What days and instants are as we hold them."""

DAY_NUMBER = "(day - DATE '1970-01-01')::BIGINT"
AS_LOGGED = f"""
    epoch, number, event_id, id_hash, (dedup_day - DATE '1970-01-01')::BIGINT AS dedup_day, type, version,
    epoch_us(time) AS time, {DAY_NUMBER} AS day, epoch_us(received_at) AS received_at,
    account, channel, subject, fragments, payload, sealed
"""
"""The select list whose rows ``logged`` reads."""


def to_arrow(events: Sequence[LoggedEvent], sealed: Sequence[bytes] | None = None) -> pa.Table:
    """Return events as a table of ``SCHEMA``, with ``sealed`` instead of their own personal parts if it is given."""
    rows = map(msgspec.structs.astuple, events)
    given: dict[str, Sequence[Any]] = {}
    if events:
        given.update(zip(LOGGED_COLUMNS, zip(*rows, strict=True), strict=True))
    if sealed is not None:
        given["sealed"] = sealed
    days = given.get("day", ())
    months = {day: f"{day_to_date(day):%Y-%m}" for day in set(days)}
    packed = given.get("fragments", ())
    ends = np.cumsum([0, *map(len, packed)], dtype=np.int64) // 8
    numbers = np.frombuffer(b"".join(packed), dtype="<i8")
    columns: dict[str, pa.Array] = {
        "month": pa.array([months[day] for day in days], pa.string()),
        "fragments": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(numbers)),
        "payload": pa.array(given.get("payload", ()), pa.binary()).cast(pa.string()),
    }
    for field in SCHEMA:
        if field.name not in columns:
            plain = _PLAIN.get(field.type, field.type)
            columns[field.name] = pa.array(given.get(field.name, ()), plain).cast(field.type)
    return pa.table([columns[field.name] for field in SCHEMA], schema=SCHEMA)


def logged(merchant_id: str, row: tuple[object, ...]) -> LoggedEvent:
    """Return the event that a row of ``AS_LOGGED`` is."""
    values = dict(zip((name for name in LOGGED_COLUMNS if name != "merchant_id"), row, strict=True))
    return LoggedEvent(
        merchant_id=merchant_id,
        **{
            **values,
            "id_hash": bytes(values["id_hash"]),  # type: ignore[call-overload]
            "fragments": pack(values["fragments"]),  # type: ignore[arg-type]
            "payload": str(values["payload"]).encode(),
            "sealed": bytes(values["sealed"]),  # type: ignore[call-overload]
        },
    )
