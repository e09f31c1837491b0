"""The traps of identity, each told as the story it comes from."""

from __future__ import annotations

import pytest

from guanxi.customers.identity.decide import resolve
from guanxi.customers.identity.model import (
    Code,
    Decision,
    Identity,
    Link,
    LinkKind,
)
from tests.customers.identity.worlds import World, day_of

A, B, C = "member_no:A", "member_no:B", "member_no:C"
PHONE, OTHER_PHONE = "phone:1", "phone:2"
DOUYIN, WECHAT = "openid/douyin:x", "unionid/wechat:u"


def test_phone_is_the_key_across_platforms() -> None:
    world = World()
    world.seen(1, DOUYIN, PHONE)
    world.seen(2, WECHAT, PHONE)
    world.seen(3, A, PHONE)
    assert world.people() == {frozenset({A, DOUYIN, WECHAT, PHONE})}
    (person,) = world.resolve().people
    assert [join.reason for join in person.joins] == [LinkKind.OBSERVED] * 3
    assert person.joins[0].text.zh == "OpenID与手机号出现在同一事件中。"
    assert "OpenID" in person.joins[0].text.en


def test_family_phone() -> None:
    """The mother's phone is on the children's cards too: it stays hers, and nobody becomes anybody else."""
    world = World()
    world.verified(1, A, PHONE)
    world.seen(2, B, PHONE)
    world.seen(3, C, PHONE)
    assert world.people() == {frozenset({A, PHONE}), frozenset({B}), frozenset({C})}
    assert world.refusals() == {(PHONE, B, "needs_verification"), (PHONE, C, "needs_verification")}
    assert world.naive() == {frozenset({A, B, C, PHONE})}
    refusal = world.resolve().refusals[0]
    assert (refusal.ours, refusal.theirs) == (world[A], world[B])
    assert "会员号" in refusal.text.zh
    assert "member number" in refusal.text.en
    assert refusal.params["ours_type"] == "member_no"


def test_shop_phone_that_cashiers_type_for_everybody() -> None:
    world = World()
    members = [f"member_no:{number}" for number in range(40)]
    for day, member in enumerate(members):
        world.seen(day, member, PHONE)
    assert world.people() == {frozenset({PHONE}), *(frozenset({member}) for member in members)}
    (shared,) = world.resolve().shared.values()
    assert (shared.fragment, shared.seen, shared.limit, shared.counted) == (world[PHONE], 40, 3, "member_no")
    assert "40" in shared.text.zh
    assert "40" in shared.text.en
    assert len(world.naive()) == 1


def test_tablet_in_the_store_used_by_fifty_members() -> None:
    world = World()
    members = [f"member_no:{number}" for number in range(50)]
    for day, member in enumerate(members):
        world.seen(day, member, "device:tablet", f"phone:{member}")
    people = world.people()
    assert len(people) == 51
    assert frozenset({"device:tablet"}) in people
    assert world.holder("member_no:7") == {"member_no:7", "phone:member_no:7"}
    assert len(world.naive()) == 1


def test_device_passed_on() -> None:
    """What an anonymous visitor did on it may have been either's, so it is neither's."""
    world = World()
    world.seen(1, A, "device:d")
    assert world.holder("device:d") == {A, "device:d"}
    world.seen(100, B, "device:d")
    assert world.people() == {frozenset({A}), frozenset({B}), frozenset({"device:d"})}


def test_guest_card_that_cashiers_swipe_for_everybody() -> None:
    world = World()
    for number in range(30):
        world.seen(number, "member_no:guest", f"phone:{number}")
    assert len(world.people()) == 31
    assert world.resolve().shared[world["member_no:guest"]].counted == "phone"
    assert len(world.naive()) == 1


def test_what_staff_say_comes_before_what_was_verified() -> None:
    world = World()
    world.verified(1, DOUYIN, B)
    world.link(10, DOUYIN, A, kind=LinkKind.MANUAL)
    assert world.people() == {frozenset({DOUYIN, A}), frozenset({B})}
    world.verified(11, WECHAT, B)
    world.link(12, WECHAT, A, kind=LinkKind.MANUAL)
    assert world.holder(A) == {A, DOUYIN, WECHAT}


def test_merge_of_two_long_histories_and_back() -> None:
    world = World()
    for day in range(400):
        world.seen(day, DOUYIN, OTHER_PHONE, "device:d")
        world.seen(day, A, PHONE, "email:m")
    apart = world.resolve()
    assert world.people() == {
        frozenset({DOUYIN, OTHER_PHONE, "device:d"}),
        frozenset({A, PHONE, "email:m"}),
    }
    world.join(400, DOUYIN, A)
    assert len(world.people()) == 1
    assert world.resolve().people[0].joins[0].text.zh == "人工确认OpenID与会员号属于同一人。"
    world.withdraw(401, DOUYIN, A)
    assert world.resolve() == apart


