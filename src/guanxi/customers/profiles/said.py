"""Attributes that came in with events, as rules read them: the newest open value of a member under its declared type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from guanxi.customers.identity import service as people
from guanxi.customers.profiles import store
from guanxi.rules import Type, days

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from guanxi.customers.identity.model import Holding
    from guanxi.customers.profiles.model import Declared, Values
    from guanxi.customers.profiles.store import Said
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant

_MOST = 1 << 53
"""Whole numbers beyond this are not exact in a double, as which engines compare them."""

ARROW = {
    Type.BOOL: pa.bool_(),
    Type.INT: pa.int64(),
    Type.MONEY: pa.int64(),
    Type.NUMBER: pa.float64(),
    Type.TEXT: pa.string(),
    Type.DATE: pa.date32(),
    Type.SET: pa.list_(pa.string()),
}
"""The column of each type."""


def of(
    tx: Transaction, merchant: Merchant, members: Sequence[int], declared: Mapping[str, Declared]
) -> Mapping[int, Values]:
    """Return the values of members under the attributes' names."""
    held = people.holdings_of(tx, merchant.merchant_id, members)
    owners: dict[int, list[tuple[Holding, int]]] = {}
    for member, holdings in held.items():
        for one in holdings:
            owners.setdefault(one.fragment, []).append((one, member))
    sources = {one.source for one in declared.values()}
    rows = store.said_of(tx, merchant.merchant_id, list(owners), sources)
    day = merchant.days.day
    newest: dict[tuple[int, str], Said] = {}
    for row in rows:
        for one, member in owners[row.fragment]:
            if one.from_day <= day(row.time) < one.until_day:
                _keep(newest, member, row)
    return _values(newest, declared)


def table(tx: Transaction, merchant: Merchant, declared: Mapping[str, Declared]) -> pa.Table:
    """Return the values of everybody who has one, a column per attribute."""
    merchant_id = merchant.merchant_id
    handed: dict[int, list[tuple[int, int, int]]] = {}
    for fragment, from_day, until_day, owner in store.holdings(tx, merchant_id):
        handed.setdefault(fragment, []).append((from_day, until_day, owner))
    day = merchant.days.day
    newest: dict[tuple[int, str], Said] = {}
    for row in store.said(tx, merchant_id, {one.source for one in declared.values()}):
        held = handed.get(row.fragment)
        if held is None:
            _keep(newest, row.fragment, row)
            continue
        at = day(row.time)
        for from_day, until_day, owner in held:
            if from_day <= at < until_day:
                _keep(newest, owner, row)
    found = _values(newest, declared)
    columns = {"member": pa.array(list(found), pa.int64())}
    for name, one in declared.items():
        values = (held.get(name) for held in found.values())
        listed: Iterable[Any] = (sorted(value) if isinstance(value, frozenset) else value for value in values)
        columns[name] = pa.array(
            list(listed), pa.int32() if one.known.type is Type.DATE else ARROW[one.known.type]
        )
        if one.known.type is Type.DATE:
            columns[name] = columns[name].cast(pa.date32())
    return pa.table(columns)


def _keep(newest: dict[tuple[int, str], Said], member: int, row: Said) -> None:
    key = (member, row.name)
    held = newest.get(key)
    if held is None or (row.time, row.event_id) > (held.time, held.event_id):
        newest[key] = row


def _values(
    newest: Mapping[tuple[int, str], Said], declared: Mapping[str, Declared]
) -> dict[int, dict[str, Any]]:
    names: dict[str, list[tuple[str, Type]]] = {}
    for name, one in declared.items():
        names.setdefault(one.source, []).append((name, one.known.type))
    found: dict[int, dict[str, Any]] = {}
    for (member, source), row in newest.items():
        values = found.setdefault(member, {})
        for name, type_ in names[source]:
            values[name] = None if row.personal else typed(msgspec.json.decode(row.value), type_)
    return found


def typed(value: Any, type_: Type) -> Any:
    """Return a value as rules read it under its declared type; ``None`` if it is none of that type."""
    match type_:
        case Type.TEXT:
            return value if isinstance(value, str) else None
        case Type.BOOL:
            return value if isinstance(value, bool) else None
        case Type.INT | Type.MONEY:
            whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST
            return value if whole else None
        case Type.NUMBER:
            return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        case Type.DATE:
            return days.parse(value) if isinstance(value, str) else None
    texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return frozenset(value) if texts else None
