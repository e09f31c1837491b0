"""A rule means the same on Spark: random rules on random members, many in one query, and the known places of quarrel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from guanxi.rules import compile_value, parse
from guanxi.rules.relation import to_ibis
from tests.rules.engines import arrow, drawn
from tests.rules.shop import CATALOGUE, TODAY, columns, members
from tests.rules.writing import conditions, numbers, texts
from tests.spark import spark

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(400)]

TOGETHER = 40
"""Rules in one query; more take Spark longer to plan than to answer."""

QUARRELS = (
    "size(tags)",  # -1 of an unknown list where Spark is not in its ANSI mode
    "tags has any ('a', '')",
    "score / age",  # an error in its ANSI mode where age is 0
    "1 / (score / 0)",
    "0.1 + score",  # 0.1 alone is a decimal
    "score * score * 0",  # beyond the range of doubles on the way
    "score in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)",  # a long list is looked up by its bits: -0.0 is not 0.0
    "score = 0",
    "age in (0.5, 1, 2)",
    "city like 'a_\n%'",
    "city like '%''%'",
    "city < 'a'",
    "city = '\\'",
    "city in ('a\\', 'é')",
    "contains(city, '%')",
    "starts_with(city, '_')",
    "lower(city)",
    "upper(city)",
    "trim(city)",
    "length(city)",
    "year(birthday) * 10000 + month(birthday) * 100 + day(birthday)",
    "weekday(birthday)",
    "days_since(birthday)",
    "birthday < date '1582-10-10'",
    "birthday in ('0001-01-01', '9999-12-31')",
    "(age = 1 or (vip is null)) is null",
    "(not vip) is null",
    "coalesce(age, 0.5)",
    "case when vip then age else score end",
)
STRANGE: dict[str, list[Any]] = {
    "city": ["\\", "a\\", "a\\n", "aé\nb", "'", "ÉßİZz", " \u3000 a ", "\U0001f600", "", "a%", "_b", "B"],
    "score": [-0.0, 0.0, 0.1, 1e300, -1e300, 5e-324],
    "age": [0, 1, 2, -(2**53), 2**53],
    "birthday": [-719_162, -141_428, -141_427, 0, 2_932_896],
    "tags": [frozenset(), frozenset({"a", ""}), frozenset({"杭州"})],
    "vip": [True, False],
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Ibis on a small Spark of our own, which speaks to nobody but us."""
    with spark(tmp_path_factory.mktemp("spark")) as session:
        yield ibis.pyspark.connect(session)


def answers(engine: Any, rules: list[str], rows: list[dict[str, Any]], folder: Path) -> dict[str, list[Any]]:
    """What Spark says of all members, by rule: in its ANSI mode and its older one in turns."""
    file, out = folder / "members.parquet", folder / "answers.parquet"
    pq.write_table(arrow(rows), file)
    session = engine._session
    session.read.parquet(str(file)).createOrReplaceTempView("members")
    table = engine.table("members")
    said: dict[str, list[Any]] = {}
    for turn, begin in enumerate(range(0, len(rules), TOGETHER)):
        some = rules[begin : begin + TOGETHER]
        session.conf.set("spark.sql.ansi.enabled", str(turn % 2 == 0).lower())
        asked = {
            f"r{index}": to_ibis(parse(rule, CATALOGUE), table, TODAY) for index, rule in enumerate(some)
        }
        query = session.sql(engine.compile(table.select("row", **asked)))
        query.coalesce(1).write.mode("overwrite").parquet(str(out))
        found = pq.read_table(out).sort_by("row")
        said |= {rule: found[f"r{index}"].to_pylist() for index, rule in enumerate(some)}
    return said


def disagreements(said: dict[str, list[Any]], rows: list[dict[str, Any]]) -> list[str]:
    found = []
    for rule, answers in said.items():
        in_python = compile_value(parse(rule, CATALOGUE))
        for row, answer in zip(rows, answers, strict=True):
            wanted = in_python(row, TODAY)
            if answer != wanted or isinstance(answer, bool) != isinstance(wanted, bool):
                found.append(f"{rule}: {answer!r} on Spark, {wanted!r} in Python, of {row}")
                break
    return found


def test_random_rules_say_the_same_of_random_members(engine: Any, tmp_path: Path) -> None:
    rules = [
        *drawn(conditions(3), 160, least=60),
        *drawn(st.one_of(numbers(3), texts(3)), 60, least=30),
    ]
    rows = [row for some in drawn(members(6), 12) for row in some]
    said = answers(engine, list(dict.fromkeys(rules)), rows, tmp_path)
    assert len(said) >= 100
    assert not disagreements(said, rows)


def test_known_quarrels_are_settled(engine: Any, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [dict.fromkeys(columns())]
    rows += [{**rows[0], name: value} for name, values in STRANGE.items() for value in values]
    rows += [{**rows[0], "score": score, "age": age} for score in STRANGE["score"] for age in STRANGE["age"]]
    # Each twice, so that both modes are asked.
    rules = [*QUARRELS, *("true",) * (TOGETHER - len(QUARRELS)), *(f"({rule})" for rule in QUARRELS)]
    assert not disagreements(answers(engine, rules, rows, tmp_path), rows)
