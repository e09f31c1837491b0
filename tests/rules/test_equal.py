"""A rule means the same in Python and on the engine: the same members, in truth, falsehood and ignorance."""

from __future__ import annotations

from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from guanxi.rules import Type, compile_condition, compile_value, condition, parse, to_ibis
from tests.rules.shop import CATALOGUE, TODAY, columns, members
from tests.rules.writing import conditions, numbers, texts

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
    return pa.table(made)


@pytest.fixture(scope="module")
def engine() -> Any:
    return ibis.duckdb.connect()


def on_engine(engine: Any, node: Any, rows: list[dict[str, Any]]) -> list[Any]:
    table = ibis.memtable(arrow(rows).append_column("row", pa.array(range(len(rows)))))
    asked = table.select("row", answer=to_ibis(node, table, TODAY)).order_by("row")
    return list(engine.to_pyarrow(asked)["answer"].to_pylist())


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(rule=conditions(3), rows=members(12))
def test_a_condition_holds_for_the_same_members(engine: Any, rule: str, rows: list[dict[str, Any]]) -> None:
    node = condition(rule, CATALOGUE)
    in_python = compile_value(node)
    said = [in_python(row, TODAY) for row in rows]
    assert said == on_engine(engine, node, rows)
    holds = compile_condition(node)
    assert [holds(row, TODAY) for row in rows] == [value is True for value in said]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(score=st.one_of(numbers(3), texts(3)), rows=members(12))
def test_a_score_is_the_same_number(engine: Any, score: str, rows: list[dict[str, Any]]) -> None:
    node = parse(score, CATALOGUE)
    in_python = compile_value(node)
    assert [in_python(row, TODAY) for row in rows] == on_engine(engine, node, rows)
