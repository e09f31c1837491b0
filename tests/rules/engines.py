"""Random rules and members, and what a real engine says of them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, Phase, assume, given, settings, strategies as st

from guanxi.rules import Type
from tests.rules.shop import columns

_ARROW = {
    Type.BOOL: pa.bool_(),
    Type.INT: pa.int64(),
    Type.MONEY: pa.int64(),
    Type.NUMBER: pa.float64(),
    Type.TEXT: pa.string(),
    Type.DATE: pa.date32(),
    Type.SET: pa.list_(pa.string()),
}


def arrow(rows: list[dict[str, Any]]) -> pa.Table:
    """Members as a table, with their number in the column ``row``."""
    made = {}
    for name, type_ in columns().items():
        values = [row[name] for row in rows]
        if type_ is Type.SET:
            values = [None if value is None else sorted(value) for value in values]
        made[name] = (
            pa.array(values, pa.int32()).cast(_ARROW[type_])
            if type_ is Type.DATE
            else pa.array(values, _ARROW[type_])
        )
    return pa.table({**made, "row": pa.array(range(len(rows)), pa.int64())})


def drawn(strategy: st.SearchStrategy[Any], count: int, least: int = 0) -> list[Any]:
    """Draw ``count`` examples at once, for an engine that answers many in the time of one, none shorter than ``least``."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        deadline=None,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(one: Any) -> None:
        assume(len(one) >= least)
        found.append(one)

    collect()
    return found
