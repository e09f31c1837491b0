"""What windows add up to, changed by what came and went, is what they add up to anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from guanxi.customers.facts.model import Column, Shape
from guanxi.customers.facts.parts import DAY, Part
from guanxi.customers.facts.store import Table, merged
from guanxi.customers.facts.sums import Sums, renewed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

TODAY = 20_000
MOST = (1 << 63) - 1


class Fact(NamedTuple):
    """One fact: ``ago`` is how many days before ``TODAY`` it was."""

    ago: int
    fragment: int
    amount: int | None
    channel: str | None


FACTS = st.lists(
    st.builds(
        Fact,
        ago=st.integers(-6, 12),
        fragment=st.integers(1, 4),
        amount=st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([MOST, -MOST])),
        channel=st.sampled_from(["web", "douyin", None]),
    ),
    max_size=8,
)
PARTS = st.lists(
    st.builds(
        lambda how, column, days, slice_: Part(how, column, days, *slice_),
        how=st.sampled_from(["sum", "min", "max"]),
        column=st.just("amount"),
        days=st.sampled_from([1, 2, 5, 9, 400]),
        slice_=st.sampled_from([("", ()), ("channel", ("web",)), ("channel", ("web", "it's"))]),
    )
    | st.sampled_from([Part("count", column, days) for column in ("", "amount") for days in (1, 3, 9)])
    | st.sampled_from([Part(how, DAY, days) for how in ("min", "max") for days in (1, 3, 9)]),
    min_size=1,
    max_size=6,
    unique=True,
)
STEPS = st.lists(st.tuples(FACTS, st.integers(0, 4), PARTS), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine."""
    with duckdb.connect() as opened:
        yield opened


def write(folder: Path, name: str, facts: Sequence[Fact]) -> list[str]:
    """Write facts to a file; returns its name, none without facts, as the product does."""
    if not facts:
        return []
    table = pa.table(
        {
            "day": pa.array([TODAY - one.ago for one in facts], pa.int32()),
            "fragment": pa.array([one.fragment for one in facts], pa.int64()),
            "amount": pa.array([one.amount for one in facts], pa.int64()),
            "channel": pa.array([one.channel for one in facts], pa.string()),
        }
    )
    pq.write_table(table, folder / name)
    return [name]


def by_hand(facts: Sequence[Fact], part: Part, as_of: int) -> dict[int, int]:
    """Return a part of each fragment that has one."""
    values: dict[int, list[int]] = {}
    for one in facts:
        day = TODAY - one.ago
        said = {"": 0, "amount": one.amount, DAY: day}[part.column]
        sliced = not part.restricted or one.channel in part.values
        if said is not None and sliced and as_of - part.days < day <= as_of:
            values.setdefault(one.fragment, []).append(said)
    how: dict[str, Callable[[list[int]], int]] = {"count": len, "sum": sum, "min": min, "max": max}
    found = {fragment: how[part.how](some) for fragment, some in values.items()}
    return {fragment: value for fragment, value in found.items() if value or not part.adds}


def held(con: duckdb.DuckDBPyConnection, folder: Path, sums: Sums, part: Part) -> dict[int, int]:
    """Return a part of each fragment as it is kept."""
    column = sums.columns()[part]
    rows = con.execute(f"SELECT fragment, {column} FROM '{folder / sums.file}'").fetchall()
    assert len({fragment for fragment, _ in rows}) == len(rows)
    return {
        fragment: int(value) for fragment, value in rows if value is not None and (value or not part.adds)
    }


@given(STEPS)
@settings(max_examples=60)
def test_what_is_kept_is_what_is_added_up_anew(
    con: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[list[Fact], int, list[Part]]],
) -> None:
    folder = tmp_path_factory.mktemp("facts")
    sums, files, facts, as_of = None, list[str](), list[Fact](), TODAY
    for number, (more, later, parts) in enumerate(steps):
        facts += more
        files += write(folder, f"{number}.parquet", more)
        as_of += later
        sums = renewed(con, folder, sums, files, parts, as_of)
        assert sums.has(parts, files, as_of)
        for part in sums.parts:
            assert held(con, folder, sums, part) == by_hand(facts, part, as_of)


def test_a_sum_may_be_larger_than_any_fact(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    part = Part("sum", "amount", 9)
    files = write(tmp_path, "a", [Fact(1, 7, MOST, "web")] * 3)
    first = renewed(con, tmp_path, None, files, [part], TODAY)
    files += write(tmp_path, "b", [Fact(0, 7, MOST, "web")])
    then = renewed(con, tmp_path, first, files, [part], TODAY)
    assert held(con, tmp_path, then, part) == {7: 4 * MOST}


def test_an_earlier_day_and_other_files_begin_anew(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    part = Part("count", "", 2)
    facts = [Fact(ago, 7, 1, "web") for ago in (0, 1, 2)]
    files = write(tmp_path, "a", facts)
    first = renewed(con, tmp_path, None, files, [part], TODAY)
    earlier = renewed(con, tmp_path, first, files, [part], TODAY - 1)
    assert held(con, tmp_path, earlier, part) == by_hand(facts, part, TODAY - 1)
    other = write(tmp_path, "b", facts[:1])
    assert held(con, tmp_path, renewed(con, tmp_path, first, other, [part], TODAY), part) == {7: 1}


def test_a_part_that_nobody_asks_for_is_dropped_at_last(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    old, new = Part("count", "", 2), Part("count", "", 3)
    sums = renewed(con, tmp_path, None, [], [old], TODAY)
    for later in range(1, 9):
        sums = renewed(con, tmp_path, sums, [], [new], TODAY + later)
        assert old in sums.parts
    assert renewed(con, tmp_path, sums, [], [new], TODAY + 9).parts == [new]


def test_small_files_become_one_without_mixing_known_and_new(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    part = Part("sum", "amount", 400)
    facts = [Fact(n % 9, n % 4, n, "web") for n in range(60)]
    names = [name for n, fact in enumerate(facts) for name in write(tmp_path, f"{n}.parquet", [fact])]
    sums = renewed(con, tmp_path, None, names[:40], [part], TODAY)
    shape = Shape(
        "visit", (Column("amount", "amount", "BIGINT"), Column("channel", "channel", "VARCHAR", context=True))
    )
    table = merged(con, tmp_path, Table(shape, names, (0, 60), sums))
    assert len(table.files) == 21
    assert table.sums is not None
    again = renewed(con, tmp_path, table.sums, table.files, [part], TODAY)
    assert held(con, tmp_path, again, part) == by_hand(facts, part, TODAY)
    assert table.sums.parts == msgspec.json.decode(msgspec.json.encode(table.sums), type=Sums).parts
