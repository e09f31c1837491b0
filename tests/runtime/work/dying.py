"""A process that takes a piece of work, says so, and never ends by itself: ``python -m tests.runtime.work.dying HOME``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from guanxi.kernel.clock import FixedClock
from guanxi.runtime.work.files import Files
from guanxi.runtime.work.jobs import Runner
from guanxi.storage.database import Database
from guanxi.storage.home import Home
from guanxi.storage.vault import Vault
from tests.installation import NOW
from tests.runtime.work.shop import Count

if TYPE_CHECKING:
    from guanxi.runtime.work.handle import Handle


def hang(_handle: Handle, number: int) -> None:
    if number == 2:
        sys.stdout.write("here\n")
        sys.stdout.flush()
        time.sleep(1_000)


def main() -> None:
    home, clock = Home.open(Path(sys.argv[1])), FixedClock(NOW)
    files = Files(home.path / "work", Vault(home.master_key), clock)
    Runner(Database.of(home), files, {"count": Count(hang)}, clock).step()


if __name__ == "__main__":
    main()
