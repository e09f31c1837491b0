"""Phones: shared, passed on, re-assigned by operators (二次放号), each told as the story it comes from."""

from __future__ import annotations

from guanxi.customers.identity.decide import first_met
from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY, Holding, Identity
from tests.customers.identity.worlds import World

A, B, C = "member_no:A", "member_no:B", "member_no:C"
PHONE, OTHER_PHONE = "phone:1", "phone:2"
DOUYIN, WECHAT = "openid/douyin:x", "unionid/wechat:u"


def test_shared_phone_still_counts_for_whom_it_was_verified() -> None:
    world = World()
    for number in range(10):
        world.seen(number, f"member_no:{number}", PHONE)
    world.verified(20, A, PHONE)
    assert world.holder(PHONE, 20) == {A, PHONE}
    assert world.holder(PHONE, 19) == {PHONE}
    assert world[PHONE] in world.resolve().shared


def test_reassigned_number_before_anybody_verified_it() -> None:
    world = World()
    world.seen(1, A, PHONE)
    world.seen(500, B, PHONE)
    for day in (0, 499, 500, 1000):
        assert world.holder(PHONE, day) == {A, PHONE}
    assert world.refusals() == {(A, PHONE, "needs_verification")} or world.refusals() == {
        (PHONE, B, "needs_verification")
    }


def test_reassigned_number_after_its_new_holder_verified_it() -> None:
    world = World()
    world.seen(1, A, PHONE, DOUYIN)
    world.seen(500, B, PHONE)
    world.verified(600, B, PHONE)
    world.seen(601, WECHAT, PHONE)
    assert world.people(599) == {frozenset({A, DOUYIN, PHONE}), frozenset({B, WECHAT})}
    assert world.people(600) == {frozenset({A, DOUYIN}), frozenset({B, WECHAT, PHONE})}
    (handed,) = world.resolve().handed
    assert (handed.fragment, handed.day, handed.evidence.a) == (world[PHONE], 600, world[PHONE])
    assert world.naive() == {frozenset({A, B, PHONE, DOUYIN, WECHAT})}


def test_number_that_changes_hands_three_times_and_comes_back() -> None:
    world = World()
    for day, member in ((100, A), (200, B), (300, C), (400, A)):
        world.verified(day, member, PHONE)
    holders = [world.holder(PHONE, day) for day in (0, 199, 200, 299, 300, 399, 400)]
    assert holders == [{name, PHONE} for name in (A, A, B, B, C, C, A)]
    assert Holding(world[PHONE], FIRST_DAY, 200) in world.resolve().people[0].holdings
    assert Holding(world[PHONE], 400, LAST_DAY) in world.resolve().people[0].holdings
    assert [one.day for one in world.resolve().handed] == [200, 300, 400]


def test_two_verifications_on_one_day_give_the_day_to_the_later() -> None:
    world = World()
    world.verified(100.2, A, PHONE)
    world.verified(100.6, B, PHONE)
    world.seen(100.1, PHONE, DOUYIN)
    assert world.holder(PHONE, 100) == {B, PHONE, DOUYIN}
    assert world.holder(A) == {A}
    assert all(
        held.from_day < held.until_day for person in world.resolve().people for held in person.holdings
    )


def test_claims_are_read_in_the_order_in_which_they_were_made() -> None:
    """A weaker identity's earlier verification is not overtaken by a stronger one's later verification."""
    world = World()
    world.verified(1, A, "email:m")
    world.verified(10, "email:m", PHONE)
    world.verified(20, B, PHONE)
    assert [world.holder(PHONE, day) for day in (19, 20)] == [{A, PHONE, "email:m"}, {B, PHONE}]


def test_conflict_that_shows_only_through_platform_accounts() -> None:
    """Verified by two platform accounts whose member numbers differ: the number has changed hands."""
    world = World()
    world.seen(1, DOUYIN, A)
    world.seen(1, WECHAT, B)
    world.verified(10, DOUYIN, PHONE)
    world.verified(50, WECHAT, PHONE)
    assert world.people(49) == {frozenset({A, DOUYIN, PHONE}), frozenset({B, WECHAT})}
    assert world.people(50) == {frozenset({A, DOUYIN}), frozenset({B, WECHAT, PHONE})}


