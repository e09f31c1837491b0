"""Killed with ``kill -9`` anywhere in an erasure: it goes on where it was, and nobody else loses anything."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.customers.privacy import nursery
from tests.customers.privacy.shop import BO, DAY, NAMES, openid, order, phone, profile
from tests.customers.privacy.test_erasure import remnants

if TYPE_CHECKING:
    from tests.customers.privacy.shop import Shop

PEOPLE = 30


def crowd(shop: Shop) -> list[str]:
    """Thirty people with orders of several months, some handed over and some not, and Bo."""
    digits = [f"137{n:04}{n * 37:04}" for n in range(1, PEOPLE + 1)]
    for n, one in enumerate(digits):
        shop.send(
            profile(f"profile-{n}", openid(f"crowd-openid-{n}"), ago=90 * DAY, phone=one, name=f"王某某{n}"),
            *(
                order(f"crowd-order-{n}-{k}", phone(one), fen=n + k, ago=(80 - 20 * k) * DAY)
                for k in range(4)
            ),
        )
        if n == PEOPLE // 2:
            shop.send(profile("bo", openid("bo-wx"), ago=90 * DAY, phone=BO, name=NAMES[BO]))
            shop.customers.project()
            shop.customers.hand_over()
    shop.customers.project()
    return digits


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("how", "number", "least"), [("random", 12, 12), ("steps", 0, 14)])
def test_an_erasure_goes_on_where_it_was(shop: Shop, how: str, number: int, least: int) -> None:
    digits = crowd(shop)
    one = shop.customers.installation
    path = one.home.path
    (path / nursery.PEOPLE).write_text("\n".join(shop.member(phone(each)) for each in digits[:-1]))
    (path / nursery.ACCEPTED).write_text("")
    totals = shop.totals()
    one.database.dispose()
    run = subprocess.run(
        [sys.executable, "-m", "tests.customers.privacy.nursery", path, how, str(number)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) >= least
    (path / nursery.PEOPLE).unlink()
    erased = shop.rows("SELECT state FROM customer_erasure")
    assert len(erased) >= 1
    assert set(erased) == {("done",)}
    one.log.drain_beside("shop")
    shop.customers.project()
    gone = digits[: len(erased)]
    names = [f'王某某{n}"'.encode() for n in range(len(gone))]
    assert remnants(shop, *(each.encode() for each in gone), *names, b'"crowd-openid-0"') == []
    assert len(shop.export(phone(digits[-1]))["events"]) == 5
    mine = Counter(event["id"] for event in shop.export(phone(BO))["events"])
    accepted = (path / nursery.ACCEPTED).read_text().split()
    assert {key: mine[key] for key in accepted} == dict.fromkeys(accepted, 1)
    assert {row[:2] for row in totals} <= {row[:2] for row in shop.totals()}
    assert [row for row in shop.totals() if row[0] <= totals[-1][0]][: len(totals)] == totals
    count = one.log.lake("shop").count()[0][""] + one.log.backlog("shop")["rows"]
    assert count == 5 * PEOPLE + 1 + sum(mine.values()) - 1 + len(erased)
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state
