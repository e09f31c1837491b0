from __future__ import annotations

from dataclasses import replace

import pytest

from guanxi.kernel.text import Text
from guanxi.rules import Known, Type, parse, sentence
from tests.rules.shop import CATALOGUE


@pytest.mark.parametrize(
    ("rule", "zh", "en"),
    [
        (
            "sum(order.paid.amount, 90d) >= 50000",
            "近 90 天支付订单的实付金额合计不少于 ¥500.00",
            "total amount paid of “Paid an order” in the last 90 days is at least ¥500.00",
        ),
        (
            "count(order.paid where category = 'GROCERY', 30d) = 0 and gender = 'f'",
            "近 30 天支付订单（品类为 GROCERY）的次数为 0，且性别为 女",
            "number of “Paid an order” (where category is GROCERY) in the last 30 days is 0 and gender is female",
        ),
        ("not in_audience('new')", "不属于人群「新客」", "is not in the audience “newcomers”"),
        ("birthday is not null or vip", "生日已知，或贵宾为 是", "birthday is known or VIP is yes"),
        ("first_seen >= '2026-01-31'", "首次到访不早于 2026-01-31", "first seen is not before 2026-01-31"),
        (
            "vip and (city in ('杭州', '上海') or not vip)",
            "贵宾为 是，且（城市是“杭州”、“上海”之一，或贵宾为 否）",
            "VIP is yes and (city is “杭州” or “上海” or VIP is no)",
        ),
        ("gender in ('f')", "性别为 女", "gender is female"),
        ("gender not in ('f', 'm')", "性别不是 女、男 中的任何一个", "gender is none of female, male"),
        ("not tags has 'a'", "标签不含 a", "tags does not have a"),
        ("not tags has any ('a', 'b')", "标签不含 a、b 中的任何一个", "tags has none of a, b"),
        ("not tags has all ('a', 'b')", "标签不同时含 a、b", "tags does not have all of a, b"),
        (
            "age between 18 and 35",
            "年龄在 18 到 35 之间（含两端）",
            "age is between 18 and 35 (both included)",
        ),
        (
            "spent not between ¥1 and ¥2",
            "消费不在 ¥1.00 到 ¥2.00 之间（含两端）",
            "spent is not between ¥1.00 and ¥2.00 (both included)",
        ),
        ("city not like '杭%'", "城市不形如“杭%”", "city does not look like “杭%”"),
        (
            "max(order.paid.amount where channel in ('live', 'x'), 9d) > ¥5",
            "近 9 天支付订单（渠道为 直播、x）的最大实付金额大于 ¥5.00",
            "largest amount paid of “Paid an order” (where channel is Live or x) in the last 9 days is more than ¥5.00",
        ),
        (
            "distinct(order.paid.category, 9d) > 2",
            "近 9 天支付订单的不同品类数大于 2",
            "number of different values of category of “Paid an order” in the last 9 days is more than 2",
        ),
        (
            "count(order.paid where store_id = '7', 9d) > 2",
            "近 9 天支付订单（门店为 7）的次数大于 2",
            "number of “Paid an order” (where store is 7) in the last 9 days is more than 2",
        ),
        (
            "case when vip then 1 else age + 2 * age - 3 end > 1",
            "（若贵宾为 是，则为 1；否则为 年龄 + （2 × 年龄） - 3）大于 1",
            "(if VIP is yes then 1; otherwise age + (2 × age) - 3) is more than 1",
        ),
        ("days_since(birthday) > 3", "生日距今的天数大于 3", "days since birthday is more than 3"),
        ("RFM = 1 or RFM is null", "RFM 为 1，或 RFM 未知", "RFM is 1 or RFM is unknown"),
        ("tags has any ('a', 'b')", "标签含 a、b 之一", "tags has one of a, b"),
    ],
)
def test_a_rule_is_read_back(rule: str, zh: str, en: str) -> None:
    orders = CATALOGUE.events["order.paid"]
    channel = replace(orders.dimensions["channel"], called={"live": Text("直播", "Live")})
    named = replace(orders, dimensions={**orders.dimensions, "channel": channel})
    catalogue = replace(
        CATALOGUE,
        attributes={**CATALOGUE.attributes, "RFM": Known(Type.INT, Text("RFM", "RFM"))},
        events={**CATALOGUE.events, "order.paid": named},
    )
    node = parse(rule, catalogue)
    assert sentence(node, catalogue, "zh") == zh
    assert sentence(node, catalogue, "en") == en
