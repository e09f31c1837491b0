"""A catalogue, and members whose values are strange on purpose: unknown, at the edges, out of plain Unicode."""

from __future__ import annotations

from hypothesis import strategies as st

from guanxi.kernel.text import Text
from guanxi.rules import Catalogue, Dimension, EventType, Known, Measure, Type


def _both(zh: str, en: str) -> Text:
    return Text(zh, en)


CATALOGUE = Catalogue(
    attributes={
        "city": Known(Type.TEXT, _both("城市", "city")),
        "gender": Known(
            Type.TEXT, _both("性别", "gender"), {"f": _both("女", "female"), "m": _both("男", "male")}
        ),
        "age": Known(Type.INT, _both("年龄", "age")),
        "spent": Known(Type.MONEY, _both("消费", "spent")),
        "score": Known(Type.NUMBER, _both("评分", "score")),
        "vip": Known(Type.BOOL, _both("贵宾", "VIP")),
        "tags": Known(Type.SET, _both("标签", "tags")),
        "birthday": Known(Type.DATE, _both("生日", "birthday")),
        "first_seen": Known(Type.DATE, _both("首次到访", "first seen")),
        "标签": Known(Type.SET, _both("标签", "labels")),
    },
    events={
        "order.paid": EventType(
            _both("支付订单", "Paid an order"),
            measures={
                "amount": Measure(Type.MONEY, _both("实付金额", "amount paid")),
                "discount": Measure(Type.MONEY, _both("优惠", "discount"), always=False),
            },
            dimensions={
                "category": Dimension(_both("品类", "category"), ("amount",), each=True),
                "channel": Dimension(_both("渠道", "channel"), ("amount",)),
            },
            properties={"store_id": Measure(Type.TEXT, _both("门店", "store"))},
        ),
        "page": EventType(_both("浏览网页", "Viewed a page")),
    },
    audiences={"loyal": _both("忠诚客户", "loyal customers"), "new": _both("新客", "newcomers")},
)

WINDOWS = {
    "sum(order.paid.amount, 90d)": Type.MONEY,
    "count(order.paid, 30d)": Type.INT,
    "count(order.paid where category = 'GROCERY', 30d)": Type.INT,
    "avg(order.paid.amount, 365d)": Type.MONEY,
    "last(order.paid, 365d)": Type.DATE,
}
AUDIENCES = ("in_audience('loyal')", "in_audience('new')")
TODAY = 20_400

_LETTERS = st.text(st.sampled_from("aAzZ éÉ杭州%_'\\\t0９ßİ\U0001f600"), max_size=5)
_VALUES = {
    Type.TEXT: _LETTERS,
    Type.INT: st.one_of(st.integers(-3, 3), st.integers(-(2**53), 2**53)),
    Type.MONEY: st.one_of(st.sampled_from([0, 1, 49_999, 50_000, 50_001]), st.integers(-(2**53), 2**53)),
    Type.NUMBER: st.one_of(st.sampled_from([0.0, -0.0, 0.1, 1.5, 1e300, -1e300]), st.floats(-1e6, 1e6)),
    Type.BOOL: st.booleans(),
    Type.SET: st.frozensets(st.sampled_from(["a", "b", "杭州", ""]), max_size=3),
    Type.DATE: st.one_of(
        st.integers(TODAY - 40_000, TODAY + 400), st.sampled_from([-719_162, -141_428, 2_932_896])
    ),
}


def columns() -> dict[str, Type]:
    """Return everything a member has a value of."""
    own = {name: known.type for name, known in CATALOGUE.attributes.items()}
    return {**own, **WINDOWS, **dict.fromkeys(AUDIENCES, Type.BOOL)}


def members(count: int) -> st.SearchStrategy[list[dict[str, object]]]:
    """Give members, half of whose values are unknown."""
    one = st.fixed_dictionaries(
        {
            name: st.sampled_from([True, False]) if name in AUDIENCES else st.none() | _VALUES[type_]
            for name, type_ in columns().items()
        }
    )
    return st.lists(one, min_size=count, max_size=count)
