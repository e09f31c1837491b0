"""``kill -9`` at any moment of ingest, import, projection, hand-over and compaction: every event is there once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from guanxi.customers.events.measures import Extract, Numbering, extractor
from guanxi.customers.projection import decide
from guanxi.customers.projection.jobs import READER
from guanxi.storage.events.model import unpack
from guanxi.storage.merchants import get_setting
from tests.customers.conftest import Customers, customers
from tests.customers.state import resolved_afresh, state_of
from tests.e2e import killing
from tests.storage.events import follow, in_lake, in_tail

if TYPE_CHECKING:
    from tests.installation import Installation

__all__ = ["customers"]

KILLS = 60


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_event_is_there_once_after_sixty_kills(customers: Customers) -> None:
    one = customers.installation
    one.database.dispose()
    run = subprocess.run(
        [sys.executable, "-m", "tests.e2e.killing", one.home.path, str(KILLS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4_000:]
    assert run.stdout.split() == [str(KILLS)]
    tail, lake = in_tail(one), in_lake(one)
    assert tail
    assert lake, "what lies in one place only has shown nothing"
    _each_event_once(one, tail, lake)
    everything = follow(one.log, limit=1_000)
    assert [event.event_id for event in everything] == lake + tail
    with one.database.reading() as tx:
        assert one.log.peek(tx, "shop", READER) == everything[-1].position
    _customers_follow_from_the_log(customers)


def _each_event_once(one: Installation, tail: list[str], lake: list[str]) -> None:
    there = Counter(tail + lake)
    assert max(there.values()) == 1
    sent, told = set(killing.lines_of(one.home, killing.SENT)), set(killing.lines_of(one.home, killing.TOLD))
    assert told <= sent
    assert 0 < len(told) < len(sent), "nobody died between sending and being told"
    with one.database.reading() as tx:
        changes = int(get_setting(tx, "shop", killing.CHANGES) or 0)
    assert changes > 0
    imported = {name for name in there if name not in sent and not name.startswith("change-")}
    assert len(imported) == killing.ROWS
    assert set(there) == sent | imported | {f"change-{n}" for n in range(1, changes + 1)}
    with one.database.tail.reading() as tx:
        letters = tx.conn.exec_driver_sql("SELECT code, state FROM event_dead_letter").all()
    assert len(letters) == 1, "the one bad row of the file, however often it was imported"


def _customers_follow_from_the_log(customers: Customers) -> None:
    """Buckets, links, attributes and consents equal a recount of the whole log; members a fresh resolution."""
    one = customers.installation
    events = follow(one.log, limit=1_000)
    _, catalogue = customers.intake.merchant("shop")
    state = state_of(customers)
    types = {row[0]: row[1] for row in state["identities"]}
    reads = [
        decide.Read(
            event.event_id,
            event.type,
            event.version,
            event.time,
            event.day,
            event.account,
            event.channel,
            unpack(event.fragments),
            event.payload,
            (),
            {},
        )
        for event in events
    ]
    numbering = Numbering()
    extracts: dict[str, Extract] = {}

    def extract(name: str, _version: int) -> Extract:
        if name not in extracts:
            extracts[name] = extractor(name, catalogue.get(name), numbering)
        return extracts[name]

    effects = decide.fold(reads, types, extract)
    recount = {
        (day, who, *numbering.series[series], *held) for (day, who, series), held in effects.buckets.items()
    }
    assert set(state["buckets"]) == recount
    assert len(state["buckets"]) == len(recount)
    assert {row[:6] for row in state["links"]} == {(*key, *said) for key, said in effects.links.items()}
    by_hand: defaultdict[int, int] = defaultdict(int)
    for _, who, type_, measure, dimension, _, n, *_ in state["buckets"]:
        by_hand[who] += n if (type_, measure, dimension) == ("order.paid", "", "") else 0
    paid = sum(1 for event in events if event.type == "order.paid")
    assert by_hand[0] == paid == sum(n for who, n in by_hand.items() if who)
    first_seen: dict[int, Any] = {row[0]: row[4] for row in state["identities"]}
    assert first_seen == effects.first_seen
    members, holdings = resolved_afresh(customers)
    assert [row[0] for row in state["members"]] == members
    assert state["holdings"] == holdings
