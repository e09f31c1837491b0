"""Takes forgotten people out of the event log: tail, lake, dead letters, and the files' own memory.

Each state of an erasure is written down before the next step begins, and each step may be done again from its start, so
that one that was killed anywhere goes on where it was. All of a merchant's erasures go together, because each rewrites
the months in which the person was active, and on SQLite both files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from guanxi.customers.events import sealing
from guanxi.customers.identity import service as people
from guanxi.customers.privacy.decide import recogniser, words
from guanxi.customers.privacy.model import Erasure, State
from guanxi.kernel.hashing import content_hash
from guanxi.storage.events import dead_letters, erasing
from guanxi.storage.events.model import LoggedEvent, Position
from guanxi.storage.scrub import scrub

if TYPE_CHECKING:
    from guanxi.customers.events.service import EventIntake
    from guanxi.customers.privacy.rewriting import Rewriter
    from guanxi.customers.privacy.service import Privacy
    from guanxi.kernel.clock import Clock
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.events.dead_letters import DeadLetter
    from guanxi.storage.events.handover import Handover
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.locks import Locks
    from guanxi.storage.person_keys import PersonKeys
    from guanxi.storage.vault import Vault

Mend = Callable[[str, Sequence[LoggedEvent], "Rewriter", "Callable[[Transaction], None]"], None]
"""Makes records that stem from events about to change follow from those that stay; see ``Projection.mend``."""

_PAGE = 500


class ErasureJob:
    """Finishes what ``Privacy.request`` began."""

    def __init__(
        self,
        database: Database,
        log: EventLog,
        locks: Locks,
        handover: Handover,
        privacy: Privacy,
        intake: EventIntake,
        vault: Vault,
        keys: PersonKeys,
        clock: Clock,
        mend: Mend,
        forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``forget`` deletes what else was made of a merchant's log; see ``Facts.forget``."""
        self._database = database
        self._log = log
        self._locks = locks
        self._handover = handover
        self._privacy = privacy
        self._intake = intake
        self._vault = vault
        self._keys = keys
        self._clock = clock
        self._mend_others = mend
        self._forget = forget

    def run(self, merchant_id: str, *, wait: bool = False) -> int:
        """Do what can be done about a merchant's erasures; returns how many were finished.

        Does nothing while the lake is in other hands, unless told to wait for it. An erasure stays unfinished while a
        transaction that began before it is still writing events, or somebody reads an old snapshot of SQLite's.
        """
        if not self._open(merchant_id, State.ASKED, State.MENDED, State.WIPED):
            return 0
        with self._locks.hold(f"lake/{merchant_id}", wait=wait) as mine:
            if not mine:
                return 0
            self._handover.recover(merchant_id)
            self._mend(merchant_id)
            self._rewrite(merchant_id)
            return self._finish(merchant_id)

    def waiting(self, merchant_id: str) -> list[Erasure]:
        """Return the erasures that are not finished, the oldest first."""
        return self._open(merchant_id, State.ASKED, State.MENDED, State.WIPED)

    def _open(self, merchant_id: str, *states: State) -> list[Erasure]:
        with self._database.reading() as tx:
            return self._privacy.erasures(tx, merchant_id, states)

    def _mend(self, merchant_id: str) -> None:
        with self._database.reading() as tx:
            asked = [
                erasure
                for erasure in self._privacy.erasures(tx, merchant_id, (State.ASKED,))
                if erasing.is_settled(tx, Position(*erasure.upto))
            ]
            everybody = self._privacy.rewriter(tx, merchant_id)
        if not asked or everybody is None:
            return
        ours = self._privacy.glasses(merchant_id, asked)
        carrying = erasing.carrying(self._database, self._log, merchant_id, ours.fragments)
        changed = [event for event in carrying if ours.changes(event)]

        def then(tx: Transaction) -> None:
            self._privacy.advance(tx, merchant_id, asked, State.MENDED)

        self._mend_others(merchant_id, changed, everybody, then)

    def _rewrite(self, merchant_id: str) -> None:
        erasures = self._open(merchant_id, State.MENDED)
        if not erasures:
            return
        rewriter = self._privacy.glasses(merchant_id, erasures)
        with self._database.tail.reading() as tx:
            hot = erasing.in_tail(tx, merchant_id, rewriter.fragments)
            lake = self._log.lake_in(tx, merchant_id)
        rewritten = self._rewritten(merchant_id, rewriter, hot)
        with self._database.tail.transaction() as tx:
            erasing.rewrite_tail(tx, rewritten)
        cold = lake.of_fragments(merchant_id, sorted(rewriter.fragments))
        lake.rewrite(self._rewritten(merchant_id, rewriter, [one for one in cold if rewriter.changes(one)]))
        self._drop_letters(merchant_id, erasures)
        lake.vacuum(hours=0, orphans=True)
        self._forget(merchant_id)
        with self._database.transaction() as tx:
            self._privacy.alone(tx, merchant_id)
            # Whoever came back since has an identity again, and with it a key of their own.
            back = people.known(tx, merchant_id, rewriter.fragments)
            self._keys.destroy(tx, merchant_id, set(rewriter.fragments) - back.keys())
            self._privacy.advance(tx, merchant_id, erasures, State.WIPED)

    def _rewritten(
        self, merchant_id: str, rewriter: Rewriter, events: Sequence[LoggedEvent]
    ) -> list[LoggedEvent]:
        changed = [event for event in events if rewriter.changes(event)]
        subjects = {event.subject for event in changed if sealing.has_personal(event.sealed)}
        with self._database.reading() as tx:
            persons = self._keys.sealers(tx, merchant_id, subjects)
        return [rewriter.of(event, persons) for event in changed]

    def _drop_letters(self, merchant_id: str, erasures: Sequence[Erasure]) -> None:
        """Delete rejected inputs that came before the erasure and hold an identity of the person's, or an event of theirs."""
        key = self._vault.lookup_key(merchant_id)
        tests = [
            (one.asked_at, recogniser(key, one.kinds, {held.fragment for held in one.holdings}))
            for one in erasures
        ]
        stones = {one.tombstone for one in erasures}
        hashes = {one.id_hash for one in erasing.carrying(self._database, self._log, merchant_id, stones)}
        for state in ("open", "mended", "dropped"):
            before: tuple[int, bytes] | None = None
            while letters := self._letters(merchant_id, state, before):
                before = (letters[-1].received_at, letters[-1].letter_id)
                found = []
                for letter in letters:
                    kept = self._intake.kept(letter)
                    texts = {*words(kept.raw), kept.event_id}
                    # One that could not be taken in holds no identity any more, but its event's id.
                    if any(content_hash(text.encode()) in hashes for text in texts) or any(
                        letter.received_at <= asked_at and any(is_theirs(text) for text in texts)
                        for asked_at, is_theirs in tests
                    ):
                        found.append(letter.letter_id)
                with self._database.tail.transaction() as tx:
                    dead_letters.remove(tx, merchant_id, found)

    def _letters(
        self, merchant_id: str, state: dead_letters.State, before: tuple[int, bytes] | None
    ) -> list[DeadLetter]:
        with self._database.tail.reading() as tx:
            return dead_letters.page(tx, merchant_id, state, before, _PAGE)

    def _finish(self, merchant_id: str) -> int:
        erasures = self._open(merchant_id, State.WIPED)
        if not erasures or not scrub(self._database):
            return 0
        merchant, _ = self._intake.merchant(merchant_id)
        events = [
            self._intake.internal_event(merchant, "member.erased", erasure.erasure_id, [], {})
            for erasure in erasures
        ]
        with self._database.transaction() as tx:
            self._log.append(tx, events)
            self._privacy.advance(tx, merchant_id, erasures, State.DONE, self._clock.now())
        return len(erasures)
