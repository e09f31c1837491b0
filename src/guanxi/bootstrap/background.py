"""What the worker does, for all merchants of an installation."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING

import structlog

from guanxi.access import jobs as access_jobs
from guanxi.bootstrap.product import LAKE_READERS
from guanxi.customers.audiences.jobs import ExportWork, PutWork
from guanxi.customers.privacy.retention import KIND as RETENTION, Retention
from guanxi.customers.projection.jobs import READER
from guanxi.definitions.jobs import ApplyWork, EffectWork
from guanxi.kernel.clock import HOUR, MINUTE, SECOND
from guanxi.kernel.errors import Unavailable
from guanxi.runtime.outbox.jobs import OutboxJob
from guanxi.runtime.timers.jobs import TimerJob
from guanxi.runtime.work.handle import Kind
from guanxi.runtime.work.jobs import Crew, Runner
from guanxi.runtime.worker import Job
from guanxi.storage.database import UNAVAILABLE
from guanxi.storage.events import epochs
from guanxi.storage.events.vitals import waiting
from guanxi.storage.merchants import get_merchant, list_merchants
from guanxi.storage.scrub import shrink

if TYPE_CHECKING:
    from collections.abc import Callable

    from guanxi.bootstrap.product import Product


_log = structlog.get_logger(__name__)

HAND_OVER_ROWS = 20_000
HAND_OVER_AGE = 5 * MINUTE
"""The tail is handed over when it has this many events, or when its oldest has waited this long: a lake of many small
files is slow to read."""


BOARDS_EVERY = 10 * MINUTE
"""How old what all members have in common may be; whoever counts by a rule of their own gets what is true now."""

NOT_NOW: tuple[type[Exception], ...] = (*UNAVAILABLE, Unavailable)
"""What keeps somebody from warming up, and will pass or be told to whoever asks."""


class Background:
    """What the worker does, for all merchants there are; new merchants are noticed within a few seconds."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._merchants: list[str] = []
        self._looked_at = 0

    def merchants(self) -> list[str]:
        """Return the slugs of all merchants, at most five seconds old."""
        now = self._product.clock.now()
        if not self._merchants or not self._looked_at <= now < self._looked_at + 5 * SECOND:
            with self._product.database.reading() as tx:
                self._merchants = [merchant.merchant_id for merchant in list_merchants(tx)]
            self._looked_at = now
        return self._merchants

    def jobs(self) -> list[Job]:
        """Return the jobs that somebody waits for, the most urgent first."""
        product = self._product
        retention = Retention(product.database)
        timers = TimerJob(product.database, {RETENTION: retention.fire})
        begun: set[str] = set()

        def fire(now: int) -> int:
            if new := set(self.merchants()) - begun:
                with product.database.transaction() as tx:
                    for merchant_id in sorted(new):
                        retention.begin(tx, get_merchant(tx, merchant_id), now)
                begun.update(new)
            return timers.run_once(now)

        outbox = OutboxJob(product.database, {}, product.clock)
        return [
            Job("beside", lambda _now: self._each(product.log.drain_beside), SECOND // 2),
            Job("customers", lambda _now: self._each(product.projection.run), SECOND // 5),
            Job("erasures", lambda _now: self._each(product.erasures.run), MINUTE),
            Job("timers", fire, SECOND, timers.lag),
            Job("outbox", outbox.run_once, SECOND, outbox.lag),
            Job("access", self._prune_access, HOUR),
        ]

    def lake_jobs(self) -> list[Job]:
        """Return the jobs that write to the lake: a set of theirs takes seconds, so they have a loop of their own."""
        return [
            Job("handover", lambda _now: self._each(self.hand_over), 5 * SECOND),
            Job("compaction", lambda _now: self.tidy(), 10 * MINUTE),
            Job("boards", lambda _now: self._each(self.renew), BOARDS_EVERY),
            Job("changes", lambda _now: self._each(self._tell), 5 * SECOND),
            Job("history", lambda _now: self._each(self._look_back), 5 * SECOND),
        ]

    def work_kinds(self) -> dict[str, Kind]:
        """Return what long work there is, by name."""
        product = self._product
        record = access_jobs.recording(product.clock)
        kinds: tuple[Kind, ...] = (
            ExportWork(product.audiences, product.intake),
            PutWork(product.database, product.audiences, product.boards, product.intake, record),
            EffectWork(product.definitions, self._board_took),
            ApplyWork(product.definitions, self._board_took, record),
        )
        return {kind.name: kind for kind in kinds}

    def crew(self) -> Crew:
        """Return who does long work, in threads of their own: what takes a minute must not hold up the loops."""
        product, kinds = self._product, self.work_kinds()
        return Crew(
            lambda: Runner(product.database, product.works.files, kinds, product.clock), warm=self._load
        )

    def _load(self) -> None:
        """Load the analytic engine, which takes longer than most work."""
        try:
            for merchant_id in self.merchants()[:1]:
                self._product.audiences.warm(self._product.intake.merchant(merchant_id)[0])
        except NOT_NOW:
            _log.warning("not_warmed", exc_info=True)

    def _board_took(self, merchant_id: str) -> int:
        with self._product.database.reading() as tx:
            board = self._product.boards.live(tx, merchant_id)
        return board.took if board is not None else 0

    def _each(self, work: Callable[[str], int]) -> int:
        return sum(work(merchant_id) for merchant_id in self.merchants())

    def hand_over(self, merchant_id: str) -> int:
        """Hand the tail over once it is long or old enough; returns how many events moved."""
        product = self._product
        tail = product.log.backlog(merchant_id)
        waited = product.clock.now() - tail["oldest"]
        if tail["rows"] < HAND_OVER_ROWS and (not tail["rows"] or waited < HAND_OVER_AGE):
            return 0
        # Somebody may have restored the database beneath us: what has been written since lies behind the watermark,
        # where a hand-over deletes.
        epochs.mend(product.database, product.log)
        return product.handover.run(merchant_id, LAKE_READERS)

    def tidy(self) -> int:
        """Compact the lakes and give back what the tail no longer needs; returns how many months were merged."""
        done = self._each(self.compact)
        shrink(self._product.database)
        return done

    def compact(self, merchant_id: str) -> int:
        """Sort and merge crowded months of the lake, and delete files that nobody reads any more."""
        product = self._product
        with product.locks.hold(f"lake/{merchant_id}", wait=False) as mine:
            if not mine:
                return 0
            lake = product.log.lake(merchant_id)
            done = lake.compact()
            lake.vacuum(hours=1)
            return done

    def renew(self, merchant_id: str) -> int:
        """Build a merchant's board anew if anything has moved; returns 0, because the next one can wait."""
        self._product.boards.refresh(self._product.intake.merchant(merchant_id)[0])
        return 0

    def _tell(self, merchant_id: str) -> int:
        return self._product.boards.tell(self._product.intake.merchant(merchant_id)[0])

    def _look_back(self, merchant_id: str) -> int:
        return self._product.history.run(self._product.intake.merchant(merchant_id)[0])

    def _prune_access(self, now: int) -> int:
        with self._product.database.transaction() as tx:
            access_jobs.prune(tx, now)
        return 0

    def settle(self, on_progress: Callable[[int], None] = lambda _: None) -> int:
        """Work until everything that has arrived is projected and in the lake; returns how many events were taken in."""
        product = self._product
        done = 0
        for merchant_id in self.merchants():
            while product.log.drain_beside(merchant_id):
                pass
            while True:
                while taken := product.projection.run(merchant_id, 10_000):
                    done += taken
                    on_progress(done)
                if not waiting(product.database, product.log, merchant_id, READER).rows:
                    break
                # On PostgreSQL readers wait for whoever else is writing on the server.
                sleep(0.05)
            while product.handover.run(merchant_id, LAKE_READERS):
                on_progress(done)
        shrink(product.database)
        return done
