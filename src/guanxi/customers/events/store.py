"""SQL of event types that merchants declare."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from guanxi.customers.events.catalogue import builtin, check_meanings, following, read_type
from guanxi.customers.events.model import EventType
from guanxi.customers.schema import event_type as types
from guanxi.kernel.errors import Conflict

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction


def own_types(tx: Transaction, merchant_id: str) -> dict[str, EventType]:
    """Return the newest version of each type that a merchant declared, which knows the former ones."""
    rows = tx.conn.execute(
        select(types.c.name, types.c.spec).where(types.c.merchant_id == merchant_id).order_by(types.c.version)
    )
    versions: defaultdict[str, list[EventType]] = defaultdict(list)
    for name, spec in rows:
        versions[name].append(following(read_type(name, json.loads(spec)), versions[name]))
    return {name: some[-1] for name, some in versions.items()}


def save_type(tx: Transaction, merchant_id: str, name: str, spec: Any, now: int) -> EventType:
    """Keep a declaration. The same one again changes nothing; a changed one needs the next version number.

    Raises ``InvalidInput`` for a bad declaration and ``Conflict`` for a type of the product's, a wrong version, or a
    name with a new meaning.
    """
    ours = builtin().get(name)
    if ours is not None:
        zh, en = f"{ours.title.zh}是内置类型。", f"{ours.title.en} is a type of the product's."
        raise Conflict(reason_zh=zh, reason_en=en)
    declared = read_type(name, spec)
    text = json.dumps(spec, ensure_ascii=False, sort_keys=True)
    where = (types.c.merchant_id == merchant_id, types.c.name == name)
    known = tx.conn.execute(select(types.c.spec).where(*where, types.c.version == declared.version)).scalar()
    if known == text:
        return declared
    newest = tx.conn.execute(select(func.max(types.c.version)).where(*where)).scalar() or 0
    if declared.version != newest + 1:
        raise Conflict(
            reason_zh=f"{declared.title.zh}的下一个版本号应为 {newest + 1}。",
            reason_en=f"the next version of {declared.title.en} is {newest + 1}.",
        )
    before = own_types(tx, merchant_id).get(name)
    if before is not None:
        check_meanings(declared, (*before.former, before))
    tx.conn.execute(
        insert(types).values(
            merchant_id=merchant_id, name=name, version=declared.version, spec=text, created_at=now
        )
    )
    return declared
