"""The promise of the start: `make demo` in a fresh clone within three minutes, and again within ten seconds.

Run as ``python -m benchmarks.start``. A clone of the committed state is made in a temporary folder, `make demo` is run
there as a newcomer would, and the time is taken until the server answers. The yardstick is the same machine installing
the same locked packages and nothing else.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.report import report

ROOT = Path(__file__).resolve().parent.parent
FIRST_BAR = 180.0
AGAIN_BAR = 10.0


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_answer(folder: Path, home: Path, deadline: float) -> float:
    """Seconds from calling `make demo` until the server answers; the server is stopped afterwards."""
    port = free_port()
    started = time.perf_counter()
    running = subprocess.Popen(
        ["make", "demo", f"ARGS=--home {home} --port {port}"],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - started < deadline:
            if running.poll() is not None:
                sys.exit(f"make demo ended with {running.returncode}")
            try:
                if httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=1).status_code == 200:
                    return time.perf_counter() - started
            except httpx.HTTPError:
                time.sleep(0.1)
        sys.exit(f"make demo did not answer within {deadline:.0f} s")
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGTERM)
            running.wait(timeout=30)


def main() -> None:
    """Measure both starts."""
    folder = Path(tempfile.mkdtemp(prefix="guanxi-start-"))
    try:
        clone = folder / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        started = time.perf_counter()
        subprocess.run(["make", "install"], cwd=clone, check=True, stdout=subprocess.DEVNULL)
        install = time.perf_counter() - started
        shutil.rmtree(clone / ".venv")
        first = until_answer(clone, folder / "home", 900)
        again = until_answer(clone, folder / "home", 120)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"install alone {install:.1f} s, first start {first:.1f} s, again {again:.1f} s")
    report("start_again", again, install, AGAIN_BAR, again <= AGAIN_BAR, "s")
    report("start", first, install, FIRST_BAR, first <= FIRST_BAR and again <= AGAIN_BAR, "s")


if __name__ == "__main__":
    main()
