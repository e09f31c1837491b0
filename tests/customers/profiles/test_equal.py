"""One member from the daily buckets, and everybody from facts: the same, whatever happened and in whatever order."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, note, settings, strategies as st

from tests.customers.histories import plans
from tests.customers.profiles.histories import aggregates, histories
from tests.customers.profiles.questions import Asker, compare
from tests.customers.state import forget_everything
from tests.customers.test_any_order import send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.rules import Node, Window
    from tests.customers.conftest import Customers
    from tests.customers.histories import Happening, Plan

_SETTINGS = {"suppress_health_check": list(HealthCheck), "deadline": None}
_THEN = st.lists(
    st.sampled_from(["", "project", "hand over", "ask", "ask behind", "compact"]), min_size=5, max_size=5
)


def check(asker: Asker, windows: Sequence[Window], rule: Node, days: Sequence[int]) -> None:
    """Ask as of several days; what is kept from one to the next makes no difference."""
    for day in days:
        compare(windows, asker.each(windows, day), asker.all(windows, day, keep=True))
    as_of, true = days[0], asker.profiles.is_true
    each, everybody = asker.each(windows, as_of), asker.all(windows, as_of)
    compare(windows, each, everybody)
    told = asker.each([rule], as_of)
    assert {one for one in everybody if true(rule, told[one], as_of)} == asker.matching(rule, as_of)


def play(
    customers: Customers,
    history: Sequence[Happening],
    plan: Plan,
    then: Sequence[str],
    asked: tuple[Sequence[str], str, Sequence[int]],
) -> None:
    forget_everything(customers)
    asker = Asker(customers)
    windows = [one for text in asked[0] if (one := asker.window(text)).online]
    rule, days = asker.rule(asked[1]), [asker.today() - ago for ago in asked[2]]
    edges = [0, *plan.cuts, len(plan.order)]
    for (start, end), step in zip(pairwise(edges), then, strict=False):
        send(customers, [history[place] for place in plan.order[start:end]])
        if step == "ask behind":
            customers.projection.run("shop", 2)
        elif step:
            customers.project(limit=3)
        if step in {"hand over", "compact"}:
            customers.hand_over()
        if step == "compact":
            with customers.installation.database.tail.reading() as tx:
                customers.installation.log.lake_in(tx, "shop").compact(small_files=1)
        if step.startswith("ask"):
            check(asker, windows, rule, days)
    customers.project(limit=5)
    check(asker, windows, rule, days)


def run(customers: Customers, examples: int) -> None:
    @settings(max_examples=examples, **_SETTINGS)  # type: ignore[arg-type]
    @given(data=st.data())
    def equal(data: Any) -> None:
        history = data.draw(histories())
        plan, then = data.draw(plans(len(history))), data.draw(_THEN)
        texts = data.draw(st.lists(aggregates(), min_size=1, max_size=6))
        rule = data.draw(rules())
        asked = (texts, rule, data.draw(st.lists(st.integers(-1, 70), min_size=1, max_size=3)))
        note(f"{history}\n{plan}\n{then}\n{asked}")
        play(customers, history, plan, then, asked)

    equal()


@st.composite
def rules(draw: st.DrawFn) -> str:
    """A rule over windows that the buckets can answer."""
    terms = draw(
        st.lists(
            st.sampled_from(
                [
                    "sum(order.paid.amount, 30d) >= 50000",
                    "count(order.paid where channel in ('live', 'web'), 60d) > 1",
                    "not last(order.paid, 14d) < today()",
                    "avg(order.paid.discount, 60d) is null",
                    "max(order.refunded.amount, 20d) / count(order.refunded, 20d) > 10",
                    "sum(order.paid.amount where category in ('茶', '酒'), 45d) between 0 and 9999",
                    "distinct(order.paid.category, 40d) = 2",
                ]
            ),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    return draw(st.sampled_from([" and ", " or "])).join(terms)


def test_both_say_the_same(customers: Customers, dialect: str) -> None:
    run(customers, 14 if dialect == "sqlite" else 9)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_both_say_the_same_of_many(customers: Customers, dialect: str) -> None:
    run(customers, 45 if dialect == "sqlite" else 20)