def test_verification_claims_the_past_that_nobody_else_held() -> None:
    world = World()
    world.seen(1, DOUYIN, PHONE)
    world.verified(300, A, PHONE)
    assert world.people(0) == world.people(300) == {frozenset({A, DOUYIN, PHONE})}
    assert world.resolve().handed == ()


def test_staff_say_that_the_number_was_somebody_elses_before() -> None:
    world = World()
    world.seen(1, DOUYIN, PHONE)
    world.verified(300, A, PHONE)
    world.separate(301, DOUYIN, A)
    assert world.people(299) == {frozenset({DOUYIN, PHONE}), frozenset({A})}
    assert world.people(300) == {frozenset({DOUYIN}), frozenset({A, PHONE})}


def test_staff_hand_a_phone_over() -> None:
    world = World()
    world.verified(1, A, PHONE)
    world.seen(2, B, OTHER_PHONE)
    world.join(700, PHONE, B)
    assert world.holder(PHONE, 699) == {A, PHONE}
    assert world.holder(PHONE, 700) == {B, PHONE, OTHER_PHONE}


def test_a_phone_does_not_go_to_whom_staff_kept_it_from() -> None:
    world = World()
    world.verified(1, A, PHONE)
    world.meet(B)
    world.separate(2, PHONE, B)
    world.verified(50, B, PHONE)
    assert world.people() == {frozenset({A, PHONE}), frozenset({B})}
    assert world.refusals() == {(PHONE, B, "separated")}
    assert world.resolve().handed == ()


def test_a_phone_verified_by_each_of_its_holders_is_not_shared() -> None:
    world = World()
    for number in range(6):
        world.verified(number * 100, f"member_no:{number}", PHONE)
        world.seen(number * 100 + 1, f"member_no:{number}", PHONE)
    assert not world.resolve().shared
    assert world.holder(PHONE, 250) == {"member_no:2", PHONE}


def test_staff_explain_a_phone_that_looks_shared() -> None:
    world = World()
    for number in range(4):
        world.seen(number, f"member_no:{number}", PHONE)
    assert world.holder(PHONE) == {PHONE}
    world.separate(9, PHONE, "member_no:3")
    assert world.holder(PHONE) == {"member_no:0", PHONE}


def test_the_first_sighting_counts_not_the_last() -> None:
    world = World()
    for day in (500, 1, 900):
        world.seen(day, A, PHONE)
    world.seen(100, B, PHONE)
    assert world.holder(PHONE) == {A, PHONE}


def test_changed_number_keeps_the_person() -> None:
    world = World()
    world.verified(1, A, PHONE)
    world.verified(50, A, OTHER_PHONE)
    world.verified(50, PHONE, OTHER_PHONE)
    assert world.people() == {frozenset({A, PHONE, OTHER_PHONE})}


def test_staff_join_a_shared_phone() -> None:
    world = World()
    for number in range(10):
        world.seen(number, f"member_no:{number}", PHONE)
    world.join(20, "member_no:3", PHONE)
    assert world.holder(PHONE, 20) == {"member_no:3", PHONE}


def test_late_older_event() -> None:
    """The first holder is the first in time, not the first to be heard of."""
    world = World()
    world.seen(300, B, PHONE)
    assert world.holder(PHONE) == {B, PHONE}
    world.seen(100, A, PHONE)
    assert world.holder(PHONE) == {A, PHONE}
    assert world.refusals() == {(B, PHONE, "needs_verification")}


def test_a_phone_that_was_somebody_elses_makes_nobody_older() -> None:
    met = {one: Identity(one, "phone", "", at) for one, at in ((1, 10), (2, 50))}
    own = Holding(2, FIRST_DAY, LAST_DAY)
    assert first_met([Holding(1, 3, LAST_DAY), own], met, lambda day: 10 * day) == 30
    assert first_met([Holding(1, 7, LAST_DAY), own], met, lambda day: 10 * day) == 50
    assert first_met([Holding(1, FIRST_DAY, 3)], met, lambda day: 10 * day) == 10
