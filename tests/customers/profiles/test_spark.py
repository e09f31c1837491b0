"""Everybody on Spark: the same steps over the same files give what DuckDB gives."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from guanxi.customers.events.catalogue import builtin
from guanxi.customers.facts.model import needed
from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY
from guanxi.customers.profiles import wide
from guanxi.customers.profiles.model import MOVED, PEOPLE, STABLE, Derived, Needs, Quintile
from guanxi.customers.traits.decide import events
from guanxi.kernel.text import Text
from guanxi.rules import Catalogue, Type, Window, condition, parse, walk
from guanxi.rules.catalogue import Known
from tests.spark import spark

if TYPE_CHECKING:
    import ibis.expr.types as ir

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(400)]

TODAY = 20_619
LABEL = Text("名", "Name")
TYPES = builtin().types
ATTRIBUTES = {"city": Type.TEXT, "tags": Type.SET, "fifth": Type.INT, "stage": Type.TEXT}
KNOWN = Catalogue(
    attributes={name: Known(type_, LABEL) for name, type_ in ATTRIBUTES.items()}, events=events(TYPES)
)
WINDOWS = (
    "count(order.paid, 30d)",
    "count(order.paid where channel = 'live', 30d)",
    "count(order.paid where category in ('茶', 'it''s'), 60d)",
    "sum(order.paid.amount, 7d)",
    "sum(order.paid.amount where channel in ('live', '店`铺'), 60d)",
    "sum(order.paid.amount where category = '茶', 60d)",
    "sum(order.paid.discount, 60d)",
    "min(order.paid.discount, 30d)",
    "max(order.paid.amount where category = 'it''s', 60d)",
    "avg(order.paid.amount, 60d)",
    "avg(order.paid.discount where channel = 'live', 60d)",
    "first(order.paid, 60d)",
    "last(order.paid where channel = 'live', 60d)",
    "last(order.paid, 60d)",
    "last(order.paid, 1d)",
    "distinct(order.paid.channel, 60d)",
    "distinct(order.paid.category, 20d)",
    "distinct(order.paid.store_id, 60d)",
    "sum(order.paid.amount where store_id = 's-1', 60d)",
    "count(order.refunded, 60d)",
)
RULES = (
    "sum(order.paid.amount, 7d) / count(order.paid, 30d) > 100 and tags has any ('vip', '\\')",
    "last(order.paid, 60d) = today() or days_since(first(order.paid, 60d)) between 30 and 50",
    "case when avg(order.paid.amount, 60d) > 300 then city else '' end = '杭州'",
    "not count(order.refunded, 60d) > 10",
    "fifth in (4, 5) and stage <> 'new'",
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Spark."""
    with spark(tmp_path_factory.mktemp("spark")) as opened:
        ibis.pyspark.connect(opened)  # learns its options, without which it writes no SQL
        yield opened


def window(text: str) -> Window:
    (found,) = [one for one in walk(condition(f"({text}) is null", KNOWN)) if isinstance(one, Window)]
    return found


def tables(windows: list[Window], *, moving: bool) -> dict[str, pa.Table]:
    """A town of thirty, with ninety identities of which some change hands."""
    chance = random.Random(7)
    members = list(range(1, 31))
    fragments = list(range(1, 91))
    changing = set(range(70, 85)) if moving else set()
    stable = [(one, chance.choice(members)) for one in fragments if one > 30 and one not in changing]
    handed = []
    for one in sorted(changing):
        day = TODAY - chance.randint(0, 60)
        first, second = chance.sample(members, 2)
        handed += [(one, FIRST_DAY, day, first)] if chance.random() < 0.8 else []
        handed += [(one, day, LAST_DAY, second)]
    found = {
        PEOPLE: pa.table(
            {
                "member": pa.array(members, pa.int64()),
                "first_day": pa.array([TODAY - 70 + one for one in members], pa.int32()),
                "city": pa.array([chance.choice(["杭州", "上海", None]) for _ in members], pa.string()),
                "tags": pa.array(
                    [chance.choice([["vip"], ["\\", "x"], [], None]) for _ in members],
                    pa.list_(pa.string()),
                ),
            }
        ),
        STABLE: _rows(["fragment", "owner"], stable),
        MOVED: _rows(["fragment", "from_day", "until_day", "owner"], handed),
    }
    texts = [None, "live", "店`铺", "茶", "it's", "s-1", "s-2"]

    def value(kind: str) -> Any:
        if kind == "VARCHAR":
            return chance.choice(texts)
        return chance.choice([None, 0, chance.randint(-500, 90_000), 1 << 53])

    kinds = {"BIGINT": pa.int64(), "VARCHAR": pa.string()}
    for key, shape in needed(windows, TYPES).items():
        size = 400
        found[key] = pa.table(
            {
                "day": pa.array([TODAY - chance.randint(-2, 65) for _ in range(size)], pa.int32()),
                "fragment": pa.array([chance.choice(fragments) for _ in range(size)], pa.int64()),
            }
            | {
                one.name: pa.array([value(one.kind) for _ in range(size)], kinds[one.kind])
                for one in shape.columns
            }
        )
    return found


