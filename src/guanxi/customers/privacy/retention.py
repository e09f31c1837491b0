"""Forgets rejected inputs that were mended or dropped long ago: every night, by a timer of each merchant's.

They hold what somebody sent, persons and all, and nothing needs them any more: personal data is kept no longer than its
purpose asks for (PIPL article 19).
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from guanxi.kernel.clock import DAY, HOUR
from guanxi.runtime.timers import service as timers
from guanxi.runtime.timers.model import NewTimer
from guanxi.storage.events import dead_letters
from guanxi.storage.merchants import get_merchant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.runtime.timers.model import Timer
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.merchants import Merchant

KIND = "customers.retention"
"""The timers' kind."""

KEPT = 90 * DAY
"""How long (µs) a rejected input may be looked up after it was mended or dropped."""

AT = 4 * HOUR
"""When the merchant sleeps: µs after local midnight."""

SET = 2_000
"""Inputs forgotten in one transaction."""


class Retention:
    """Sets the timers, and is their handler."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, tx: Transaction, merchant: Merchant, now: int) -> None:
        """Set the timer of the merchant's next night; once it has fired it sets the following one's itself.

        May be done any number of times: the key is the night.
        """
        night = merchant.days.day(now - AT) + 1
        timers.schedule(
            tx, [NewTimer(merchant.merchant_id, KIND, str(night), merchant.days.start(night) + AT)]
        )

    def fire(self, tx: Transaction, due: Sequence[Timer], now: int) -> None:
        """Handle a merchant's timers; see ``timers.service.Handler``."""
        merchant = get_merchant(tx, due[0].merchant_id)
        # On SQLite the tail is a file of its own. What is forgotten there stays so if ``tx`` should fail.
        with nullcontext(tx) if tx.dialect == "postgresql" else self._database.tail.transaction() as tail:
            gone = dead_letters.forget(tail, merchant.merchant_id, now - KEPT, SET)
        if gone == SET:
            timers.schedule(tx, [NewTimer(merchant.merchant_id, KIND, due[0].key, now)])
        else:
            self.begin(tx, merchant, now)
