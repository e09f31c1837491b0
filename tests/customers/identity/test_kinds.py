"""What counts as an identity, and how the same one is recognised in every spelling."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, strategies as st

from guanxi.customers.identity.kinds import KINDS, Rejection, Typed, choose_subject, identify

NUMBER = "13912345670"
DIGEST = hashlib.sha256(NUMBER.encode()).hexdigest()


@pytest.mark.parametrize(
    "written",
    [
        NUMBER,
        "+8613912345670",
        "+86 139-1234-5670",
        "0086 13912345670",
        "１３９１２３４５６７０",
        " 139 1234 5670\u200b",
        DIGEST,
        DIGEST.upper(),
    ],
)
def test_one_phone_in_every_spelling(written: str) -> None:
    assert identify("phone", "", written) == Typed("phone", "", DIGEST)


@pytest.mark.parametrize(
    ("type", "value", "code"),
    [
        ("phone", "139****5670", "masked"),
        ("phone", "17012345670-1234", "relay"),
        ("phone", "13912345670转8888", "relay"),
        ("phone", "010-62345678", "landline"),
        ("phone", hashlib.md5(NUMBER.encode()).hexdigest(), "md5"),
        ("phone", "12345", "invalid_phone"),
        ("phone", "hello", "invalid_phone"),
        ("phone", "13800000000", "junk"),
        ("phone", "+86 138 0000 0000", "junk"),
        ("phone", "13800138000", "junk"),
        ("phone", "18888888888", "junk"),
        ("phone", "0", "junk"),
        ("phone", "NULL", "junk"),
        ("phone", hashlib.sha256(b"13800000000").hexdigest(), "junk"),
        ("phone", hashlib.sha256(b"").hexdigest(), "junk"),
        ("phone", "", "empty"),
        ("email", "not an address", "invalid_email"),
        ("email", "a***@qq.com", "masked"),
        ("email", "null@null.com", "junk"),
        ("email", "someone@example.com", "junk"),
        ("member_no", "   ", "empty"),
        ("member_no", "Undefined", "junk"),
        ("member_no", "anonymous", "junk"),
        ("member_no", "匿名", "junk"),
        ("member_no", "00000", "junk"),
        ("member_no", "M**01", "masked"),
        ("member_no", "M\x0001", "control_characters"),
        ("member_no", "M\u202e01", "control_characters"),
        ("member_no", "M" * 257, "too_long"),
        ("member_no", "M" * 10_000_000, "too_long"),
        ("device", "00000000-0000-0000-0000-000000000000", "junk"),
        ("device", "9774d56d682e549c", "junk"),
        ("device", "02:00:00:00:00:00", "junk"),
        ("passport", "E12345678", "unknown_type"),
        ("openid", "oABC", "scope_missing"),
    ],
)
def test_what_identifies_nobody_is_recognised_for_what_it_is(type: str, value: str, code: str) -> None:
    found = identify(type, "", value)
    assert found == Rejection(code)
    assert isinstance(found, Rejection)
    assert found.text.zh
    assert found.text.en
    assert value.strip() not in found.text.both() or len(value.strip()) < 12


def test_email_in_lower_case() -> None:
    assert identify("email", "", " Wang.Fang@QQ.com ") == Typed("email", "", "wang.fang@qq.com")


def test_opaque_ids_keep_their_case_and_devices_in_uuid_form_do_not() -> None:
    assert identify("openid", "wx1", " oAbC-_xxxx ") == Typed("openid", "wx1", "oAbC-_xxxx")
    uuid = "6D92078A-8246-4BA4-AE5B-76104861E7DC"
    assert identify("device", "", uuid) == Typed("device", "", uuid.lower())
    assert identify("device", "", "OAID-Abc") == Typed("device", "", "OAID-Abc")


@pytest.mark.parametrize("scope", ["a b", "a|b", "x" * 129, "a\nb"])
def test_a_scope_cannot_forge_another_identity(scope: str) -> None:
    assert identify("openid", scope, "o1") == Rejection("invalid_scope")


def test_the_scope_of_a_type_without_one_is_ignored() -> None:
    assert identify("member_no", "anything", "M1") == Typed("member_no", "", "M1")


@given(st.sampled_from(sorted(KINDS)), st.text(max_size=40), st.text(max_size=300))
def test_reading_never_raises_and_what_it_accepts_it_accepts_again(type: str, scope: str, value: str) -> None:
    found = identify(type, scope, value)
    if isinstance(found, Typed):
        assert identify(found.type, found.scope, found.value) == found
        assert 0 < len(found.value) <= 256
        assert found.key.split("|", 2) == [found.type, found.scope, found.value]
    else:
        assert found.text.zh
        assert found.text.en


def test_ranks_and_strengths_tell_all_types_apart_and_agree() -> None:
    by_rank = sorted(KINDS.values(), key=lambda kind: kind.rank)
    assert [kind.key for kind in by_rank] == [
        "member_no",
        "unionid",
        "openid",
        "alipay_user_id",
        "ouid",
        "external_userid",
        "user_id",
        "phone",
        "email",
        "device",
        "anonymous_id",
    ]
    strengths = [kind.strength for kind in by_rank]
    assert strengths == sorted(set(strengths), reverse=True)
    assert all(kind.exclusive for kind in by_rank[:7])
    assert [kind.key for kind in by_rank if kind.reassignable] == ["phone"]


def test_subject_is_the_most_stable_identity() -> None:
    phone = Typed("phone", "", DIGEST)
    member = Typed("member_no", "", "M1")
    one, other = Typed("openid", "a", "x"), Typed("openid", "b", "w")
    assert choose_subject([phone, other, member, one]) == member
    assert choose_subject([phone, other, one]) == one
    assert choose_subject([]) is None
