"""A rule means the same in Python and on the engine: the same members, in truth, falsehood and ignorance."""

from __future__ import annotations

from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from guanxi.rules import compile_condition, compile_value, condition, parse
from guanxi.rules.relation import to_ibis
from tests.rules.engines import arrow
from tests.rules.shop import CATALOGUE, TODAY, members
from tests.rules.writing import conditions, numbers, texts


@pytest.fixture(scope="module")
def engine() -> Any:
    return ibis.duckdb.connect()


def on_engine(engine: Any, node: Any, rows: list[dict[str, Any]]) -> list[Any]:
    table = ibis.memtable(arrow(rows))
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
