"""A process that does long work is killed with ``kill -9`` in the middle of it: another does it, from its start."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guanxi.kernel.clock import SECOND
from guanxi.runtime.work.model import LEASE, State
from tests.runtime.work.shop import Count, desk

if TYPE_CHECKING:
    from tests.installation import Installation


@pytest.mark.slow
def test_killed_work_is_done_by_another(installation: Installation) -> None:
    made = desk(installation)
    asked = made.ask(to=5)
    dying = subprocess.Popen(
        [sys.executable, "-m", "tests.runtime.work.dying", installation.home.path],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert dying.stdout is not None
    with dying:
        assert dying.stdout.readline() == "here\n"
        dying.send_signal(signal.SIGKILL)
    left = made.files()
    assert len(left) == 1, "what the dead one wrote"
    assert made.get(asked).state is State.RUNNING
    runner = made.runner(Count())
    assert runner.step() == 0, "it may only be slow"
    installation.clock.move(LEASE + SECOND)
    assert runner.step() == 1
    done = made.get(asked)
    assert (done.state, done.attempts) == (State.DONE, 2)
    assert b"".join(made.works.read(done)) == b"0\n1\n2\n3\n4\n"
    assert left[0] not in made.files()
