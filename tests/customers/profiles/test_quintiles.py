"""Fifths of the members by rank: of one and of all the same, with the same cuts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from guanxi.customers.profiles.model import Derived, Quintile
from guanxi.kernel.text import Text
from guanxi.rules import Catalogue, Node, Type, condition, parse
from guanxi.rules.catalogue import Known
from guanxi.rules.model import Attribute
from tests.customers.privacy.shop import DAY, openid, order, profile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.customers.privacy.shop import Shop
    from tests.customers.profiles.questions import Asker

SPENT, LAST = "sum(order.paid.amount, 60d)", "last(order.paid, 60d)"
LABEL = Text("分位", "Fifth")


def fifths(
    asker: Asker, of: str = SPENT, among: str = "", *, reverse: bool = False
) -> tuple[dict[int, Any], Sequence[float]]:
    """Return everybody's fifth, which must be the same both ways, and the cuts."""
    known = asker.vocabulary().catalogue
    rank = Quintile(parse(of, known), condition(among, known) if among else None, reverse)
    vocabulary = asker.vocabulary(
        {
            "fifth": Derived("fifth", LABEL, Type.INT, rank),
            "best": Derived("best", LABEL, Type.BOOL, _is("fifth", 5, known), membership=True),
        }
    )
    nodes = [Attribute("fifth", Type.INT), Attribute("best", Type.BOOL)]
    merchant = asker.customers.installation.merchant
    with asker.profiles.asking(merchant, vocabulary, nodes, asker.today()) as question:
        cuts = question.cuts["fifth"]
    everybody = asker.all(nodes, asker.today(), vocabulary)
    each = asker.each(nodes, asker.today(), vocabulary, question.cuts)
    assert each == everybody
    assert all(one["best"] == (one["fifth"] == 5) for one in each.values())
    return {member: values["fifth"] for member, values in each.items()}, cuts


def _is(name: str, value: int, known: Catalogue) -> Node:
    return condition(f"{name} = {value}", replace(known, attributes={name: Known(Type.INT, LABEL)}))


def shoppers(shop: Shop, *amounts: int) -> list[int]:
    """People who spent these amounts; returns who they are."""
    people = [openid(f"wx-{number}") for number in range(len(amounts))]
    for number, (who, fen) in enumerate(zip(people, amounts, strict=True)):
        shop.send(order(f"event-{number}", who, fen=fen, ago=(1 + number) * DAY))
    shop.customers.project()
    shop.customers.hand_over()
    return [shop.fragment(who) for who in people]


def test_ten_make_two_of_each(shop: Shop, asker: Asker) -> None:
    people = shoppers(shop, *(100 * n for n in range(10)))
    found, cuts = fifths(asker)
    assert [found[one] for one in people] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert cuts == [180.0, 360.0, 540.0, 720.0]
    found, again = fifths(asker, reverse=True)
    assert [found[one] for one in people] == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert again == cuts


def test_equals_are_in_one_fifth(shop: Shop, asker: Asker) -> None:
    people = shoppers(shop, 1, 1, 1, 1, 1, 1, 7, 7, 9, 9)
    found, _ = fifths(asker)
    assert [found[one] for one in people] == [1] * 6 + [4, 4, 5, 5]


@pytest.mark.parametrize("reverse", [False, True])
def test_all_equal_are_all_in_the_first_or_last(shop: Shop, asker: Asker, reverse: bool) -> None:
    people = shoppers(shop, *[500] * 7)
    found, cuts = fifths(asker, reverse=reverse)
    assert found == dict.fromkeys(people, 5 if reverse else 1)
    assert cuts == [500.0] * 4


def test_fewer_than_five_have_fifths_too(shop: Shop, asker: Asker) -> None:
    one, two, three = shoppers(shop, 10, 20, 30)
    assert fifths(asker) == ({one: 1, two: 3, three: 5}, [14.0, 18.0, 22.0, 26.0])


def test_one_alone(shop: Shop, asker: Asker) -> None:
    (one,) = shoppers(shop, 10)
    assert fifths(asker) == ({one: 1}, [10.0] * 4)


def test_thirds_of_fen_are_the_same_doubles(shop: Shop, asker: Asker) -> None:
    shoppers(shop, *(n * n * 7 + 1 for n in range(23)))
    fifths(asker, f"{SPENT} / 3")
    fifths(asker, f"{SPENT} * 0.1 - 17")


def test_nobody_has_no_cuts(shop: Shop, asker: Asker) -> None:
    assert fifths(asker) == ({}, [])
    shop.send(profile("event-1", openid("wx-1"), name="安娜"))
    shop.customers.project()
    assert fifths(asker, among="count(order.paid, 60d) > 0") == ({shop.fragment(openid("wx-1")): None}, [])
    assert fifths(asker, "max(order.paid.amount, 60d)") == ({shop.fragment(openid("wx-1")): None}, [])


def test_who_is_not_among_them_has_none(shop: Shop, asker: Asker) -> None:
    people = shoppers(shop, 0, 0, 0, 0, 0, 10, 20, 30, 40, 50)
    found, cuts = fifths(asker, among=f"{SPENT} > 0")
    assert [found[one] for one in people] == [None] * 5 + [1, 2, 3, 4, 5]
    assert cuts == [18.0, 26.0, 34.0, 42.0]


def test_the_latest_are_in_the_fifth_fifth(shop: Shop, asker: Asker) -> None:
    people = shoppers(shop, 1, 1, 1, 1, 1)
    found, _ = fifths(asker, f"days_since({LAST})", reverse=True)
    assert [found[one] for one in people] == [5, 4, 3, 2, 1]


def test_a_fifth_among_those_of_a_fifth(shop: Shop, asker: Asker) -> None:
    people = shoppers(shop, *(100 * n for n in range(25)))
    known = asker.vocabulary().catalogue
    first = Derived("first", LABEL, Type.INT, Quintile(parse(SPENT, known), None, reverse=False))
    top = _is("first", 5, known)
    second = Derived("second", LABEL, Type.INT, Quintile(parse(SPENT, known), top, reverse=False))
    vocabulary = asker.vocabulary({"first": first, "second": second})
    nodes = [Attribute("second", Type.INT)]
    merchant = asker.customers.installation.merchant
    with asker.profiles.asking(merchant, vocabulary, nodes, asker.today()) as question:
        cuts = question.cuts
    everybody = asker.all(nodes, asker.today(), vocabulary)
    assert asker.each(nodes, asker.today(), vocabulary, cuts) == everybody
    assert [everybody[one]["second"] for one in people] == [None] * 20 + [1, 2, 3, 4, 5]
