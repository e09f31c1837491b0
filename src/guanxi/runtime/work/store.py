"""SQL of long work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, or_, select, update

from guanxi.kernel.text import Text
from guanxi.runtime.model import Reason
from guanxi.runtime.schema import runtime_work as table
from guanxi.runtime.work.model import UNFINISHED, Asker, Outcome, State, Unit, Work

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Select

    from guanxi.runtime.model import Lane
    from guanxi.storage.database import Transaction

_PLAIN = ("asked_at", "started_at", "ended_at", "next_at", "attempts", "done", "whole")
_SAME = ("merchant_id", "id", "kind", "permission", "link", "topic", "holder")


def add(tx: Transaction, work: Work) -> None:
    """Write a new piece of work."""
    tx.conn.execute(table.insert(), _values(work))


def save(tx: Transaction, work: Work) -> None:
    """Write all of a piece of work that was read ``for_change`` in this transaction."""
    values = _values(work)
    tx.conn.execute(update(table).where(_is(work.merchant_id, work.id)).values(values))


def get(tx: Transaction, merchant_id: str, work_id: str, *, for_change: bool = False) -> Work | None:
    """Return a piece of work; ``for_change`` lets nobody else change it until the transaction ends."""
    asked = select(table).where(_is(merchant_id, work_id))
    row = tx.conn.execute(asked.with_for_update() if for_change else asked).mappings().first()
    return _work(row) if row else None


def first(tx: Transaction, lane: Lane, now: int) -> Work | None:
    """Return, for change, what of a lane has had its turn for longest; what somebody else is taking is passed over."""
    asked = (
        select(table)
        .where(
            table.c.merchant_id == lane.merchant_id,
            table.c.state == lane.state,
            table.c.kind == lane.kind,
            table.c.next_at <= now,
        )
        .order_by(table.c.next_at, table.c.id)
        .limit(1)
    )
    row = tx.conn.execute(asked.with_for_update(skip_locked=True)).mappings().first()
    return _work(row) if row else None


def beat(tx: Transaction, work: Work, until: int) -> bool:
    """Write how far a runner has come and lengthen its lease; ``False`` if the work is no longer in its hands."""
    written = (
        update(table)
        .where(_is(work.merchant_id, work.id), table.c.holder == work.holder, table.c.state == State.RUNNING)
        .values(done=work.done, whole=work.whole, unit=work.unit, next_at=until)
    )
    return bool(tx.conn.execute(written).rowcount)


def page(
    tx: Transaction,
    merchant_id: str,
    *,
    permissions: Collection[str] | None,
    before: tuple[int, str] | None,
    limit: int,
) -> list[Work]:
    """Return a merchant's work, the latest asked for first."""
    asked = select(table).where(table.c.merchant_id == merchant_id)
    if permissions is not None:
        asked = asked.where(table.c.permission.in_(sorted(permissions)))
    if before is not None:
        at, work_id = before
        asked = asked.where(or_(table.c.asked_at < at, and_(table.c.asked_at == at, table.c.id < work_id)))
    return _all(tx, asked.order_by(table.c.asked_at.desc(), table.c.id.desc()).limit(limit))


def of_asker(tx: Transaction, merchant_id: str, asker: str, since: int, limit: int) -> list[Work]:
    """Return what somebody asked for since an instant, or has not ended, and was not told; the latest first."""
    asked = select(table).where(
        table.c.merchant_id == merchant_id,
        or_(table.c.asked_at >= since, table.c.state.in_(sorted(UNFINISHED))),
        table.c.asker == asker,
        table.c.told == 0,
    )
    return _all(tx, asked.order_by(table.c.asked_at.desc(), table.c.id.desc()).limit(limit))


def of_topic(tx: Transaction, merchant_id: str, asker: str, topic: str) -> list[Work]:
    """Return, for change, what somebody's work on a topic has not ended."""
    asked = select(table).where(
        table.c.merchant_id == merchant_id,
        table.c.state.in_(sorted(UNFINISHED)),
        table.c.asker == asker,
        table.c.topic == topic,
    )
    return _all(tx, asked.order_by(table.c.id).with_for_update())


def in_state(tx: Transaction, merchant_id: str, states: Collection[State]) -> list[Work]:
    """Return, for change, a merchant's work in some states."""
    asked = select(table).where(table.c.merchant_id == merchant_id, table.c.state.in_(sorted(states)))
    return _all(tx, asked.order_by(table.c.id).with_for_update())


def everything(tx: Transaction, merchant_id: str) -> list[Work]:
    """Return all of a merchant's work."""
    return _all(tx, select(table).where(table.c.merchant_id == merchant_id))


def told(tx: Transaction, merchant_id: str, work_id: str) -> None:
    """Write that whoever asked has had the answer."""
    tx.conn.execute(update(table).where(_is(merchant_id, work_id)).values(told=1))


def prune(tx: Transaction, lane: Lane, now: int) -> list[tuple[str, str]]:
    """Forget what of a lane has been kept for long enough; returns (merchant, id)."""
    gone = delete(table).where(
        table.c.merchant_id == lane.merchant_id,
        table.c.state == lane.state,
        table.c.kind == lane.kind,
        table.c.next_at <= now,
    )
    return [
        (str(row[0]), str(row[1])) for row in tx.conn.execute(gone.returning(table.c.merchant_id, table.c.id))
    ]


def _is(merchant_id: str, work_id: str) -> Any:
    return and_(table.c.merchant_id == merchant_id, table.c.id == work_id)


def _all(tx: Transaction, asked: Select[Any]) -> list[Work]:
    return [_work(row) for row in tx.conn.execute(asked).mappings()]


def _values(work: Work) -> dict[str, Any]:
    outcome = work.outcome
    return {
        **{name: getattr(work, name) for name in (*_PLAIN, *_SAME)},
        "state": work.state.value,
        "unit": work.unit.value,
        "told": int(work.told),
        "title_zh": work.title.zh,
        "title_en": work.title.en,
        "asker": work.asker.id,
        "asker_kind": work.asker.kind,
        "asker_name": work.asker.name,
        "address": work.asker.address,
        "request_id": work.asker.request_id,
        "arguments": _json(work.arguments),
        "memo": _json(work.memo),
        "outcome": _json(
            {
                "zh": outcome.said.zh,
                "en": outcome.said.en,
                "counts": outcome.counts,
                "detail": outcome.detail,
                "file": outcome.file,
                "size": outcome.size,
                "part": outcome.part,
            }
        ),
        "error_code": work.reason.code,
        "error_zh": work.reason.zh,
        "error_en": work.reason.en,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _work(row: Any) -> Work:
    outcome = json.loads(row["outcome"])
    return Work(
        **{name: row[name] for name in (*_PLAIN, *_SAME)},
        state=State(row["state"]),
        unit=Unit(row["unit"]),
        told=bool(row["told"]),
        title=Text(row["title_zh"], row["title_en"]),
        asker=Asker(row["asker_kind"], row["asker"], row["asker_name"], row["address"], row["request_id"]),
        arguments=json.loads(row["arguments"]),
        memo=json.loads(row["memo"]),
        outcome=Outcome(
            Text(outcome["zh"], outcome["en"]),
            outcome["counts"],
            outcome["detail"],
            outcome["file"],
            outcome["size"],
            outcome["part"],
        ),
        reason=Reason(row["error_code"], row["error_zh"], row["error_en"]),
    )
