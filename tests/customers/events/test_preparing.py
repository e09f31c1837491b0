"""Processes that prepare beside the one that writes: the same events and letters come of it, whoever dies."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from guanxi.customers.events.preparing import IN_ONE, SharedIntake
from tests.customers.conftest import SHOP
from tests.customers.events.test_intake import letters, message
from tests.storage.events import in_tail

if TYPE_CHECKING:
    from tests.customers.conftest import Customers


def shared(customers: Customers, helpers: int = 2) -> SharedIntake:
    return SharedIntake(customers.intake, customers.installation.home, "shop", SHOP, helpers)


def batch(number: int) -> list[dict[str, Any]]:
    """Three good ones, of which one names a phone that is none, and a bad one."""
    masked = {"context": {"identities": [{"type": "phone", "value": "138****0000"}]}}
    good = [message(f"{number}-{n}") for n in range(2)] + [message(f"{number}-masked", **masked)]
    return [*good, message(f"{number}-bad", event="")]


def test_what_was_submitted_is_there_once_and_the_bad_in_the_dead_letter(customers: Customers) -> None:
    with shared(customers) as intake:
        receipts = [one for number in range(6) for one in intake.submit(batch(number))]
        receipts += intake.submit([message("half", properties={"x": "\ud800"}), message("0-0")])
        assert receipts == [], f"fewer than {IN_ONE} wait for the end"
        (receipt,) = intake.finish()
        assert intake.finish() == []
    assert (receipt.accepted, receipt.duplicates, receipt.dead_lettered) == (18, 1, 7)
    assert receipt.unidentified == {"phone.masked": 6}
    assert len(letters(customers)) == 7
    expected = [f"{number}-{n}" for number in range(6) for n in (0, 1, "masked")]
    assert sorted(in_tail(customers.installation)) == sorted(expected)


def test_a_helper_that_dies_loses_nothing(customers: Customers) -> None:
    with shared(customers, 1) as intake:
        intake.submit(batch(0))
        os.kill(intake.helpers[0], signal.SIGKILL)
        for number in range(1, 4):
            intake.submit(batch(number))
        (receipt,) = intake.finish()
    assert (receipt.accepted, receipt.dead_lettered) == (12, 4)
    assert len(in_tail(customers.installation)) == 12
