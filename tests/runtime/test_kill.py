"""Workers killed with ``kill -9`` at any moment: timers take effect exactly once, messages arrive at least once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.runtime import effects, nursery

if TYPE_CHECKING:
    from tests.installation import Installation

KILLS = 50


@pytest.mark.slow
def test_nothing_is_lost_or_doubled(installation: Installation) -> None:
    effects.create(installation.database)
    run = subprocess.run(
        [sys.executable, "-m", "tests.runtime.nursery", installation.home.path, str(KILLS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [str(KILLS)]
    took = Counter(effects.keys(installation.database))
    batches = range(KILLS + 1)
    assert took == Counter({f"t{batch}-{n}": 1 for batch in batches for n in range(nursery.TIMERS)})
    lines = (installation.home.path / nursery.RECEIVED).read_text().splitlines()
    by_key = {tuple(line.split(" ")) for line in lines}
    assert sorted(message for _, message in by_key) == sorted(
        f"m{batch}-{n}" for batch in batches for n in range(nursery.MESSAGES)
    )
    assert len(lines) > len(by_key), "what was out when the first worker died has come again"
    with installation.database.reading() as tx:
        left = tx.conn.exec_driver_sql("SELECT count(*) FROM runtime_timer").scalar_one()
        states = tx.conn.exec_driver_sql("SELECT DISTINCT state FROM runtime_outbox").scalars().all()
    assert (left, states) == (0, ["done"])
