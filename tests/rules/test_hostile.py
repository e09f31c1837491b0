"""A hostile rule neither runs code nor hangs."""

from __future__ import annotations

import contextlib
import time

import ibis
import pytest

from guanxi.rules import BadRule, Type, compile_condition, condition
from guanxi.rules.python import like_expression
from guanxi.rules.relation import column_type, to_ibis
from tests.rules.shop import CATALOGUE, TODAY, columns


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (" or ".join(["age = 1"] * 5_000), "too_long"),
        (" or ".join(["vip"] * 2_500), "too_many_nodes"),
        ("(" * 500 + "vip" + ")" * 500, "too_deep"),
        ("1" + "+1" * 500 + " = age", "too_deep"),
        ("not " * 3_000 + "vip", "too_many_nodes"),
        ("-" * 3_000 + "1 = age", "too_many_nodes"),
        ("city in (" + ",".join(["'a'"] * 1_500) + ")", "too_many_nodes"),
        ("age in (" + ",".join("1" * 1_200) + ")", "too_many_nodes"),
        ("case " + "when vip then 1 " * 900 + "end = 1", "too_many_nodes"),
        ("lower(" * 300 + "city" + ")" * 300 + " = 'a'", "too_deep"),
        ("a" * 30_000, "too_long"),
        ("case when " * 25 + "age" + " * 2 * 2 > 1 then 1 end" * 25 + " = 1", "too_deep"),
    ],
)
def test_what_is_too_much_is_refused_at_once(rule: str, code: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(BadRule) as caught:
        condition(rule, CATALOGUE)
    assert caught.value.problems[0].code == code
    assert time.perf_counter() - begun < 1


TALL = (
    "(" * 38 + "age = 1" + ") is null" * 38,
    "age" + " + 1" * 38 + " = 1",
    "1 / (" * 19 + "age" + ")" * 19 + " = 1",
    "coalesce(age + " * 16 + "age" + ", 2)" * 16 + " = 1",
    "abs(age / " * 19 + "age" + ")" * 19 + " = 1",
    "case when 1 + " * 11 + "age = 1" + " then 1 else 2 end = 2" * 11,
    "case " + "when vip then 1 " * 480 + "end = 1",
    "coalesce(" + "age, " * 990 + "1) = 1",
)


@pytest.mark.parametrize("rule", TALL, ids=range(len(TALL)))
def test_a_tall_rule_is_written_out_no_larger_than_it_is(rule: str) -> None:
    node = condition(rule, CATALOGUE)
    begun = time.perf_counter()
    assert compile_condition(node)({"age": 1}, TODAY) in {True, False}
    table = ibis.table({name: column_type(type_) for name, type_ in columns().items()}, name="members")
    assert len(ibis.to_sql(table.select(answer=to_ibis(node, table, TODAY)), dialect="duckdb")) < 100_000
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize(
    "rule",
    [
        "__import__('os').system('true') = 1",
        "city.__class__ = 'a'",
        "vip; import os",
        "lambda: 1",
        "get('x') = 1",
        "exec('1') = 1",
        "city = '' or __builtins__",
        "f'{1}' = city",
        "city = $1",
        "city = `id`",
        "(select 1) = 1",
        "vip union select 1",
        "read_csv('/etc/passwd') = 1",
    ],
)
def test_nothing_but_the_language_is_understood(rule: str) -> None:
    with pytest.raises(BadRule):
        condition(rule, CATALOGUE)


@pytest.mark.parametrize(
    "text", ["'\n import os", '"""', "{0}", "%s", "\\", "c0", "values", "'); DROP TABLE x; --"]
)
def test_a_text_stays_a_text(text: str) -> None:
    from guanxi.rules.model import quote

    holds = compile_condition(condition(f"city = {quote(text)}", CATALOGUE))
    assert holds({"city": text}, TODAY)
    assert not holds({"city": "x"}, TODAY)


def test_no_pattern_makes_matching_slow() -> None:
    pattern = like_expression("%a" * 60 + "%b")
    begun = time.perf_counter()
    assert pattern.fullmatch("a" * 20_000) is None
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("", [""], ["a"]),
        ("%", ["", "a\nb"], []),
        ("a%", ["a", "ab"], ["ba"]),
        ("%a", ["a", "ba"], ["ab"]),
        ("a%a", ["aa", "aba"], ["a"]),
        ("%ab%ab", ["abab", "xabyab"], ["ab", "xaba"]),
        ("a_c%", ["abc", "a杭cd"], ["ac"]),
        ("%_", ["a"], [""]),
        ("%%b_%%d", ["bxd", "abbxydd"], ["bd"]),
        (".*", [".*"], ["ab"]),
    ],
)
def test_like(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    expression = like_expression(pattern)
    assert all(expression.fullmatch(text) for text in fits)
    assert not any(expression.fullmatch(text) for text in fits_not)


WHOLE = (
    "in_audience('loyal') and not city like 'a%' or count(order.paid where category in ('A', 'B'), 30d) > -1",
    "case when birthday >= date '2026-01-31' then coalesce(age, 1) else 2 end between 1 and 3",
    "tags has any ('a', 'b') and city is not null and (spent + ¥5) * 2 / 3 <> 1",
)


@pytest.mark.parametrize("rule", WHOLE)
def test_a_rule_that_breaks_off_anywhere_is_refused(rule: str) -> None:
    assert condition(rule, CATALOGUE).type is Type.BOOL
    for end in range(len(rule)):
        with contextlib.suppress(
            BadRule
        ):  # a part may be a rule itself; whatever else is raised would be a fault
            condition(rule[:end], CATALOGUE)
