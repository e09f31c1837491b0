"""Events over HTTP into a shop that already has 20 M of them, with the projection and the hand-over at work.

Ours: the product's own processes (``guanxi serve``, ``guanxi worker``) on SQLite and on PostgreSQL; sixteen keep-alive
connections send batches of 50 messages of 600–850 bytes (40 % pages, 50 % products and searches, 5 % identified people
with name and phone, 5 % orders with lines) about a million members for 60 s, a tenth more than the bar asks for; a
request is answered when its events are durable and deduplicated. All the while it is watched how long the oldest event
that daily buckets do not show has been there. Five more seconds without that brake show what the server alone can take;
nothing is promised about how soon that becomes visible. At the end every acknowledged event must be counted once.
``_ingest_bare`` says what the yardstick does.

    python -m benchmarks.ingest [--quick] [--only sqlite|postgresql]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sqlalchemy import text

from benchmarks import _ingest_bare as bare, _ingest_state as state
from benchmarks.report import report
from guanxi.bootstrap import build
from guanxi.customers.projection.jobs import READER
from guanxi.kernel.clock import SECOND, SystemClock
from guanxi.storage.database import Database
from tools import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guanxi.storage.home import Home

BAR = 15_000
SHARE = 0.6
LAG = 2.0
CONNECTIONS = 16
PACE = 16_500


class Size(NamedTuple):
    """How much is stored and sent."""

    stored: int
    members: int
    seconds: int
    bare: int


FULL = Size(20_000_000, 1_000_000, 60, 200_000)
QUICK = Size(400_000, 20_000, 10, 40_000)


class Found(NamedTuple):
    """What was measured on one database; rates in events/s, lags in seconds."""

    rate: float
    bare: float
    lag: float

    @property
    def ok(self) -> bool:
        """Say whether every bar is met."""
        return self.rate >= BAR and self.lag <= LAG and self.rate >= SHARE * self.bare


class Watch:
    """Looks twenty times a second how old the oldest event is that the buckets do not show yet."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stop = threading.Event()
        self.lags: list[float] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            self.lags.append(self.lag())

    def lag(self) -> float:
        """Return seconds; 0 when everything is shown."""
        with self._database.reading() as tx:
            epoch, number = tx.conn.execute(
                text("SELECT epoch, number FROM event_reader WHERE merchant_id = :m AND reader = :r"),
                {"m": state.SHOP, "r": READER},
            ).one()
        with self._database.tail.reading() as tx:
            waiting = tx.conn.execute(
                text(
                    "SELECT received_at FROM event_tail WHERE merchant_id = :m AND (epoch, number) > (:e, :n)"
                    " ORDER BY epoch, number LIMIT 1"
                ),
                {"m": state.SHOP, "e": epoch, "n": number},
            ).scalar()
        return (SystemClock().now() - waiting) / SECOND if waiting else 0.0


