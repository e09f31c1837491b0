"""A merchant's own event types: an event counts as the version says under which it came, for one and for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from guanxi.customers.events.service import EventIntake, declare
from guanxi.customers.projection.jobs import Projection
from guanxi.kernel.errors import Conflict, InvalidInput
from tests.customers.privacy.shop import message, openid
from tests.customers.profiles.questions import Asker

if TYPE_CHECKING:
    from tests.customers.conftest import Customers
    from tests.customers.privacy.shop import Shop

ANNA = openid("anna-wx")
FIRST: dict[str, Any] = {
    "version": 1,
    "fields": {"steps": {"type": "int", "required": True}, "room": {"type": "text"}},
    "measures": {"steps": {}},
}
SECOND: dict[str, Any] = {
    "version": 2,
    "fields": {
        **FIRST["fields"],
        "fen": {"type": "money"},
        "seen": {"type": "list", "of": {"shelf": {"type": "text"}, "fen": {"type": "money"}}},
    },
    "measures": {"steps": {}, "spent": {"field": "fen"}},
    "dimensions": {
        "room": {"key": "room"},
        "shelf": {"each": "seen", "key": "shelf", "measures": {"spent": "fen"}},
    },
}
NEW = (
    "sum(visit.spent, 60d)",
    "count(visit where room = 'tea', 60d)",
    "sum(visit.steps where room = 'tea', 60d)",
    "sum(visit.spent where shelf = 'low', 60d)",
    "distinct(visit.shelf, 60d)",
    "distinct(visit.room, 60d)",
)


def declared(customers: Customers, spec: dict[str, Any]) -> None:
    """Declare ``visit``; the shop's own intake knows at once."""
    one = customers.installation
    with one.database.transaction() as tx:
        declare(tx, "shop", "visit", spec, one.clock.now())
    customers.intake.merchant("shop", fresh=True)


def visit(shop: Shop, key: str, **properties: Any) -> None:
    shop.send(message(key, [ANNA], event="visit", properties=properties))


def settle(shop: Shop, *, hand_over: bool) -> None:
    shop.customers.project()
    if hand_over:
        shop.customers.hand_over()


@pytest.mark.parametrize("hand_over", [False, True])
def test_older_events_lack_what_came_later(shop: Shop, asker: Asker, hand_over: bool) -> None:
    shop.send(
        {**message("event-0", [ANNA], event="visit"), "properties": {"steps": "many", "seen": ["x", 1]}}
    )
    declared(shop.customers, FIRST)
    visit(shop, "event-1", steps=1, fen=10, room="tea", seen=[{"shelf": "low", "fen": 3}])
    visit(shop, "event-2", steps=2, fen="dear", room="tea", seen="nothing")
    settle(shop, hand_over=hand_over)
    assert values(asker, "count(visit, 60d)", "sum(visit.steps, 60d)") == [3, 3]
    declared(shop.customers, SECOND)
    assert values(asker, *NEW) == [0] * 6
    visit(shop, "event-3", steps=4, fen=100, room="tea", seen=[{"shelf": "low", "fen": 30}, {"shelf": "top"}])
    visit(shop, "event-4", steps=8, room="wine")
    settle(shop, hand_over=hand_over)
    expected = [100, 1, 4, 30, 2, 2]
    assert values(asker, *NEW) == expected
    assert values(asker, "count(visit, 60d)", "sum(visit.steps, 60d)") == [5, 15]
    shop.customers.projection.rebuild("shop")
    shop.customers.project()
    assert values(asker, *NEW) == expected


def values(asker: Asker, *texts: str) -> list[Any]:
    """What Anna has, both ways."""
    assert all(asker.window(text).online for text in texts)
    (found,) = asker.agreed(*texts).values()
    return [found[asker.window(text).name] for text in texts]


def test_events_of_an_old_version_that_come_in_late_count_as_old(shop: Shop, asker: Asker) -> None:
    declared(shop.customers, FIRST)
    visit(shop, "event-1", steps=1, fen=10, room="tea")
    declared(shop.customers, SECOND)
    visit(shop, "event-2", steps=2, fen=20, room="tea")
    settle(shop, hand_over=True)
    assert values(asker, *NEW) == [20, 1, 2, 0, 0, 1]


def test_a_worker_that_has_not_heard_of_a_version_asks(shop: Shop, asker: Asker) -> None:
    one = shop.customers.installation
    intake = EventIntake(one.database, one.log, one.vault, one.clock)
    worker = Projection(one.database, one.log, intake, one.vault, shop.customers.keys)
    declared(shop.customers, FIRST)
    intake.merchant("shop")
    declared(shop.customers, SECOND)
    visit(shop, "event-1", steps=1, fen=10, room="tea")
    assert intake.merchant("shop")[1].types["visit"].version == 1
    while not worker.run("shop"):
        pass
    assert values(asker, *NEW) == [10, 1, 1, 0, 0, 1]


def test_a_measure_that_old_events_lack_does_not_count_slices(shop: Shop, asker: Asker) -> None:
    free = {**FIRST["fields"], "steps": {"type": "int"}}
    later = {**SECOND, "fields": {**SECOND["fields"], "fen": {"type": "money", "required": True}}}
    declared(shop.customers, {**FIRST, "fields": free})
    visit(shop, "event-1", room="tea")
    declared(shop.customers, later)
    visit(shop, "event-2", room="tea", steps=1, fen=1)
    settle(shop, hand_over=False)
    kinds = asker.vocabulary().types["visit"].measures
    assert {(one.name, one.since, one.always) for one in kinds.values()} == {
        ("steps", 1, False),
        ("spent", 2, False),
    }
    assert not asker.window("count(visit where room = 'tea', 60d)").online
    assert values(asker, "sum(visit.spent where room = 'tea', 60d)") == [1]


@pytest.mark.parametrize(
    "other",
    [
        {"measures": {"steps": {"field": "fen"}, "spent": {"field": "fen"}}},
        {"dimensions": {"room": {"key": "room", "measures": {"steps": "steps"}}}},
        {"dimensions": {"room": {"context": "channel"}}},
    ],
)
def test_a_name_does_not_change_its_meaning(shop: Shop, other: dict[str, Any]) -> None:
    declared(shop.customers, FIRST)
    declared(shop.customers, SECOND)
    with pytest.raises(Conflict, match="another name"):
        declared(shop.customers, {**SECOND, "version": 3, **other})


def test_a_name_that_was_given_up_does_not_come_back(shop: Shop) -> None:
    declared(shop.customers, SECOND | {"version": 1})
    declared(shop.customers, FIRST | {"version": 2})
    with pytest.raises(Conflict, match="another name"):
        declared(shop.customers, SECOND | {"version": 3})
    declared(shop.customers, FIRST | {"version": 3, "label": {"zh": "到访", "en": "Visited"}})


@pytest.mark.parametrize(
    "more",
    [
        {"measures": {"fen": {}}},
        {"dimensions": {"name": {"key": "name"}}},
        {"dimensions": {"shelf": {"each": "seen", "key": "shelf"}}},
    ],
)
def test_what_is_personal_is_not_counted(shop: Shop, more: dict[str, Any]) -> None:
    fields = {
        "fen": {"type": "money", "personal": True},
        "name": {"type": "text", "personal": True},
        "seen": {"type": "list", "of": {"shelf": {"type": "text", "personal": True}}},
    }
    with pytest.raises(InvalidInput):
        declared(shop.customers, {"version": 1, "fields": fields, **more})
