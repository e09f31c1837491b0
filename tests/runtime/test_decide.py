"""Waiting and isolating, without a database."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, strategies as st
from sqlalchemy.exc import IntegrityError

from guanxi.kernel.clock import DAY, SECOND
from guanxi.kernel.errors import InvalidInput
from guanxi.runtime.decide import Backoff, isolate
from guanxi.runtime.model import NOTHING, Reason
from guanxi.runtime.outbox.decide import expired, recover, settle
from guanxi.runtime.outbox.model import BACKOFF, LONGEST_WAIT, Message, Refused, Retry, Sent


class Bad(Exception):
    """A poisoned item."""


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(first=5, most=60, attempts=9)
    assert [backoff.delay(n) for n in range(1, 8)] == [5, 10, 20, 40, 60, 60, 60]
    assert backoff.delay(10_000) == 60
    assert [backoff.exhausted(n) for n in (8, 9, 10)] == [False, True, True]


@given(failed=st.integers(1, 200), spread=st.integers(0, 1000))
def test_the_spread_stays_in_the_upper_half(failed: int, spread: int) -> None:
    whole = BACKOFF.delay(failed)
    assert whole // 2 <= BACKOFF.delay(failed, spread) <= whole


@given(size=st.integers(0, 300), poisoned=st.sets(st.integers(0, 299), max_size=20), limit=st.integers(1, 30))
def test_isolation_puts_every_item_in_one_list(size: int, poisoned: set[int], limit: int) -> None:
    applied: list[int] = []

    def attempt(part: Sequence[int]) -> None:
        if any(item in poisoned for item in part):
            raise Bad
        applied.extend(part)

    result = isolate(list(range(size)), attempt, limit)
    bad = sorted(item for item in poisoned if item < size)
    assert applied == result.done
    assert [item for item, _ in result.poisoned] == bad[:limit]
    assert sorted([*result.done, *result.untried, *bad[:limit]]) == list(range(size))
    if len(bad) < limit:
        assert result.untried == []


def test_one_poisoned_item_costs_a_logarithm_of_attempts() -> None:
    calls = 0

    def attempt(part: Sequence[int]) -> None:
        nonlocal calls
        calls += 1
        if 617 in part:
            raise Bad

    isolate(list(range(1024)), attempt, 50)
    assert calls <= 2 * 10 + 1


def test_a_set_that_fails_as_a_whole_costs_little() -> None:
    calls = 0

    def attempt(part: Sequence[int]) -> None:
        nonlocal calls
        calls += 1
        raise Bad

    result = isolate(list(range(1000)), attempt, 5)
    assert len(result.poisoned) == 5
    assert len(result.untried) == 995
    assert calls < 30


def test_a_reason_is_in_both_languages_and_quotes_nobody() -> None:
    ours = Reason.of(InvalidInput(reason_zh="坏", reason_en="bad"))
    assert (ours.code, ours.zh, ours.en) == ("invalid_input", "输入有误：坏", "Invalid input: bad")
    theirs = Reason.of(
        IntegrityError("INSERT", {"phone": "13800138000"}, ValueError("dup 13800138000\nDETAIL: x"))
    )
    assert theirs == Reason("internal", "内部错误：ValueError: dup …", "Internal error: ValueError: dup …")
    assert Reason.of(Bad()).en == "Internal error: Bad"
    assert NOTHING.say("zh") == NOTHING.say("en") == ""


def message(attempts: int) -> Message:
    return Message("shop", "webhook", "k", b"{}", attempts, 0)


def test_what_a_message_becomes() -> None:
    why = Reason("x", "原因", "why")
    assert settle(message(1), Sent(), BACKOFF, 100, 0).state == "done"
    assert settle(message(1), Refused(why), BACKOFF, 100, 0)[1:] == ("parked", 100, 100, why)
    again = settle(message(3), Retry(why), BACKOFF, 100, 1000)
    assert again[1:] == ("pending", 100 + 20 * SECOND, 100, why)
    assert settle(message(BACKOFF.attempts), Retry(why), BACKOFF, 100, 0).state == "parked"


def test_retry_after_is_obeyed_within_reason() -> None:
    why = Reason("x", "原因", "why")
    asked = settle(message(1), Retry(why, 90 * SECOND), BACKOFF, 0, 500)
    assert 90 * SECOND <= asked.next_at <= 96 * SECOND
    assert settle(message(1), Retry(why, 365 * DAY), BACKOFF, 0, 0).next_at <= LONGEST_WAIT + 5 * SECOND
    assert settle(message(1), Retry(why, -5), BACKOFF, 0, 0).next_at > 0


def test_a_vanished_worker_makes_its_messages_suspect_and_in_the_end_parked() -> None:
    assert recover(message(1), BACKOFF, 7, 0)[1:3] == ("suspect", 7)
    assert recover(message(2), BACKOFF, 7, 1000)[1:3] == ("suspect", 7 + 5 * SECOND)
    last = recover(message(BACKOFF.attempts), BACKOFF, 7, 0)
    assert (last.state, last.reason.code) == ("parked", "worker_lost")


def test_a_lease_from_a_clock_that_was_set_back_is_over() -> None:
    assert expired(100, 100, 50)
    assert not expired(101, 100, 50)
    assert not expired(200, 100, 50)
    assert expired(201, 100, 50)


@given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8), st.integers(1, 99))
def test_the_idempotency_key_is_the_message_and_not_the_attempt(topic: str, key: str, attempts: int) -> None:
    first = Message("shop", topic, key, b"", 1, 0)
    assert first.idempotency_key == Message("shop", topic, key, b"x", attempts, 5).idempotency_key
    assert first.idempotency_key != Message("shop2", topic, key, b"", 1, 0).idempotency_key
    assert first.idempotency_key.startswith("msg_")
    assert first.idempotency_key.isascii()