def test_undoing_an_automatic_join_and_thinking_better_of_it() -> None:
    world = World()
    world.seen(1, DOUYIN, PHONE)
    world.seen(2, A, PHONE)
    together = world.resolve()
    world.separate(3, DOUYIN, A)
    assert world.people() == {frozenset({DOUYIN, PHONE}), frozenset({A})}
    assert world.refusals() == {(PHONE, A, "separated")}
    assert "人工" in world.resolve().refusals[0].text.zh
    world.withdraw(4, A, DOUYIN)
    assert world.resolve() == together


def test_separation_holds_along_every_way_round() -> None:
    world = World()
    world.seen(1, DOUYIN, PHONE)
    world.seen(2, PHONE, "email:m")
    world.seen(3, "email:m", "device:d")
    world.seen(4, "device:d", A)
    world.separate(5, DOUYIN, A)
    assert not any({DOUYIN, A} <= person for person in world.people())
    world.join(6, A, DOUYIN)
    assert len(world.people()) == 1


@pytest.mark.parametrize(
    "order", [(DOUYIN, WECHAT, A, "openid/app2:y"), (A, "openid/app2:y", DOUYIN, WECHAT)]
)
def test_a_person_keeps_the_separations_of_all_its_parts(order: tuple[str, ...]) -> None:
    world = World()
    for name in order:
        world.meet(name)
    world.separate(1, DOUYIN, A)
    world.separate(1, WECHAT, "openid/app2:y")
    world.verified(2, DOUYIN, WECHAT)
    world.seen(3, WECHAT, A)
    world.seen(4, DOUYIN, "openid/app2:y")
    assert world.people() == {frozenset({DOUYIN, WECHAT}), frozenset({A}), frozenset({"openid/app2:y"})}


def test_verdicts_of_one_instant_are_taken_cautiously() -> None:
    world = World()
    world.seen(1, DOUYIN, A)
    world.join(5, DOUYIN, A)
    world.separate(5, A, DOUYIN)
    world.withdraw(5, A, DOUYIN)
    assert len(world.people()) == 2


def test_staff_cannot_join_two_member_numbers() -> None:
    world = World()
    world.meet(A)
    world.meet(B)
    world.join(1, A, B)
    assert world.people() == {frozenset({A}), frozenset({B})}
    (refusal,) = world.resolve().refusals
    assert refusal.code is Code.EXCLUSIVE_CONFLICT
    assert refusal.evidence.a == world[A]
    assert "会员号" in refusal.text.zh


def test_accounts_speak_before_contacts() -> None:
    world = World()
    world.seen(1, A, PHONE)
    world.seen(2, DOUYIN, PHONE)
    world.seen(900, DOUYIN, B)
    assert world.people() == {frozenset({A, PHONE}), frozenset({DOUYIN, B})}


def test_same_openid_type_in_two_apps_is_one_person() -> None:
    world = World()
    world.seen(1, "openid/app1:x", PHONE)
    world.seen(2, "openid/app2:y", PHONE)
    world.seen(3, "openid/app1:z", PHONE)
    assert world.holder(PHONE) == {"openid/app1:x", "openid/app2:y", PHONE}
    assert world.resolve().refusals[0].scope == "app1"


def test_canonical_is_never_a_phone_or_a_shared_device_if_there_is_better() -> None:
    world = World()
    world.meet(PHONE, 0)
    world.seen(5, PHONE, A)
    world.seen(6, PHONE, DOUYIN)
    (person,) = world.resolve().people
    assert person.canonical == world[A]
    tablet = World()
    for number in range(4):
        tablet.seen(number, f"member_no:{number}", "device:d")
    tablet.meet(PHONE, -1)
    tablet.verified(9, PHONE, "device:d")
    assert tablet.holder(PHONE) == {PHONE, "device:d"}
    assert tablet["device:d"] in {person.canonical for person in tablet.resolve().people}
    alone = World()
    alone.meet(PHONE)
    assert alone.resolve().people[0].canonical == alone[PHONE]


@pytest.mark.parametrize("known", [[], [Identity(1, "member_no", "", 0)]])
def test_unknown_fragments_are_an_error(known: list[Identity]) -> None:
    with pytest.raises(ValueError, match="unknown fragment"):
        resolve(known, [Link(1, 2, 0, LinkKind.OBSERVED, "e")], [], day_of)


def test_contradictory_identities_are_an_error() -> None:
    one, other = Identity(1, "member_no", "", 0), Identity(1, "phone", "", 0)
    with pytest.raises(ValueError, match="two identities"):
        resolve([one, other], [], [], day_of)
    with pytest.raises(ValueError, match="unknown type"):
        resolve([Identity(1, "passport", "", 0)], [], [], day_of)


def test_a_link_to_oneself_says_nothing() -> None:
    world = World()
    world.meet(A)
    world.links.append(Link(world[A], world[A], 0, LinkKind.OBSERVED, "e"))
    world.decide(1, A, Decision.SEPARATED, A)
    assert world.people() == {frozenset({A})}