def _rows(names: Sequence[str], rows: Sequence[tuple[int, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table({name: pa.array(column, pa.int64()) for name, column in zip(names, columns, strict=True)})


def _rank() -> Quintile:
    return Quintile(
        parse("sum(order.paid.amount where category = '茶', 60d)", KNOWN),
        condition("count(order.paid, 30d) > 0", KNOWN),
        reverse=True,
    )


def derived() -> tuple[Derived, ...]:
    stages = (
        "case when count(order.paid, 30d) = 0 then 'asleep' when sum(order.paid.amount, 7d) > 0 then 'awake'"
        " else 'new' end"
    )
    return (
        Derived("stage", LABEL, Type.TEXT, parse(stages, KNOWN)),
        Derived("fifth", LABEL, Type.INT, _rank()),
        Derived(
            "regular",
            LABEL,
            Type.BOOL,
            condition("fifth in (4, 5) and stage <> 'new'", KNOWN),
            membership=True,
        ),
    )


def build(windows: list[Window], *, moving: bool) -> tuple[wide.Steps, ir.Table]:
    """Everybody with everything."""
    steps = wide.Steps()
    types = {"city": Type.TEXT, "tags": Type.SET}
    wanted = Needs(frozenset(types), {one.name: one for one in windows}, derived())
    cuts = {"fifth": [10.0, 200.5, 3_000.0, 40_000.25]}
    people = wide.people_table(types)
    met = steps.add("met", people.filter(people.first_day <= TODAY - 41))
    return steps, wide.build(steps, wanted, types, TYPES, TODAY, moved=moving, cuts=cuts, base=met)


@pytest.mark.parametrize(("moving", "ansi"), [(True, True), (False, False)])
def test_spark_gives_what_duckdb_gives(session: Any, tmp_path: Path, moving: bool, ansi: bool) -> None:
    session.conf.set("spark.sql.ansi.enabled", str(ansi).lower())
    windows = [window(text) for text in WINDOWS]
    out = tmp_path / "answer.parquet"
    steps, table = build(windows, moving=moving)
    columns = {f"c{number}": table[name] for number, name in enumerate(table.columns)}
    truths = {
        f"r{number}": wide.truth(table, condition(rule, KNOWN), TODAY) for number, rule in enumerate(RULES)
    }
    cuts = wide.ranked(table, _rank(), TODAY)
    with duckdb.connect() as con:
        for number, (name, one) in enumerate(tables(windows, moving=moving).items()):
            con.register(name, one)
            pq.write_table(one, file := tmp_path / f"{number}.parquet")
            session.read.parquet(str(file)).createOrReplaceTempView(f"`{name}`")
        for last in (table.select(**columns, **truths), cuts):
            here = con.execute(steps.sql(last)).to_arrow_table().to_pylist()
            session.sql(steps.sql(last, "pyspark")).coalesce(1).write.mode("overwrite").parquet(str(out))
            there = pq.read_table(out).to_pylist()
            assert sorted(here, key=_member) == sorted(there, key=_member)
            assert len(here) in {1, 29}


def _member(row: dict[str, Any]) -> Any:
    return row.get("c0")
