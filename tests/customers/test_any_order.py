"""Stream and batch give the same: whatever the order of arrival, the size of batches, and the hand-overs in between."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, note, settings, strategies as st

from guanxi.kernel.clock import to_rfc3339
from tests.customers.histories import Decided, Happening, Plan, histories, plans
from tests.customers.state import State, forget_everything, resolved_afresh, state_of
from tests.installation import NOW

if TYPE_CHECKING:
    from tests.customers.conftest import Customers

_SETTINGS = {"suppress_health_check": list(HealthCheck), "deadline": None}


def send(customers: Customers, happenings: list[Happening]) -> None:
    customers.send(*(one for one in happenings if isinstance(one, dict)))
    one = customers.installation
    for said in happenings:
        if isinstance(said, Decided):
            one.clock.move(said.at - NOW)
            event = customers.intake.internal_event(
                one.merchant, said.type, said.key, list(said.pair), {"by": said.by, "with": "x", "from": "x"}
            )
            one.clock.move(NOW - said.at)
            one.log.accept([event])


def in_one_go(customers: Customers, history: list[Happening]) -> State:
    forget_everything(customers)
    send(customers, sorted(history, key=_when))
    customers.project(limit=10_000)
    return state_of(customers)


def _when(one: Happening) -> tuple[str, str]:
    return (to_rfc3339(one.at), one.key) if isinstance(one, Decided) else (one["timestamp"], one["messageId"])


def as_it_comes(customers: Customers, history: list[Happening], plan: Plan) -> State:
    forget_everything(customers)
    edges = [0, *plan.cuts, len(plan.order)]
    for index, (start, end) in enumerate(pairwise(edges)):
        send(customers, [history[place] for place in plan.order[start:end]])
        step = plan.steps[index]
        if step:
            customers.project(limit=3)
        if step == "hand over":
            customers.hand_over()
    customers.project(limit=2)
    return state_of(customers)


def check(customers: Customers, history: list[Happening], plan: Plan) -> None:
    expected, got = in_one_go(customers, history), as_it_comes(customers, history, plan)
    for name, rows in expected.items():
        assert got[name] == rows, name
    members, holdings = resolved_afresh(customers)
    assert [row[0] for row in got["members"]] == members
    assert got["holdings"] == holdings


def run(customers: Customers, examples: int) -> None:
    @settings(max_examples=examples, **_SETTINGS)  # type: ignore[arg-type]
    @given(data=st.data())
    def any_order(data: Any) -> None:
        history = data.draw(histories())
        plan = data.draw(plans(len(history)))
        note(f"{history}\n{plan}")
        check(customers, history, plan)

    any_order()


def test_any_order_gives_the_same(customers: Customers, dialect: str) -> None:
    run(customers, 20 if dialect == "sqlite" else 8)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_many_orders_give_the_same(customers: Customers, dialect: str) -> None:
    run(customers, 250 if dialect == "sqlite" else 60)
