"""The visual side of a rule: what its rows say, and the rows of what a rule says."""

from __future__ import annotations

import pytest

from guanxi.console.audiences import rows
from guanxi.console.audiences.overlap import circles, lens
from guanxi.console.audiences.rows import Group, Row
from guanxi.console.audiences.saving import proposed
from guanxi.customers.audiences.model import Overlap
from guanxi.kernel.text import Text
from guanxi.rules import Catalogue, Dimension, EventType, Known, Measure, Type, condition
from guanxi.rules.form import to_form, to_text


def said(zh: str) -> Text:
    return Text(zh, zh)


CATALOGUE = Catalogue(
    {
        "age": Known(Type.INT, said("年龄")),
        "spent": Known(Type.MONEY, said("消费")),
        "stage": Known(Type.TEXT, said("阶段"), {"loyal": said("复购"), "asleep": said("沉睡")}),
        "city": Known(Type.TEXT, said("城市")),
        "vip": Known(Type.BOOL, said("会员卡")),
        "birthday": Known(Type.DATE, said("生日")),
        "tags": Known(Type.SET, said("印象")),
    },
    {
        "order.paid": EventType(
            said("支付"),
            {"amount": Measure(Type.MONEY, said("实付")), "discount": Measure(Type.MONEY, said("优惠"))},
            {
                "category": Dimension(said("品类"), ("amount",), each=True),
                "channel": Dimension(said("渠道"), ("amount",)),
            },
        )
    },
    {"gifted": said("礼盒")},
)

RULES = [
    "spent >= ¥500",
    "spent between ¥1.5 and ¥20",
    "age >= 18 and age < 35",
    "stage = 'loyal' or stage = 'asleep'",
    "stage in ('loyal', 'asleep')",
    "city not in ('上海', 'O''Fallon')",
    "contains(city, '海')",
    "vip",
    "not vip",
    "birthday is not null",
    "birthday >= date '2000-01-31'",
    "days_since(birthday) <= 30",
    "tags has any ('甜', '咸')",
    "in_audience('gifted')",
    "not in_audience('gifted')",
    "sum(order.paid.amount, 90d) >= ¥500",
    "count(order.paid where channel = 'web', 30d) >= 2",
    "sum(order.paid.amount where category in ('tea', 'cups'), 7d) > ¥99.9",
    "distinct(order.paid.category, 365d) >= 3",
    "days_since(last(order.paid, 365d)) >= 60",
    "age >= 18 and (vip or in_audience('gifted') or spent >= ¥1)",
]


@pytest.mark.parametrize("rule", RULES)
def test_the_rows_of_a_rule_say_the_same_rule(rule: str) -> None:
    node = condition(rule, CATALOGUE)
    group = rows.shown(to_form(node), CATALOGUE)
    assert group is not None
    fields = list(written(group))
    assert rows.read(fields) == group
    meant = rows.meant(rows.read(fields), CATALOGUE)
    assert meant.form is not None
    assert not meant.missing
    assert condition(to_text(meant.form), CATALOGUE) == node


def written(group: Group, place: str = "") -> list[tuple[str, str]]:
    """Return the fields that a page with these rows sends."""
    fields = [(f"join@{place}", group.join)]
    for number, item in enumerate(group.items):
        here = f"{place}.{number}".lstrip(".")
        if isinstance(item, Group):
            fields += written(item, here)
            continue
        fields += [
            (f"subject@{here}", item.subject),
            (f"what@{here}", item.what),
            (f"days@{here}", item.days),
            (f"where@{here}", item.dimension),
            (f"op@{here}", item.op),
            *((f"chosen@{here}", one) for one in item.chosen),
            *((f"value@{here}", one) for one in item.values),
        ]
        if item.op in {"in", "not_in", "has_any", "has_all"} and item.values:
            fields.append((f"listed@{here}", "yes"))
    return fields


@pytest.mark.parametrize("rule", ["spent > age", "age + 1 > 2", "not (age > 1 and vip)", "spent >= 10.5"])
def test_a_rule_that_says_more_has_no_rows(rule: str) -> None:
    assert rows.shown(to_form(condition(rule, CATALOGUE)), CATALOGUE) is None


