"""What facts hold of an event is what the daily buckets are told of it, however odd its payload."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from guanxi.customers.events.catalogue import check, read_type
from guanxi.customers.events.measures import MOST, Numbering, Series, extractor
from guanxi.customers.facts.model import (
    Column,
    dimension_column,
    element_column,
    measure_column,
    property_column,
    shapes,
)
from guanxi.customers.facts.store import forgotten, remembered, select

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KIND = read_type(
    "visit",
    {
        "fields": {
            "fen": {"type": "money"},
            "steps": {"type": "int"},
            "share": {"type": "number"},
            "room": {"type": "text"},
            "alone": {"type": "bool"},
            "seen": {
                "type": "list",
                "of": {"shelf": {"type": "text"}, "sold": {"type": "bool"}, "fen": {"type": "money"}},
            },
        },
        "measures": {"amount": {"field": "fen"}, "steps": {}},
        "dimensions": {
            "room": {"key": "room"},
            "alone": {"key": "alone", "measures": {"steps": "steps"}},
            "shelf": {"each": "seen", "key": "shelf", "measures": {"amount": "fen"}},
            "sold": {"each": "seen", "key": "sold"},
            "channel": {"context": "channel"},
            "account": {"context": "account", "measures": {"amount": "fen"}},
        },
    },
)
Event = tuple[dict[str, Any], str, str]
"""Properties, channel and account."""
Sums = dict[Series, tuple[int, int, int, int]]
"""Of each series the number of events, the sum, the least and the largest."""

_WIDEST = 1 << 53
TEXTS = st.one_of(
    st.sampled_from(
        ["", "a", "\x00", "a\x00b", "é" * 80, "🍵" * 81, "e\u0301" * 45, "true", "null", '"\\/', "1"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=90),
)
NUMBERS = st.one_of(st.integers(-_WIDEST, _WIDEST), st.sampled_from([0, -_WIDEST, _WIDEST]))
ODD = st.recursive(
    st.one_of(st.none(), st.booleans(), TEXTS, st.floats(allow_nan=False, allow_infinity=False), NUMBERS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXTS, inner, max_size=2)),
    max_leaves=4,
)


def fields(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Declared properties that may be missing or null, among others that look much like them."""
    declared = st.fixed_dictionaries(
        {}, optional={name: st.one_of(st.none(), value) for name, value in known.items()}
    )
    others = st.sampled_from([*(name.upper() for name in known), *(f"${name}" for name in known), "x", ""])
    return st.builds(lambda odd, own: odd | own, st.dictionaries(others, ODD, max_size=2), declared)


