"""Attributes and consents of people who turn out to be one."""

from __future__ import annotations

from hypothesis import given, strategies as st

from guanxi.customers.identity.decide import merge_attributes, merge_consents
from guanxi.customers.identity.model import Attribute, Consent
from tests.customers.identity.worlds import DAY


@given(
    st.lists(
        st.builds(
            Attribute,
            st.integers(1, 3),
            st.sampled_from("ab"),
            st.sampled_from([1, "x", [2], None]),
            st.integers(0, 3),
            st.sampled_from(["e1", "e2"]),
        )
    )
)
def test_merging_attributes_loses_nothing_and_shows_the_latest(parts: list[Attribute]) -> None:
    merged = merge_attributes(parts)
    assert merged == merge_attributes([*reversed(parts), *parts])
    kept = [one for each in merged.values() for one in (each.shown, *each.others)]
    assert all(part in kept for part in parts)
    assert all(part in parts for part in kept)
    for name, each in merged.items():
        assert each.shown[3:] == max(part[3:] for part in parts if part.name == name)


@given(
    st.lists(
        st.builds(
            Consent,
            st.integers(1, 2),
            st.sampled_from("ab"),
            st.just("sms"),
            st.booleans(),
            st.integers(0, 3),
            st.sampled_from(["e1", "e2"]),
        )
    )
)
def test_no_consent_outlives_a_withdrawal_of_its_time_or_later(parts: list[Consent]) -> None:
    merged = merge_consents(parts)
    assert merged == merge_consents([*reversed(parts), *parts])
    for (purpose, _), counts in merged.items():
        same = [part for part in parts if part.purpose == purpose]
        assert counts.time == max(part.time for part in same)
        assert counts.given is all(part.given for part in same if part.time == counts.time)


def test_attributes_of_merged_people_lose_nothing() -> None:
    old = Attribute(1, "city", "杭州", 1 * DAY, "e1")
    new = Attribute(2, "city", "上海", 2 * DAY, "e2")
    tie = Attribute(3, "city", ["苏州"], 2 * DAY, "e0")
    name = Attribute(1, "name", "王芳", 1 * DAY, "e1")
    merged = merge_attributes([old, tie, new, name, old])
    assert merged["city"].shown == new
    assert merged["city"].others == (tie, old)
    assert merged["name"].shown == name
    assert merged["name"].others == ()


def test_latest_consent_counts_and_of_equal_times_the_withdrawal() -> None:
    given = Consent(1, "marketing", "sms", True, 5, "e9")
    withdrawn = Consent(2, "marketing", "sms", False, 5, "e1")
    email = Consent(2, "marketing", "email", True, 1, "e1")
    assert merge_consents([given, withdrawn, email]) == {
        ("marketing", "email"): email,
        ("marketing", "sms"): withdrawn,
    }
    again = Consent(1, "marketing", "sms", True, 6, "e0")
    assert merge_consents([again, withdrawn])["marketing", "sms"] == again
