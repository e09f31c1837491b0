"""Run the benchmarks one after the other and sum up: ``python -m tools.bench [NAME…]``.

A benchmark is a module of ``benchmarks/`` whose last printed line is JSON with ``name, value, yardstick, ratio, bar, ok``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = ("name", "value", "yardstick", "ratio", "bar", "ok")


def names() -> list[str]:
    """Every benchmark: every module but those that begin with an underscore, and ``report``, which they all use."""
    stems = (path.stem for path in (ROOT / "benchmarks").glob("*.py"))
    return sorted(stem for stem in stems if not stem.startswith("_") and stem != "report")


def measure(name: str) -> dict[str, Any]:
    """Run one benchmark, show what it prints, and give its result; one that breaks is not ok."""
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    last = ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last = line.strip() or last
    try:
        result = json.loads(last)
    except json.JSONDecodeError:
        result = None
    if process.returncode or not isinstance(result, dict):
        return {"name": name, "ok": False, "bar": f"broke with code {process.returncode}"}
    return result


def main() -> int:
    """Print the table; fail if a bar is missed."""
    results = []
    for name in sys.argv[1:] or names():
        print(f"== {name}", flush=True)
        results.append(measure(name))
    print("\n" + "\t".join(COLUMNS))
    for result in results:
        print("\t".join(_show(result.get(column)) for column in COLUMNS))
    return 0 if all(result.get("ok") is True for result in results) else 1


def _show(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else "" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main())
