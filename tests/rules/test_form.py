"""The form and the text of a rule are two views of one thing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from guanxi.rules import Type, condition, parse
from guanxi.rules.form import BadForm, to_form, to_text
from guanxi.rules.model import Aggregation
from guanxi.rules.operators import AGGREGATES, OF_AUDIENCES, TAKES, Of, Operator, Takes, operators
from guanxi.rules.unparse import text
from tests.rules.shop import CATALOGUE
from tests.rules.writing import conditions

_ALL = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
_texts = st.text(st.sampled_from("aZ 杭'\"%_（\n"), max_size=4)
_windows = st.one_of(
    st.fixed_dictionaries(
        {
            "how": st.sampled_from(["sum", "min", "max", "avg"]),
            "event": st.just("order.paid"),
            "field": st.sampled_from(["amount", "discount"]),
            "days": st.integers(1, 3650),
        },
        optional={"dimension": st.just(""), "values": st.just([])},
    ),
    st.fixed_dictionaries(
        {
            "how": st.just("count"),
            "event": st.just("order.paid"),
            "field": st.just(""),
            "dimension": st.sampled_from(["category", "channel"]),
            "values": st.lists(_texts, min_size=1, max_size=3),
            "days": st.integers(1, 3650),
        }
    ),
    st.fixed_dictionaries(
        {
            "how": st.sampled_from(["first", "last"]),
            "event": st.sampled_from(["page", "order.paid"]),
            "days": st.integers(1, 9),
        }
    ),
)
_numbers = st.one_of(st.integers(-(2**53), 2**53), st.floats(-1e15, 1e15, allow_nan=False))
_values: dict[Type, st.SearchStrategy[Any]] = {
    Type.INT: _numbers,
    Type.MONEY: _numbers,
    Type.NUMBER: _numbers,
    Type.TEXT: _texts,
    Type.DATE: st.dates().map(str),
    Type.SET: _texts,
    Type.BOOL: st.booleans(),
}


@st.composite
def single(draw: st.DrawFn) -> dict[str, Any]:
    """A condition that picks what there is, as a page that asks ``operators`` makes it."""
    kind = draw(st.sampled_from(["attribute", "window", "audience"]))
    if kind == "audience":
        op = draw(st.sampled_from(operators(None)))
        return {"subject": {"audience": draw(st.sampled_from(["loyal", "new"]))}, "op": op.op}
    if kind == "window":
        window = draw(_windows)
        made: dict[str, Any] = {"subject": {"window": window}}
        type_ = {"count": Type.INT, "first": Type.DATE, "last": Type.DATE}.get(str(window["how"]), Type.MONEY)
    else:
        name = draw(st.sampled_from([name for name in CATALOGUE.attributes if name != "gender"]))
        made, type_ = {"subject": {"attribute": name}}, CATALOGUE.attributes[name].type
    op = draw(st.sampled_from(operators(type_)))
    made["op"] = op.op
    values = _values[type_]
    if type_ is Type.MONEY and op.takes is not Takes.NOTHING and draw(st.booleans()):
        made["money"], values = True, st.integers(-(2**53), 2**53)
    if op.takes is Takes.DAYS:
        made["value"] = draw(st.integers(-10, 4000))
    elif op.takes is Takes.ONE:
        made["value"] = draw(values)
        assume(op.op not in {"like", "not_like"} or "\\" not in made["value"])
    elif op.takes is not Takes.NOTHING:
        two = op.takes is Takes.TWO
        made["values"] = draw(st.lists(values, min_size=2 if two else 1, max_size=2 if two else 4))
    return made


def groups(items: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"join": st.sampled_from(["and", "or"]), "items": st.lists(items, min_size=1, max_size=4)}
    )


forms = groups(single() | groups(single()))


@_ALL
@given(form=forms)
def test_a_form_is_a_rule_and_the_rule_is_that_form(form: dict[str, Any]) -> None:
    node = condition(to_text(form), CATALOGUE)
    again = to_form(node)
    assert again is not None
    assert condition(to_text(again), CATALOGUE) == node
    assert to_form(condition(to_text(again), CATALOGUE)) == again
    assert json.loads(json.dumps(again)) == again


@_ALL
@given(rule=conditions(2))
def test_a_rule_that_has_a_form_comes_back_as_it_was(rule: str) -> None:
    node = condition(rule, CATALOGUE)
    form = to_form(node)
    if form is not None:
        assert condition(to_text(form), CATALOGUE) == node
        assert to_text(form) == text(node)


@pytest.mark.parametrize(
    ("rule", "items"),
    [
        ("vip", [{"subject": {"attribute": "vip"}, "op": "=", "value": True}]),
        ("vip = false", [{"subject": {"attribute": "vip"}, "op": "=", "value": False}]),
        ("spent >= ¥500", [{"subject": {"attribute": "spent"}, "op": ">=", "value": 50_000, "money": True}]),
        ("spent >= 50000", [{"subject": {"attribute": "spent"}, "op": ">=", "value": 50_000}]),
        (
            "birthday < '2000-01-01'",
            [{"subject": {"attribute": "birthday"}, "op": "<", "value": "2000-01-01"}],
        ),
        (
            "days_since(first_seen) <= 30",
            [{"subject": {"attribute": "first_seen"}, "op": "days_ago_at_most", "value": 30}],
        ),
        (
            "age not between 1 and 2",
            [{"subject": {"attribute": "age"}, "op": "not_between", "values": [1, 2]}],
        ),
        (
            "not contains(city, '杭')",
            [{"subject": {"attribute": "city"}, "op": "not_contains", "value": "杭"}],
        ),
        ("not tags has 'a'", [{"subject": {"attribute": "tags"}, "op": "not_has_all", "values": ["a"]}]),
        ("vip is not null", [{"subject": {"attribute": "vip"}, "op": "is_not_null"}]),
        ("not in_audience('new')", [{"subject": {"audience": "new"}, "op": "not_in"}]),
        (
            "count(order.paid where category = 'A', 30d) = 0",
            [
                {
                    "subject": {
                        "window": {
                            "how": "count",
                            "event": "order.paid",
                            "field": "",
                            "dimension": "category",
                            "values": ["A"],
                            "days": 30,
                        }
                    },
                    "op": "=",
                    "value": 0,
                }
            ],
        ),
    ],
)
def test_one_condition(rule: str, items: list[dict[str, Any]]) -> None:
    assert to_form(condition(rule, CATALOGUE)) == {"join": "and", "items": items}
    assert condition(to_text({"join": "or", "items": items}), CATALOGUE) == condition(rule, CATALOGUE)


def test_groups() -> None:
    rule = "(vip and age between 1 and 2) or in_audience('new')"
    form = to_form(condition(rule, CATALOGUE))
    assert form is not None
    assert (form["join"], form["items"][0]["join"], len(form["items"])) == ("or", "and", 2)
    assert to_text(form) == rule


@pytest.mark.parametrize(
    "rule",
    [
        "age + 1 > 2",
        "spent > age",
        "3 < age",
        "age > 1 and (vip or (age < 3 and vip))",
        "not (vip and age = 1)",
        "not (age = 1)",
        "lower(city) = 'a'",
        "contains('a', city)",
        "case when vip then 1 else 2 end = 1",
        "(age = 1) is null",
        "in_audience('new') is null",
        "spent in (¥5, 600)",
        "age > ¥5",
        "city < 'a'",
        "birthday > today()",
        "days_since(birthday) = 3",
        "true",
        "not (not vip)",
    ],
)
def test_a_rule_that_says_more_has_no_form(rule: str) -> None:
    assert to_form(condition(rule, CATALOGUE)) is None


GOOD: dict[str, Any] = {
    "join": "and",
    "items": [
        {"subject": {"attribute": "age"}, "op": "between", "values": [1, 2]},
        {
            "join": "or",
            "items": [
                {
                    "subject": {
                        "window": {"how": "sum", "event": "order.paid", "field": "amount", "days": 90}
                    },
                    "op": ">=",
                    "value": 50_000,
                    "money": True,
                },
                {"subject": {"audience": "new"}, "op": "in"},
            ],
        },
    ],
}
_GONE = object()


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ([], [], "items"),
        ([], {"items": []}, "items"),
        (["join"], "xor", "join"),
        (["join"], {}, "join"),
        (["items"], [], "items"),
        (["items", 0], 3, "items[0]"),
        (["items", 0], {}, "items[0].subject"),
        (["items", 0, "subject"], {"attribute": ""}, "items[0].subject.attribute"),
        (["items", 0, "subject"], {"attribute": "a", "audience": "b"}, "items[0].subject"),
        (["items", 0, "subject"], {"column": "a"}, "items[0].subject"),
        (["items", 0, "op"], "; drop", "items[0].op"),
        (["items", 0, "op"], [], "items[0].op"),
        (["items", 0, "values"], [1], "items[0].values"),
        (["items", 0, "values"], [1, 2, 3], "items[0].values"),
        (["items", 0, "values"], _GONE, "items[0].values"),
        (["items", 0, "values"], [1, None], "items[0].values[1]"),
        (["items", 0, "values"], [1, float("nan")], "items[0].values[1]"),
        (["items", 0, "values"], [10**5000, 1], "items[0].values[0]"),
        (["items", 0, "value"], 3, "items[0].value"),
        (["items", 0, "money"], "yes", "items[0].money"),
        (["items", 0, "op"], "is_null", "items[0].values"),
        (["items", 1, "items", 0, "value"], 0.5, "items[1].items[0].value"),
        (["items", 1, "items", 0, "value"], True, "items[1].items[0].value"),
        (
            ["items", 1, "items", 0, "subject", "window", "days"],
            0,
            "items[1].items[0].subject.window.days",
        ),
        (
            ["items", 1, "items", 0, "subject", "window", "how"],
            "eval",
            "items[1].items[0].subject.window.how",
        ),
        (
            ["items", 1, "items", 0, "subject", "window", "dimension"],
            "category",
            "items[1].items[0].subject.window.values",
        ),
        (["items", 1, "items", 1, "value"], 1, "items[1].items[1].value"),
        (["items", 1, "items", 1, "op"], ">", "items[1].items[1].op"),
        (["items", 1, "items", 1], {"join": "and", "items": [{}]}, "items[1].items[1]"),
    ],
)
def test_a_broken_form_is_refused_at_its_place(path: list[Any], value: Any, place: str) -> None:
    to_text(GOOD)
    broken: Any = copy.deepcopy(GOOD)
    at = broken
    for step in path[:-1]:
        at = at[step]
    if not path:
        broken = value
    elif value is _GONE:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    with pytest.raises(BadForm) as caught:
        to_text(broken)
    assert caught.value.params["place"] == place
    assert caught.value.message.zh != caught.value.message.en


def test_no_name_or_value_breaks_out_of_its_place() -> None:
    form = copy.deepcopy(GOOD)
    form["items"] = [{"subject": {"attribute": 'age" = 1 or "vip'}, "op": "=", "value": "' or true or '"}]
    assert to_text(form) == """"age"" = 1 or ""vip" = ''' or true or '''"""


@pytest.mark.parametrize("type_", [*Type, None])
def test_every_operator_says_what_it_takes_in_both_languages(type_: Type | None) -> None:
    found = operators(type_)
    assert len({one.op for one in found}) == len({one.label.zh for one in found}) == len(found)
    for one in found:
        assert isinstance(one, Operator)
        assert one.label.zh != one.label.en
        assert (OF_AUDIENCES if type_ is None else TAKES)[one.op] is one.takes


def test_every_aggregation_is_offered_once_with_what_it_gives() -> None:
    assert sorted(one.how for one in AGGREGATES) == sorted(Aggregation)
    field = {Of.EVENT: "", Of.MEASURE: ".amount", Of.DIMENSION: ".category"}
    for one in AGGREGATES:
        node = parse(f"{one.how}(order.paid{field[one.of]}, 9d)", CATALOGUE)
        assert node.type is (one.gives or Type.MONEY)
