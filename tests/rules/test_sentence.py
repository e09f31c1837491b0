from __future__ import annotations

import pytest

from guanxi.rules import parse, sentence
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
            "近 30 天支付订单（品类为 GROCERY）次数为 0，且性别为 女",
            "number of “Paid an order” (where category is GROCERY) in the last 30 days is 0 and gender is female",
        ),
        ("not in_audience('new')", "不属于人群「新客」", "is not in the audience “newcomers”"),
        ("birthday is not null or vip", "生日已知，或贵宾", "birthday is known or VIP"),
        ("first_seen >= '2026-01-31'", "首次到访不早于 2026-01-31", "first seen is not before 2026-01-31"),
        ("tags has any ('a', 'b')", "标签含 a、b 之一", "tags has one of a, b"),
    ],
)
def test_a_rule_is_read_back(rule: str, zh: str, en: str) -> None:
    node = parse(rule, CATALOGUE)
    assert sentence(node, CATALOGUE, "zh") == zh
    assert sentence(node, CATALOGUE, "en") == en