EVENTS: st.SearchStrategy[Event] = st.tuples(
    fields(
        fen=NUMBERS,
        steps=NUMBERS,
        share=st.floats(allow_nan=False, allow_infinity=False),
        room=TEXTS,
        alone=st.booleans(),
        seen=st.lists(fields(shelf=TEXTS, sold=st.booleans(), fen=NUMBERS), max_size=4),
    ),
    st.sampled_from(["", "web", "小程序"]),
    st.sampled_from(["", "shop-1"]),
)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine."""
    with duckdb.connect() as opened:
        yield opened


def lake(events: Sequence[Event]) -> pa.Table:
    """Return events as rows of the lake; those without properties have a payload without them."""
    payloads = [
        msgspec.json.encode({"properties": said} if said else {"consent": []}).decode()
        for said, _, _ in events
    ]
    size = len(events)
    return pa.table(
        {
            "type": ["visit"] * size,
            "day": pa.array([20_000] * size, pa.int32()).cast(pa.date32()),
            "subject": pa.array([7] * size, pa.int64()),
            "version": pa.array([1] * size, pa.int64()),
            "channel": pa.array([one[1] for one in events], pa.string()),
            "account": pa.array([one[2] for one in events], pa.string()),
            "number": pa.array(range(1, size + 1), pa.int64()),
            "payload": pa.array(payloads, pa.string()),
        }
    )


def rows(con: duckdb.DuckDBPyConnection, events: Sequence[Event], each: str = "") -> list[dict[str, Any]]:
    """Return the facts of events."""
    con.register("rows", lake(events))
    found = con.execute(select(shapes(KIND)[each], "rows"))
    names = [one[0] for one in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def told(events: Sequence[Event]) -> Sums:
    """Return what the daily buckets are told."""
    numbering = Numbering()
    extract = extractor("visit", KIND, numbering).of
    found: defaultdict[Series, list[int]] = defaultdict(list)
    for properties, channel, account in events:
        for number, value in extract(properties, channel, account):
            found[numbering.series[number]].append(value)
    return {series: _summed(values) for series, values in found.items()}


def held(con: duckdb.DuckDBPyConnection, events: Sequence[Event]) -> Sums:
    """Return the same from facts."""
    found: defaultdict[Series, list[int]] = defaultdict(list)
    everything = rows(con, events)
    for row in everything:
        assert (row["day"], row["fragment"]) == (20_000, 7)
        found[Series("visit", "", "", "")].append(0)
    for measure in KIND.measures.values():
        found[Series("visit", measure.name, "", "")] = _values(everything, measure_column(measure.name))
    for one in KIND.dimensions.values():
        by_value: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows(con, events, one.name) if one.each else everything:
            if (value := row[dimension_column(one.name)]) is not None:
                by_value[value].append(row)
        fields = dict(one.measures) or (
            {} if one.each else {item.name: item.field for item in KIND.measures.values()}
        )
        for value, some in by_value.items():
            if not fields:
                found[Series("visit", "", one.name, value)] = [0] * len(some)
            for name, field in fields.items():
                column = element_column(field) if one.each else property_column(field)
                column = column if one.measures else measure_column(name)
                found[Series("visit", name, one.name, value)] = _values(some, column)
    return {series: _summed(values) for series, values in found.items() if values}


def _values(some: Sequence[dict[str, Any]], column: str) -> list[int]:
    return [row[column] for row in some if row[column] is not None]


def _summed(values: Sequence[int]) -> tuple[int, int, int, int]:
    return len(values), sum(values), min(values), max(values)


@given(st.lists(EVENTS, max_size=5))
def test_facts_are_what_buckets_are_told(con: duckdb.DuckDBPyConnection, events: list[Event]) -> None:
    assert all(check(KIND, properties) is None for properties, _, _ in events)
    assert held(con, events) == told(events)


def test_elements_beyond_any_number_are_the_largest(con: duckdb.DuckDBPyConnection) -> None:
    for sign in (1, -1):
        event = {"seen": [{"shelf": "tea", "fen": sign * _WIDEST}] * 1_100}, "", ""
        (row,) = rows(con, [event], "shelf")
        assert row[element_column("fen")] == sign * MOST
        assert held(con, [event]) == told([event])


def test_equal_elements_of_two_events_stay_apart(con: duckdb.DuckDBPyConnection) -> None:
    event: Event = ({"seen": [{"shelf": "tea", "fen": 2}, {"shelf": "tea", "fen": 3}, {}]}, "", "")
    assert [row["e_fen"] for row in rows(con, [event, event], "shelf")] == [5, 5]


def test_events_of_others_and_of_nobody_are_left_out(con: duckdb.DuckDBPyConnection) -> None:
    table = lake([({"fen": 1}, "", "")] * 3)
    table = table.set_column(0, "type", pa.array(["visit", "visits", "visit"]))
    con.register("rows", table.set_column(2, "subject", pa.array([7, 7, 0], pa.int64())))
    assert len(con.execute(select(shapes(KIND)[""], "rows")).fetchall()) == 1


def test_a_property_that_rules_name_is_another_column(con: duckdb.DuckDBPyConnection) -> None:
    plain = shapes(KIND)[""]
    assert "p_share" not in {column.name for column in plain.columns}
    wider = plain.with_columns([Column("p_share", "share", "DOUBLE"), Column("p_alone", "alone", "VARCHAR")])
    con.register(
        "rows", lake([({"share": 0.1, "alone": True}, "", ""), ({"share": 3}, "", ""), ({}, "", "")])
    )
    found = con.execute(f"SELECT p_share, p_alone FROM ({select(wider, 'rows')})").fetchall()
    assert found == [(0.1, "true"), (3.0, None), (None, None)]


def test_quotes_in_a_type_do_not_end_the_text(con: duckdb.DuckDBPyConnection) -> None:
    con.register("rows", lake([({}, "", "")]))
    shape = shapes(KIND)[""]._replace(type="visit' OR '1'='1")
    assert con.execute(select(shape, "rows")).fetchall() == []


def test_erasures_are_found_by_whom_they_are_about(con: duckdb.DuckDBPyConnection) -> None:
    """Were every event compared with every erasure, thousands of them would stop everything."""
    con.register("forgotten", forgotten([]))
    log = "(SELECT range AS subject, 0::BIGINT AS epoch, range AS number, current_date AS day FROM range(1000000))"
    plan = con.execute(f"EXPLAIN SELECT * FROM {remembered(log)}").fetchall()[0][1]
    assert "HASH_JOIN" in plan
    assert "NL_JOIN" not in plan
