"""A hand-over that ends between any two of its steps: nothing is lost, nothing is doubled, the next one goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from deltalake import write_deltalake

from guanxi.storage.events import ids, lake
from guanxi.storage.events.handover import Handover
from guanxi.storage.events.lake import Lake
from tests.storage.events import (
    TODAY,
    event,
    follow,
    handover,
    in_lake,
    in_tail,
    keys,
    pass_all,
    remembered,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.installation import Installation

OLD = TODAY - 40
SENT = [event(f"e{n}", day=OLD if n % 2 else TODAY) for n in range(8)]


class Crash(BaseException):
    """Not an Exception: nothing may catch it and tidy up."""


def crash(*_args: Any, **_kwargs: Any) -> Any:
    raise Crash


def after(step: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*args: Any, **kwargs: Any) -> Any:
        step(*args, **kwargs)
        raise Crash

    return stepped


POINTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "before the plan": lambda patch: patch.setattr(Handover, "_plan", crash),
    "after the plan": lambda patch: patch.setattr(Handover, "_plan", after(Handover._plan)),
    "after reading": lambda patch: patch.setattr(Lake, "append", crash),
    "after making the lake": lambda patch: patch.setattr(Lake, "_create", after(Lake._create)),
    "before the commit to the lake": lambda patch: patch.setattr(lake, "write_deltalake", crash),
    "after the commit to the lake": lambda patch: patch.setattr(
        lake, "write_deltalake", after(write_deltalake)
    ),
    "before it is durable": lambda patch: patch.setattr(Lake, "_make_durable", crash),
    "after it is durable": lambda patch: patch.setattr(Lake, "append", after(Lake.append)),
    "before the settlement": lambda patch: patch.setattr(Handover, "_settle", crash),
    "in the settlement": lambda patch: (
        patch.setattr(Handover, "_forget_ids", crash),
        patch.setattr(ids, "leave_behind", crash),
    )[0],
    "before the settlement's commit": lambda patch: patch.setattr(
        Handover, "_settle", after(Handover._settle)
    ),
}


@pytest.mark.parametrize("point", POINTS)
def test_what_is_cut_short_is_finished(
    installation: Installation, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = installation.log
    log.accept(SENT[:5])
    everything = follow(log)
    pass_all(installation)
    with monkeypatch.context() as patch:
        POINTS[point](patch)
        with pytest.raises(Crash):
            handover(installation).run("shop", ["r"], limit=3)
    # A reader sees the same as before, and a retry is known, whatever half of the work is done.
    assert follow(log) == everything
    assert log.accept(SENT[:6]) == [False] * 5 + [True]
    assert len(follow(log)) == 6
    # The next run finishes what was planned before it plans more.
    pass_all(installation)
    while handover(installation).run("shop", ["r"], limit=4):
        pass
    assert in_tail(installation) == []
    assert in_lake(installation) == keys(SENT[:6])  # type: ignore[arg-type]
    assert log.accept(SENT) == [False] * 6 + [True] * 2
    assert remembered(installation) == {TODAY, OLD}
    assert keys(follow(log)) == keys(SENT)  # type: ignore[arg-type]


def test_recovery_alone_finishes_a_hand_over(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.log.accept(SENT)
    pass_all(installation)
    with monkeypatch.context() as patch:
        patch.setattr(Handover, "_settle", crash)
        with pytest.raises(Crash):
            handover(installation).run("shop", ["r"])
    assert len(in_lake(installation)) == len(in_tail(installation)) == 8
    assert len(follow(installation.log)) == 8, "what lies in both is read once"
    assert handover(installation).recover("shop") == 8
    assert handover(installation).recover("shop") == 0
    assert (len(in_lake(installation)), in_tail(installation)) == (8, [])
