"""A process that applies definitions and is killed, again and again: ``python -m tests.definitions.killing HOME KILLS``.

Whoever applies is forked from a process that has done nothing yet, and gets ``SIGKILL`` at a random moment after it has
begun. After each death somebody else looks: what is live must be one release, whole.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from guanxi.definitions import Definition, World, text
from guanxi.definitions.service import Definitions
from guanxi.kernel.clock import FixedClock
from guanxi.storage.database import Database
from guanxi.storage.home import Home
from tests.definitions.toy import Toy, kept
from tests.installation import NOW

TOYS = 30


def documents(generation: int) -> list[Definition]:
    """Toys that all say of which generation they are; some come and go."""
    chance = random.Random(generation)
    keys = [f"k{n}" for n in range(TOYS) if n == 0 or chance.random() < 0.8]
    return text.parse(
        "".join(
            f"---\nkind: toy\nkey: {key}\namount: {generation}\n"
            + (f"uses: [{keys[at - 1]}]\n" if at else "")
            for at, key in enumerate(keys)
        )
    )


def generation(world: World) -> int:
    """The one generation that everything live is of, to the last toy; 0 if nothing is."""
    found = {one.spec["amount"] for one in world.definitions.values()}
    assert len(found) <= 1, f"half of one release and half of another: {found}"
    number: int = found.pop() if found else 0
    assert world.definitions.keys() == ({one.ref for one in documents(number)} if number else set())
    return number


def apply(home: Home, ready: int) -> None:
    """Apply one generation after the other until somebody puts an end to it."""
    database = Database.of(home)
    service = Definitions(database, [Toy()], FixedClock(NOW))
    while True:
        with database.reading() as tx:
            last = generation(service.live(tx, "shop"))
        plan = service.plan("shop", documents(last + 1), prune=True, effects=False)
        if ready:
            os.write(ready, b"!")
            os.close(ready)
            ready = 0
        service.apply("shop", plan, by="killed", why="x")


def look(home: Home) -> None:
    """Be sure that all there is is whole releases, and that the newest is what is live."""
    database = Database.of(home)
    service = Definitions(database, [Toy()], FixedClock(NOW))
    with database.reading() as tx:
        world, releases = service.live(tx, "shop"), service.releases(tx, "shop", limit=10**6)
        assert [one.number for one in releases] == list(range(len(releases), 0, -1))
        assert generation(world) == len(releases)
        assert kept(tx, "shop") == {ref.key: one.version for ref, one in world.definitions.items()}
        for one in releases[:3]:
            brought = Counter(version.action.value for version in service.of_release(tx, "shop", one.number))
            assert one.summary == {"toy": brought}
    assert service.plan_release("shop", len(releases), effects=False).empty
    sys.stdout.write(f"{len(releases)}\n")


def fork(do: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            do()
            code = 0
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return pid


def main() -> int:
    home, kills = Home.open(Path(sys.argv[1])), int(sys.argv[2])
    chance = random.Random(kills)
    for _ in range(kills):
        ready, told = os.pipe()
        pid = fork(lambda told=told: apply(home, told))  # type: ignore[misc]
        os.close(told)
        assert os.read(ready, 1), "it died by itself"
        os.close(ready)
        # Half of them die in the first transaction, the others in some later one.
        time.sleep(chance.uniform(0, chance.choice((0.03, 0.15))))
        os.kill(pid, signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
        assert os.waitstatus_to_exitcode(os.waitpid(fork(lambda: look(home)), 0)[1]) == 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
