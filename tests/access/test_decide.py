from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from guanxi.access import ALL_PERMISSIONS, BUILT_IN_ROLES, Action, KeyDraft, KeyKind, Permission, system_actor
from guanxi.access.decide import (
    Throttle,
    check_key,
    check_password,
    check_role,
    check_within,
    is_key_text,
    key_hint,
    key_text,
    normal_login,
    roles_named,
    throttled_address,
)
from guanxi.access.errors import BeyondOwnPermissions, WeakPassword
from guanxi.access.model import Actor, ActorKind
from guanxi.kernel.clock import SECOND
from guanxi.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound


@given(st.sampled_from(KeyKind), st.integers(0, (1 << 256) - 1))
def test_a_key_is_recognised_and_a_changed_letter_is_not(kind: KeyKind, number: int) -> None:
    text = key_text(kind, number)
    assert len(text) == 65
    assert is_key_text(text)
    place = 6 + number % 59
    other = "0" if text[place] != "0" else "1"
    assert not is_key_text(text[:place] + other + text[place + 1 :])
    assert key_hint(text).endswith(text[-4:])
    assert len(key_hint(text)) == 15


@given(st.text())
def test_other_text_is_no_key(text: str) -> None:
    assert not is_key_text(text)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Wang.Li", "wang.li"),
        (" ａｄｍｉｎ ", "admin"),
        ("王店主", "王店主"),
        ("a", None),
        ("with space", None),
        ("nul\x00", None),
        ("x" * 65, None),
    ],
)
def test_logins_are_normalised(typed: str, stored: str | None) -> None:
    assert normal_login(typed) == stored


@pytest.mark.parametrize("weak", ["short", "aaaaaaaaaaaaaaa", "my-owner-2026", "x" * 257])
def test_weak_passwords_are_refused(weak: str) -> None:
    with pytest.raises(WeakPassword):
        check_password(weak, "owner")


def test_a_long_phrase_is_a_good_password() -> None:
    check_password("三只熊猫在竹林里喝茶", "owner")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unix", "unix"),
    ],
)
def test_attempts_are_counted_by_subscriber(address: str, counted: str) -> None:
    assert throttled_address(address) == counted


@given(st.integers(1, 20), st.integers(1, 600), st.integers(0, 10**9))
def test_waiting_as_told_is_enough_and_a_second_less_is_not(burst: int, seconds: int, now: int) -> None:
    throttle = Throttle(burst, seconds * SECOND)
    tat = now + burst * throttle.interval  # just used up
    wait = throttle.retry_after(tat, now) * SECOND

    def fits(at: int) -> bool:
        return max(tat, at) + throttle.interval <= at + burst * throttle.interval

    assert fits(now + wait)
    assert not fits(now + wait - SECOND)


def test_every_permission_and_action_has_words_in_both_languages() -> None:
    for label in (*(p.label for p in Permission), *(a.label for a in Action)):
        assert label.zh
        assert label.en


def test_built_in_roles_cover_what_they_say() -> None:
    assert list(BUILT_IN_ROLES) == ["owner", "operator", "analyst", "service", "finance", "developer"]
    assert BUILT_IN_ROLES["owner"].permissions == ALL_PERMISSIONS
    may_see_phones = {
        key for key, role in BUILT_IN_ROLES.items() if Permission.MEMBERS_PII in role.permissions
    }
    assert may_see_phones == {"owner", "service"}


def test_roles_come_built_in_first_and_once() -> None:
    own = check_role("night", "夜班", "", frozenset({Permission.MEMBERS_READ}))
    assert own.name.en == "夜班"
    assert [r.key for r in roles_named({"night": own}, ["night", "finance", "owner", "night"])] == [
        "owner",
        "finance",
        "night",
    ]
    with pytest.raises(NotFound):
        roles_named({}, ["night"])


def test_a_role_of_ones_own_needs_a_key_a_name_and_a_permission() -> None:
    some = frozenset({Permission.MEMBERS_READ})
    with pytest.raises(Conflict):
        check_role("owner", "店主", "Owner", some)
    with pytest.raises(InvalidInput):
        check_role("Night", "夜班", "Night", some)
    with pytest.raises(InvalidInput):
        check_role("night", "", "", some)
    with pytest.raises(InvalidInput):
        check_role("night", "夜班", "Night", frozenset())


def test_nobody_grants_more_than_they_have() -> None:
    clerk = Actor(ActorKind.PERSON, "p", "P", "shop", frozenset({Permission.KEYS_MANAGE}))
    check_within(clerk, frozenset({Permission.KEYS_MANAGE}))
    with pytest.raises(BeyondOwnPermissions, match=r"members\.pii"):
        check_within(clerk, frozenset({Permission.MEMBERS_PII}))


def test_an_actor_acts_at_their_own_merchant_only() -> None:
    clerk = Actor(ActorKind.PERSON, "p", "P", "shop", frozenset({Permission.KEYS_MANAGE}))
    clerk.need(Permission.KEYS_MANAGE, "shop")
    with pytest.raises(Forbidden):
        clerk.need(Permission.KEYS_MANAGE, "other")
    with pytest.raises(Forbidden):
        clerk.need(Permission.AUDIT_READ, "shop")
    system_actor("cli").need(Permission.AUDIT_READ, "other")


@pytest.mark.parametrize(
    "draft",
    [
        KeyDraft(KeyKind.SECRET, "no scopes", frozenset()),
        KeyDraft(KeyKind.SECRET, " ", frozenset({Permission.EVENTS_READ})),
        KeyDraft(KeyKind.SECRET, "late", frozenset({Permission.EVENTS_READ}), expires_at=5),
        KeyDraft(KeyKind.WRITE, "too much", frozenset({Permission.EVENTS_READ})),
        KeyDraft(KeyKind.WRITE, "bad", frozenset({Permission.EVENTS_WRITE}), account="No Slug"),
    ],
)
def test_impossible_keys_are_refused(draft: KeyDraft) -> None:
    with pytest.raises(InvalidInput):
        check_key(draft, now=5)
