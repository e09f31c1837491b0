"""How work goes from state to state: whatever happens, what has ended stays so, and no work is begun too often."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, strategies as st

from guanxi.kernel.clock import SECOND
from guanxi.kernel.text import Text
from guanxi.runtime.model import Reason
from guanxi.runtime.work import decide
from guanxi.runtime.work.model import BACKOFF, LEASE, REMEMBERED, Asker, Outcome, State, Unit, Work

WORK = Work(
    "shop", "wrk_1", State.WAITING, "count", Text("数数", "Counting"), Asker("person", "p", "李"), "", {}, {}, "", "",
    100, 0, 0, 100, "", 0, Unit.ROWS, 0, 0, False, Outcome(),
)  # fmt: skip
DONE = Outcome(Text("好", "Good"), {"rows": 3})
HAPPENS = ("begin", "lose", "hinder", "put down", "finish", "fail", "cancel")


def after(work: Work, happens: str, now: int) -> Work:
    """What becomes of work, as runner and service let it happen."""
    if happens == "begin":
        return decide.begun(work, f"h{now}", now, LEASE) if work.state is State.WAITING else work
    if happens == "cancel":
        return decide.ended(work, State.CANCELLED, now, Outcome())
    if work.state is not State.RUNNING:
        return work
    return {
        "lose": lambda: decide.lost(work, now),
        "hinder": lambda: decide.hindered(work, Reason("unavailable", "忙", "busy"), now),
        "put down": lambda: decide.put_down(work, now),
        "finish": lambda: decide.ended(work, State.DONE, now, DONE),
        "fail": lambda: decide.ended(work, State.FAILED, now, work.outcome, Reason("x", "坏", "bad")),
    }[happens]()


@given(st.lists(st.tuples(st.sampled_from(HAPPENS), st.integers(0, 100 * SECOND)), max_size=30))
def test_whatever_happens(story: list[tuple[str, int]]) -> None:
    work, now = WORK, WORK.asked_at
    for happens, later in story:
        before, now = work, now + later
        work = after(work, happens, now)
        assert (work.holder != "") == (work.state is State.RUNNING)
        assert work.attempts <= BACKOFF.attempts
        assert (work.ended_at > 0) == work.state.ended
        if before.state.ended:
            assert work == before, "what has ended stays so"
        if work.state.ended and not before.state.ended:
            assert work.next_at == now + REMEMBERED
        if work.state is State.FAILED:
            assert work.reason.zh
            assert work.reason.en
        if work.state is State.DONE:
            assert work.outcome == DONE
        if work.state is State.RUNNING:
            assert work.next_at == work.started_at + LEASE
        assert decide.parts_needed(work) <= {"in", decide.written_by(work.holder)}


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**10))
def test_progress_is_a_share_and_time_that_is_left(done: int, whole: int, took: int) -> None:
    work = replace(decide.begun(WORK, "h", 1_000, LEASE), done=done, whole=whole)
    found = decide.progress(work, 1_000 + took)
    assert found.share is None or 0 <= found.share <= 1
    assert (found.share is None) == (whole == 0)
    if found.rate is not None:
        assert abs(found.rate * took / SECOND - done) < 1
        assert (found.left is None) == (done >= whole)
    if found.left is not None:
        # At this rate it ends when the rest is done.
        assert abs(found.left - took * (whole - done) / done) <= 1


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_where_nothing_can_be_counted_time_tells(expected: int, took: int) -> None:
    work = replace(decide.begun(WORK, "h", 0, LEASE), unit=Unit.TIME, whole=expected)
    found = decide.progress(work, took)
    assert found.rate is None
    if not expected:
        assert (found.share, found.left) == (None, None)
        return
    assert found.share is not None
    assert found.share < 1, "a bar that guesses is never full"
    assert found.left == (expected - took if took < expected else None)


def test_a_rate_says_how_fast_and_how_long() -> None:
    work = replace(decide.begun(WORK, "h", 0, LEASE), done=24_000, whole=60_000)
    found = decide.progress(work, 2 * SECOND)
    assert (found.share, found.rate, found.left) == (0.4, 12_000, 3 * SECOND)
    assert decide.progress(work, SECOND // 2).rate is None, "too early to tell"
