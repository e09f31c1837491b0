"""Whoever applies definitions may be killed at any moment: what is live is always one release, whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.installation import Installation

KILLS = 20


@pytest.mark.slow
def test_a_plan_is_never_half_applied(installation: Installation) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.definitions.killing", installation.home.path, str(KILLS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    seen = [int(line) for line in run.stdout.split()]
    assert len(seen) == KILLS
    assert seen == sorted(seen)
    assert seen[-1] > 0
