"""Rejected inputs that were settled long ago are forgotten at night, by a timer that sets the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from guanxi.bootstrap import Background, build
from guanxi.customers.privacy import retention
from guanxi.customers.privacy.retention import AT, KEPT, KIND, Retention
from guanxi.kernel.clock import DAY, HOUR, SECOND, FixedClock, parse_rfc3339
from guanxi.runtime.timers import service as timers
from guanxi.runtime.timers.jobs import fire
from guanxi.storage.events import dead_letters
from guanxi.storage.events.dead_letters import DeadLetter
from guanxi.storage.merchants import Merchant, add_merchant

if TYPE_CHECKING:
    from guanxi.storage.events.dead_letters import State
    from tests.installation import Installation

TONIGHT = parse_rfc3339("2026-06-16T04:00:00+08:00")


def letter(name: str, state: State = "open", settled_at: int = 0, merchant: str = "shop") -> DeadLetter:
    return DeadLetter(
        merchant, name.encode(), state, 1, "s", "a", "c", "bad", "坏", "bad", "", 1, b"sealed", settled_at
    )


def keep(one: Installation, *letters: DeadLetter) -> None:
    with one.database.tail.transaction() as tx:
        dead_letters.add(tx, letters)


def left(one: Installation, merchant: str = "shop") -> set[str]:
    with one.database.tail.reading() as tx:
        rows = tx.conn.exec_driver_sql(
            f"SELECT letter_id FROM event_dead_letter WHERE merchant_id = '{merchant}'"
        ).scalars()
        return {bytes(row).decode() for row in rows}


def waiting(one: Installation) -> list[tuple[str, str, int]]:
    with one.database.reading() as tx:
        return [
            (timer.merchant_id, timer.key, timer.due_at)
            for merchant in ("shop", "west")
            for timer in timers.due(tx, merchant, TONIGHT + 400 * DAY, 10)
        ]


def begin(one: Installation) -> Retention:
    made = Retention(one.database)
    with one.database.transaction() as tx:
        made.begin(tx, one.merchant, one.clock.now())
    return made


def test_what_was_settled_long_ago_is_forgotten_at_night(installation: Installation) -> None:
    one = installation
    old, young = TONIGHT - KEPT - SECOND, TONIGHT - KEPT + SECOND
    keep(one, letter("open"), letter("open-again", "open", old), letter("young", "mended", young))
    keep(one, letter("mended", "mended", old), letter("dropped", "dropped", old))
    keep(one, letter("theirs", "mended", old, "other"))
    handlers = {KIND: begin(one).fire}
    (timer,) = waiting(one)
    assert timer[2] == TONIGHT
    assert fire(one.database, handlers, TONIGHT - SECOND) == 0
    assert fire(one.database, handlers, TONIGHT) == 1
    assert left(one) == {"open", "open-again", "young"}
    assert left(one, "other") == {"theirs"}
    (timer,) = waiting(one)
    assert timer[2] == TONIGHT + DAY
    assert fire(one.database, handlers, TONIGHT + 3 * DAY + HOUR) == 1, "after days without a worker"
    assert left(one) == {"open", "open-again"}
    (timer,) = waiting(one)
    assert timer[2] == TONIGHT + 4 * DAY


def test_very_many_are_forgotten_in_sets(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SET", 2)
    keep(installation, *(letter(f"l{number}", "dropped", 1) for number in range(5)))
    handlers = {KIND: begin(installation).fire}
    sizes = []
    while fire(installation.database, handlers, TONIGHT):
        sizes.append(len(left(installation)))
    assert sizes == [3, 1, 0]
    assert [timer[2] for timer in waiting(installation)] == [TONIGHT + DAY]


def test_every_merchant_has_a_night_and_one_timer_for_it(installation: Installation) -> None:
    one = installation
    with one.database.transaction() as tx:
        west = Merchant("west", "西边", "America/New_York", "CNY", "", one.clock.now())
        add_merchant(tx, west)
    keep(one, letter("mended", "mended", 1), letter("theirs", "mended", 1, "west"))
    for _ in range(2):  # two workers, or one that was started again
        product = build(one.home, one.clock)
        (job,) = [job for job in Background(product).jobs() if job.name == "timers"]
        assert job.run_once(one.clock.now()) == 0
        assert waiting(one) == [
            ("shop", str(one.merchant.days.day(TONIGHT)), TONIGHT),
            ("west", str(west.days.day(TONIGHT)), parse_rfc3339("2026-06-15T04:00:00-04:00")),
        ]
        product.database.dispose()
    product = build(one.home, FixedClock(TONIGHT))
    (job,) = [job for job in Background(product).jobs() if job.name == "timers"]
    while job.run_once(TONIGHT):
        pass
    assert left(one) | left(one, "west") == set()
    assert [due for _, _, due in waiting(one)] == [TONIGHT + DAY, parse_rfc3339("2026-06-16T04:00:00-04:00")]
    product.database.dispose()


def test_a_night_is_one_also_when_the_clocks_are_changed(installation: Installation) -> None:
    made, berlin = Retention(installation.database), Merchant("berlin", "柏林", "Europe/Berlin", "CNY", "", 0)
    with installation.database.transaction() as tx:
        add_merchant(tx, berlin)
        for hours in range(0, 72, 3):
            made.begin(tx, berlin, parse_rfc3339("2026-10-24T00:00:00Z") + hours * HOUR)
        set_ = [timer.due_at for timer in timers.due(tx, "berlin", 2**62, 100)]
    assert AT == 4 * HOUR
    days = [berlin.days.day(due) for due in set_]
    assert days == list(range(days[0], days[0] + 4))
