"""What is left out for want of a browser is said aloud, and fails where nothing may be left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = """
import pytest

@pytest.mark.browser
def test_page(): ...

@pytest.mark.clients("node")
def test_client(): ...

def test_plain(): ...
"""


def run(folder: Path, **environment: str) -> tuple[int, str]:
    """Run the sample with our conftest on a machine whose PATH is empty."""
    sample = folder / "test_sample.py"
    sample.write_text(SAMPLE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", "pyproject.toml", "--color=no"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GUANXI_", "PYTEST_"))}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(sample)],
        cwd=ROOT,
        env={**kept, "PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_what_is_left_out_is_said_in_one_line(tmp_path: Path) -> None:
    code, shown = run(tmp_path)
    (line,) = [line for line in shown.splitlines() if line.startswith("NOT TESTED / 未测试")]
    assert code == 0
    assert "1 × no Chromium" in line
    assert "1 × no Node.js" in line
    assert "1 passed, 2 skipped" in shown


def test_a_run_that_may_leave_nothing_out_fails(tmp_path: Path) -> None:
    code, shown = run(tmp_path, GUANXI_REQUIRE_ALL="1")
    assert code == 1
    assert "1 passed, 2 errors" in shown
    assert "no Chromium" in shown