@contextmanager
def running(home: Home) -> Iterator[tuple[int, list[int]]]:
    """Run server and worker; gives the port and the ids of both processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    guanxi = [sys.executable, "-m", "guanxi"]
    serve = [*guanxi, "serve", "--home", str(home.path), "--port", str(port), "--no-worker"]
    worker = [*guanxi, "worker", "--home", str(home.path)]
    log = (home.path / "output.log").open("wb")
    processes = [subprocess.Popen(command, stdout=log, stderr=log) for command in (serve, worker)]
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        yield port, [process.pid for process in processes]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)
        log.close()


def processor_seconds(process: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(port: int, key: str, size: Size, seconds: float, seed: int, pace: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks._ingest_load", str(port), key, str(seconds)]
    command += [str(size.members), str(seed), str(CONNECTIONS), str(pace)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        process.stdin.write("\n")
        process.stdin.flush()
        return dict(json.loads(process.stdout.readline()))


def counted(database: Database) -> int:
    """Return how many events the buckets of all customers together count today and yesterday."""
    with database.reading() as tx:
        return int(
            tx.conn.execute(
                text(
                    "SELECT sum(n) FROM customer_bucket JOIN customer_series USING (merchant_id, series)"
                    " WHERE merchant_id = :m AND fragment = 0 AND measure = '' AND dimension = ''"
                ),
                {"m": state.SHOP},
            ).scalar_one()
            or 0
        )


def ingest(home: Home, size: Size) -> tuple[dict[str, Any], list[float], int]:
    """Send, and check that every event is counted once; returns the load's figures, the lags and the tail's size."""
    database = Database.of(home)
    key = state.key_of(home, database)
    watch = Watch(database)
    with running(home) as (port, processes):
        warm = load(port, key, size, 3, seed=1, pace=PACE)
        while watch.lag():
            time.sleep(0.1)
        with watch:
            before = [processor_seconds(process) for process in processes]
            found = load(port, key, size, size.seconds, seed=2, pace=PACE)
            with database.tail.reading() as tx:
                tail = int(tx.conn.execute(text("SELECT count(*) FROM event_tail")).scalar_one())
            while watch.lag():
                time.sleep(0.1)
        used = (processor_seconds(process) - spent for process, spent in zip(processes, before, strict=True))
        found["server"], found["worker"] = (seconds / found["events"] * SECOND for seconds in used)
        lags = sorted(watch.lags)
        burst = load(port, key, size, 5, seed=3, pace=0)
        found["burst"] = burst["events"] / burst["seconds"]
        while watch.lag():
            time.sleep(0.1)
    expected = warm["events"] + found["events"] + burst["events"]
    assert counted(database) == expected, (counted(database), expected)
    database.dispose()
    return found, lags, tail


def measure(name: str, home: Home, size: Size, url: str) -> Found:
    found, lags, tail = ingest(home, size)
    product = build(home)
    events = bare.rows_of(product, size.bare, size.members)
    product.database.dispose()
    half = len(events) // 2
    if url:
        loose = bare.postgresql(url, events[:half], ids=False)
        strict = bare.postgresql(url, events[half:], ids=True)
    else:
        loose = bare.sqlite(home.path, events[:half], ids=False)
        strict = bare.sqlite(home.path, events[half:], ids=True)
    rate = found["events"] / found["seconds"]
    result = Found(rate, strict, lags[len(lags) * 99 // 100])
    print(
        f"{name}: {rate:,.0f} events/s, {found['burst']:,.0f} in a burst; a request took {found['p50']:.1f} ms, p99 {found['p99']:.1f},"
        f" at most {found['most']:.0f}; visible after {lags[len(lags) // 2]:.2f} s, p99 {result.lag:.2f}, at most"
        f" {lags[-1]:.2f}; {tail:,} events in the tail at the end; processor time an event {found['server']:.0f} µs in the"
        f" server, {found['worker']:.0f} in the worker; bare inserts {strict:,.0f} events/s, without ids"
        f" {loose:,.0f}",
        flush=True,
    )
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little stored, ten seconds")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    asked = parser.parse_args()
    size = QUICK if asked.quick else FULL
    stored = state.made(Path(tempfile.gettempdir()), size.stored, size.members)
    found: list[Found] = []
    bar = f">= {BAR:,} events/s, >= {SHARE} of the bare inserts, visible in {LAG:g} s"
    for name in [asked.only] if asked.only else ["sqlite", "postgresql"]:
        path = Path(tempfile.mkdtemp(prefix="guanxi-bench-run-"))
        try:
            if name == "sqlite":
                one = measure(name, state.copied(stored, path), size, "")
            else:
                with postgres.server(settings=postgres.DURABLE) as server, server.database() as url:
                    one = measure(name, state.copied_to_postgresql(stored, path, url), size, url)
        finally:
            shutil.rmtree(path)
        report(f"ingest_{name}", one.rate, one.bare, bar, one.ok, unit="events/s")
        found.append(one)
    worst = min(found, key=lambda one: (one.ok, one.rate))
    ok = all(one.ok for one in found)
    return 0 if report("ingest", worst.rate, worst.bare, bar, ok, unit="events/s") else 1


if __name__ == "__main__":
    sys.exit(main())
