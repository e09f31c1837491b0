"""Who was active when: arrays say what sets say, and nobody forgotten is remembered."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
from hypothesis import given, strategies as st

from guanxi.customers.members.activity import Sightings
from guanxi.customers.privacy.service import Privacy
from tests.customers.members.conftest import PHONE, Shop, identify, paid

FRAGMENTS = st.sampled_from([-(2**63), -7, 1, 2, 3, 2**63 - 1])
DAYS = st.integers(-3, 8)
FIRST, LAST = -(2**31), 2**31 - 1


@st.composite
def holdings(draw: st.DrawFn) -> list[tuple[int, int, int, int]]:
    """Some identities whose days are divided among members, with gaps."""
    found = []
    for fragment in draw(st.sets(FRAGMENTS, max_size=4)):
        cuts = sorted(draw(st.sets(DAYS, max_size=4)))
        bounds = [draw(st.sampled_from([FIRST, *cuts[:1]])), *cuts[1:], LAST]
        for start, end in pairwise(bounds):
            if draw(st.integers(0, 4)):
                found.append((fragment, start, end, draw(st.sampled_from([1, 2, 3, 40, 50]))))
    return found


@given(met=st.dictionaries(DAYS, st.sets(FRAGMENTS, min_size=1)), held=holdings(), known=st.sets(FRAGMENTS))
def test_arrays_say_what_sets_say(
    met: dict[int, set[int]], held: list[tuple[int, int, int, int]], known: set[int]
) -> None:
    moved = {fragment for fragment, *_ in held}
    naive: defaultdict[int, set[int]] = defaultdict(set)
    for day, fragments in met.items():
        naive[day] |= (fragments - moved) & known
        naive[day] |= {
            member for one, start, end, member in held if one in fragments and start <= day < end
        } & known
    sightings = Sightings([(day, np.array(sorted(who), np.int64)) for day, who in sorted(met.items())])
    assert set(sightings.fragments) == set[int]().union(*met.values())
    asked = [one for one in held if one[0] in set(sightings.fragments)]
    active = sightings.members(asked).only(known)
    assert active.by_day(-3, 9) == [len(naive[day]) for day in range(-3, 9)]
    for start, end in ((-3, 9), (0, 4), (4, 4)):
        assert active.between(start, end) == len(set[int]().union(*(naive[day] for day in range(start, end))))


def test_who_comes_back_was_not_there_before(shop: Shop) -> None:
    one, customers = shop.customers.installation, shop.customers
    today = one.merchant.days.day(one.clock.now())

    def active() -> list[int]:
        with one.database.reading() as tx:
            found = shop.members.overview(tx, one.merchant, today, 3)
            return [*(day.active for day in found.days), found.window.active]

    shop.take(
        identify("u-1", PHONE, "2026-06-13T01:00:00+08:00"), paid("u-2", 5, "2026-06-13T02:00:00+08:00")
    )
    assert active() == [2, 0, 0, 2]
    privacy = Privacy(one.database, one.log, customers.intake, one.vault, customers.keys)
    with one.database.transaction() as tx:
        privacy.request(tx, one.merchant, shop.one(PHONE).member_id, by="staff", now=one.clock.now())
    assert active() == [1, 0, 0, 1]
    shop.take(identify("u-1", PHONE, "2026-06-15T01:00:00+08:00"))
    assert active() == [1, 0, 1, 2]
