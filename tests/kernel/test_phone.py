"""Phone numbers as they really arrive."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, strategies as st

from guanxi.kernel.phone import PhoneKind, mask, read_phone

MOBILES = st.builds("1{}{:09}".format, st.integers(3, 9), st.integers(0, 10**9 - 1))


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("13911110000", PhoneKind.MOBILE, "13911110000"),
        ("+8613911110000", PhoneKind.MOBILE, "13911110000"),
        ("86 139 1111 0000", PhoneKind.MOBILE, "13911110000"),
        ("0086-139-1111-0000", PhoneKind.MOBILE, "13911110000"),
        ("（＋８６）１３９１１１１００００", PhoneKind.MOBILE, "13911110000"),
        ("17011110000", PhoneKind.VIRTUAL_OPERATOR, "17011110000"),
        ("139****0000", PhoneKind.MASKED, "139****0000"),
        ("+86139****0000", PhoneKind.MASKED, "+86139****0000"),
        ("139＊＊＊＊0000", PhoneKind.MASKED, "139****0000"),
        ("139XXXX0000", PhoneKind.MASKED, "139XXXX0000"),
        ("13911110000-1234", PhoneKind.RELAY, "13911110000-1234"),
        ("13911110000转1234", PhoneKind.RELAY, "13911110000-1234"),
        ("13911110000,1234", PhoneKind.RELAY, "13911110000-1234"),
        ("95013123456789", PhoneKind.RELAY, "95013123456789"),
        ("0571-88888888", PhoneKind.LANDLINE, "0571-88888888"),
        ("400-800-1234", PhoneKind.LANDLINE, "400-800-1234"),
        ("+85291234567", PhoneKind.FOREIGN, "+85291234567"),
        ("0014155550123", PhoneKind.FOREIGN, "+14155550123"),
        ("12345678901", PhoneKind.INVALID, "12345678901"),
        ("1391111000", PhoneKind.INVALID, "1391111000"),
        ("", PhoneKind.INVALID, ""),
        ("王小明", PhoneKind.INVALID, "王小明"),
        ("9" * 1_000, PhoneKind.INVALID, "9" * 80),
    ],
)
def test_kinds(text: str, kind: PhoneKind, number: str) -> None:
    phone = read_phone(text)
    assert (phone.kind, phone.number) == (kind, number)


@given(MOBILES)
def test_a_plain_number_meets_its_hash(number: str) -> None:
    digest = hashlib.sha256(number.encode()).hexdigest()
    plain, hashed = read_phone(f"+86 {number[:3]} {number[3:7]} {number[7:]}"), read_phone(digest.upper())
    assert plain.identifies
    assert hashed.identifies
    assert plain.digest == hashed.digest == digest


@pytest.mark.parametrize(
    "text", ["139****0000", "13911110000-12", hashlib.md5(b"13911110000").hexdigest(), "x"]
)
def test_these_identify_nobody(text: str) -> None:
    assert not read_phone(text).identifies


@given(st.text(max_size=120))
def test_any_text_is_something(text: str) -> None:
    phone = read_phone(text)
    assert len(phone.number) <= 80 or phone.kind is PhoneKind.INVALID
    mask(phone.number)


@given(MOBILES)
def test_a_mask_hides_the_middle(number: str) -> None:
    assert mask(number) == f"{number[:3]}****{number[7:]}"


@given(st.text(st.sampled_from("0123456789+"), min_size=1, max_size=30))
def test_a_mask_never_shows_the_whole(number: str) -> None:
    assert "*" in mask(number)
