"""Ids and keyed hashes."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, strategies as st

from guanxi.kernel import ids
from guanxi.kernel.hashing import content_hash, keyed_hash

FRAGMENTS = st.integers(-(1 << 63), (1 << 63) - 1)


@given(FRAGMENTS)
def test_a_member_id_names_its_fragment(fragment: int) -> None:
    member = ids.member_id(fragment)
    assert ids.fragment_of(member) == fragment
    assert len(member) == 17
    assert member.isascii()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mbr_",
        "mbr_0000000000000000",
        "mbr_ooooooooooooo",
        "mbr_zzzzzzzzzzzzz",
        "MBR_0000000000000",
        "0" * 17,
    ],
)
def test_other_texts_name_nobody(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        ids.fragment_of(text)


@given(st.integers(0, 1 << 200), st.integers(0, 60))
def test_base_32_there_and_back(number: int, width: int) -> None:
    text = ids.encode(number, width)
    assert ids.decode(text) == number
    assert len(text) >= width
    assert not set(text) & set("ilou")


def test_fresh_ids_differ() -> None:
    assert len({ids.fresh("key") for _ in range(1_000)}) == 1_000
    assert ids.fresh("key").startswith("key_")


@pytest.mark.parametrize("text", ["a", "demo", "shop-1", "a_b", "0", "a" * 32])
def test_slugs(text: str) -> None:
    assert ids.is_slug(text)


@pytest.mark.parametrize("text", ["", "A", "-a", "a-", "_a", "a b", "a" * 33, "店", "a\n", "../a", "a/b"])
def test_no_slugs(text: str) -> None:
    assert not ids.is_slug(text)


@given(st.binary(min_size=1, max_size=64), st.text(st.characters(codec="utf-8")))
def test_a_keyed_hash_is_blake2b(key: bytes, text: str) -> None:
    number = keyed_hash(key, text)
    assert -(1 << 63) <= number < 1 << 63
    assert (
        number.to_bytes(8, "little", signed=True)
        == hashlib.blake2b(text.encode(), key=key, digest_size=8).digest()
    )


def test_another_key_hashes_otherwise() -> None:
    assert keyed_hash(b"a", "13911110000") != keyed_hash(b"b", "13911110000")
    assert len(content_hash(b"")) == 16