@pytest.mark.parametrize(
    ("row", "lack"),
    [
        (Row(), rows.CHOOSE),
        (Row("attribute:nothing"), rows.CHOOSE),
        (Row("attribute:spent", op=">="), rows.FILL_IN),
        (Row("attribute:spent", op=">=", values=("viel",)), rows.NO_AMOUNT),
        (Row("attribute:spent", op=">=", values=("1.005",)), rows.NO_AMOUNT),
        (Row("attribute:age", op=">=", values=("１8x",)), rows.NO_NUMBER),
        (Row("attribute:age", op=">=", values=("nan",)), rows.NO_NUMBER),
        (Row("attribute:age", op="between", values=("1", "")), rows.FILL_IN),
        (Row("attribute:birthday", op="days_ago_at_most", values=("-3",)), rows.NO_DAYS),
        (Row("event:order.paid", "count", "0", op=">=", values=("1",)), rows.NO_DAYS),
        (Row("event:order.paid", "count", dimension="channel", op=">=", values=("1",)), rows.NO_SLICE),
    ],
)
def test_what_is_not_filled_in_does_not_count_yet(row: Row, lack: str) -> None:
    done = Row("attribute:vip", op="=", values=("true",))
    meant = rows.meant(Group("and", (done, Group("or", (row,)))), CATALOGUE)
    assert meant.missing == {"1.0": lack}
    assert meant.form == {
        "join": "and",
        "items": [{"subject": {"attribute": "vip"}, "op": "=", "value": True}],
    }


def test_amounts_are_read_as_people_write_them() -> None:
    for text in ("500", "500.00", "¥500", "5,00", "500元"):
        row = Row("attribute:spent", op=">=", values=(text,))
        form = rows.meant(Group("and", (row,)), CATALOGUE).form
        assert form is not None
        assert to_text(form) == "spent >= ¥500"


def test_another_subject_keeps_what_still_fits() -> None:
    row = Row("event:order.paid", "sum amount", "30", "category", ("tea",), ">=", ("500",))
    other = rows.settled(
        Row("attribute:age", "sum amount", "30", "category", ("tea",), ">=", ("500",)), CATALOGUE
    )
    assert rows.settled(row, CATALOGUE) == row
    assert other == Row("attribute:age", op=">=", values=("500",))
    dated = rows.settled(Row("attribute:birthday", op="contains", values=("a", "b")), CATALOGUE)
    assert (dated.op, dated.values) == ("days_ago_at_most", ("a",))


def test_rows_are_added_and_taken_off() -> None:
    group = rows.act(Group(), "add@", {})
    assert group == Group("and", (Row(),))
    ready = {"spent": Row("attribute:spent", op=">=")}
    group = rows.act(group, "spent@", ready)
    assert group.items == (ready["spent"],)
    group = rows.act(rows.act(group, "group@", {}), "spent@1", ready)
    assert group.items == (ready["spent"], Group("or", (ready["spent"],)))
    group = rows.act(group, "add@1", {})
    assert group.items[1] == Group("or", (ready["spent"], Row()))
    assert rows.act(group, "drop@1.0", {}).items[1] == Group("or", (Row(),))
    assert rows.act(rows.act(group, "drop@1.0", {}), "drop@1.0", {}).items == (ready["spent"],)
    assert rows.act(group, "drop@0", {}).items == group.items[1:]
    for nonsense in ("drop@9", "drop@x", "add@9.9", "what", ""):
        assert len(rows.act(group, nonsense, {}).items) in {2, 3}


def test_a_key_is_made_from_the_english_name() -> None:
    assert proposed("Big spenders!", set()) == "big_spenders"
    assert proposed("Big spenders", {"big_spenders"}) == "big_spenders_2"
    assert proposed("", set()) == "audience_1"
    assert proposed("", {"audience_1"}) != "audience_1"
    assert proposed("90 days", set()) == "audience_90_days"


@pytest.mark.parametrize(
    "found", [Overlap(100, 100, 50), Overlap(1000, 10, 3), Overlap(7, 90, 7), Overlap(5, 5, 0)]
)
def test_circles_share_what_the_audiences_share(found: Overlap) -> None:
    drawn = circles(found)
    one, other = drawn["one"], drawn["other"]
    unit = max(found.one, found.other) / (3.14159265 * max(one["r"], other["r"]) ** 2)
    shared = lens(one["r"], other["r"], abs(other["x"] - one["x"])) * unit
    assert shared == pytest.approx(found.both, abs=0.01 * max(found.one, found.other))
    for circle in (one, other):
        assert circle["x"] - circle["r"] >= 0
        assert circle["x"] + circle["r"] <= drawn["width"]


def test_numbers_stand_where_they_have_room() -> None:
    assert [one["number"] for one in circles(Overlap(425, 1113, 192))["numbers"]] == [233, 192, 921]
    assert [one["number"] for one in circles(Overlap(1000, 10, 10))["numbers"]] == [990]
    assert [one["number"] for one in circles(Overlap(50, 60, 0))["numbers"]] == [50, 60]


def test_circles_of_nobody_are_points() -> None:
    assert circles(Overlap(0, 0, 0))["one"]["r"] == 0
