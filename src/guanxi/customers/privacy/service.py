"""Takes a person out of the database at once, and hands a copy of everything known to whoever they are.

What the event log still says about somebody is forgotten by ``jobs.ErasureJob``; until it has, whoever reads the log
asks ``rewriter`` for glasses through which it looks as it will.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from guanxi.customers.identity import service as people
from guanxi.customers.identity.kinds import KINDS
from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY, Holding
from guanxi.customers.privacy import export, store
from guanxi.customers.privacy.model import Erasure, State
from guanxi.customers.privacy.rewriting import Rewriter
from guanxi.kernel.errors import NotFound
from guanxi.kernel.ids import fragment_of, fresh
from guanxi.storage.events import erasing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from guanxi.customers.events.service import EventIntake
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.merchants import Merchant
    from guanxi.storage.person_keys import PersonKeys
    from guanxi.storage.vault import Sealer, Vault

_LEGIBLE = (State.ASKED, State.MENDED)
_CROWD = people.WIDE + 1 + max(kind.shared_above for kind in KINDS.values())
"""Others whom an identity must have been seen with to be certainly a crowd's, whatever its type."""


class Privacy:
    """The rights of a merchant's members over what is known of them (PIPL articles 44 to 47)."""

    def __init__(
        self,
        database: Database,
        log: EventLog,
        intake: EventIntake,
        vault: Vault,
        keys: PersonKeys,
        catch_up: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``catch_up`` takes in what a merchant's log has to tell; see ``Projection.catch_up``."""
        self._catch_up = catch_up
        self._database = database
        self._log = log
        self._intake = intake
        self._vault = vault
        self._keys = keys

    def _sealer(self, merchant_id: str) -> Sealer:
        return self._vault.sealer("erasure", merchant_id)

    def alone(self, tx: Transaction, merchant_id: str) -> None:
        """Be the only one who changes who a merchant's people are, until the transaction ends."""
        store.alone(tx, merchant_id)

    def catch_up(self, merchant_id: str) -> None:
        """Learn whose the latest events are, before ``request``; raises ``Unavailable`` if too many wait."""
        self._catch_up(merchant_id)

    def request(self, tx: Transaction, merchant: Merchant, member_id: str, *, by: str, now: int) -> Erasure:
        """Forget a person: delete at once what the database holds, and note what is to be done about the log.

        Every event accepted so far is theirs; what comes after the transaction is a stranger's. Their numbers stay in
        the merchant's totals, under a random tombstone. Let the projection ``catch_up`` first: an identity it has not
        met is not known to be theirs. Raises ``NotFound`` for a member nobody knows, who may have been forgotten already.
        """
        merchant_id = merchant.merchant_id
        store.alone(tx, merchant_id)
        holdings = self._holdings(tx, merchant_id, member_id)
        fragments = {held.fragment for held in holdings}
        holders = store.holders_of(tx, merchant_id, fragments)
        whole = {one for one in fragments if len(holders.get(one, ())) < 2}
        known = people.known(tx, merchant_id, fragments)
        erasure = Erasure(
            erasure_id=fresh("ers"),
            state=State.ASKED,
            holdings=tuple(
                Holding(held.fragment, FIRST_DAY, LAST_DAY) if held.fragment in whole else held
                for held in holdings
            ),
            kinds=tuple(sorted({(identity.type, identity.scope) for identity in known.values()})),
            tombstone=secrets.randbits(62) + 1,
            upto=erasing.bound(tx, self._database, merchant_id),
            asked_at=now,
            asked_by=by,
            done_at=0,
        )
        left = (store.neighbours(tx, merchant_id, fragments) | fragments) - whole
        store.rekey_buckets(tx, merchant_id, erasure.holdings, erasure.tombstone)
        store.forget_days(
            tx, merchant_id, merchant.days, [held for held in holdings if held.fragment not in whole]
        )
        self.forget(tx, merchant_id, whole)
        store.thin_crowds(tx, merchant_id, left, by=len(whole), least=_CROWD)
        if left:
            people.reconcile(tx, merchant, left)
        self._rewrite_beside(tx, merchant_id, erasure)
        store.add(tx, merchant_id, erasure, self._sealer(merchant_id))
        return erasure

    def _holdings(self, tx: Transaction, merchant_id: str, member_id: str) -> list[Holding]:
        missing = NotFound(what_zh="会员", what_en="member", key=member_id)
        try:
            fragment = fragment_of(member_id)
        except ValueError as error:
            raise missing from error
        if not people.known(tx, merchant_id, [fragment]):
            raise missing
        member = people.holders(tx, merchant_id, [fragment])[fragment]
        return people.holdings_of(tx, merchant_id, [member])[member]

    def forget(self, tx: Transaction, merchant_id: str, fragments: Collection[int]) -> None:
        """Delete every row about fragments, and their keys."""
        store.forget(tx, merchant_id, fragments)
        self._keys.destroy(tx, merchant_id, fragments)

    def _rewrite_beside(self, tx: Transaction, merchant_id: str, erasure: Erasure) -> None:
        rewriter = self.glasses(merchant_id, [erasure])
        changed = []
        for event in erasing.read_beside(tx, merchant_id):
            # It has no position in the log yet, and came before the erasure whichever one it will get.
            early = msgspec.structs.replace(event, epoch=0, number=0)
            if rewriter.changes(early):
                changed.append(msgspec.structs.replace(rewriter.of(early, {}), number=event.number))
        erasing.rewrite_beside(tx, changed)

    def glasses(self, merchant_id: str, erasures: Collection[Erasure]) -> Rewriter:
        """Return what shows events as they stay after some erasures."""
        return Rewriter(
            list(erasures),
            self._intake.merchant(merchant_id)[1],
            self._vault.lookup_key(merchant_id),
            self._vault.sealer("tail", merchant_id),
        )

    def generation(self, tx: Transaction, merchant_id: str) -> int:
        """See ``generation``."""
        return generation(tx, merchant_id)

    def rewriter(self, tx: Transaction, merchant_id: str) -> Rewriter | None:
        """Return what shows events as they will stay, or ``None`` while the log tells of nobody it should not."""
        erasures = self.erasures(tx, merchant_id, _LEGIBLE)
        return self.glasses(merchant_id, erasures) if erasures else None

    def erasures(
        self, tx: Transaction, merchant_id: str, states: Collection[State] = tuple(State)
    ) -> list[Erasure]:
        """Return the erasures in the given states, the oldest first; those done say only when and by whom."""
        return store.find(tx, merchant_id, self._sealer(merchant_id), states)

    def erasure(self, tx: Transaction, merchant_id: str, erasure_id: str) -> Erasure:
        """Return one erasure; raises ``NotFound``."""
        for one in store.find(tx, merchant_id, self._sealer(merchant_id), tuple(State), erasure_id):
            return one
        raise NotFound(what_zh="删除任务", what_en="erasure", key=erasure_id)

    def under_way(self, tx: Transaction, merchant_id: str, member_id: str) -> Erasure | None:
        """Return the erasure under way of a member whom nobody knows any more; ``None`` if there is none."""
        return erasure_of(tx, self._vault, merchant_id, fragment_of(member_id))

    def advance(
        self, tx: Transaction, merchant_id: str, erasures: Collection[Erasure], state: State, now: int = 0
    ) -> None:
        """Record how far erasures have come."""
        store.advance(tx, merchant_id, erasures, state, now)

    def export_person(
        self, tx: Transaction, merchant: Merchant, member_id: str, *, now: int
    ) -> Iterator[bytes]:
        """Yield a JSON document with everything known of a member, in pieces; see ``export.document``.

        ``tx`` must stay open until the last piece. Raises ``NotFound`` before the first.
        """
        holdings = self._holdings(tx, merchant.merchant_id, member_id)
        fragments = {held.fragment for held in holdings}
        sources = export.Sources(
            sealers=self._keys.sealers(tx, merchant.merchant_id, fragments),
            merchant=self._vault.sealer("tail", merchant.merchant_id),
            rows=store.person(tx, merchant.merchant_id, fragments),
            buckets=store.buckets_of(tx, merchant.merchant_id, holdings),
            rewriter=self.rewriter(tx, merchant.merchant_id),
        )
        names = store.series_names(tx, merchant.merchant_id, {one.series for one in sources.buckets})
        events = erasing.carrying(self._database, self._log, merchant.merchant_id, fragments)
        return export.document(merchant, holdings, sources, names, events, now)


def generation(tx: Transaction, merchant_id: str) -> int:
    """Return a number that changes whenever rows about identities are deleted, so that who has read must read again."""
    return store.generation(tx, merchant_id)


def legible(tx: Transaction, vault: Vault, merchant_id: str) -> list[Erasure]:
    """Return the erasures of people of whom the log still tells, although nobody may know any more."""
    return store.find(tx, merchant_id, vault.sealer("erasure", merchant_id), _LEGIBLE)


def erasure_of(tx: Transaction, vault: Vault, merchant_id: str, fragment: int) -> Erasure | None:
    """Return the erasure under way of whoever held an identity; once it is through, nothing tells whom it was about."""
    found = legible(tx, vault, merchant_id)
    theirs = (one for one in reversed(found) if any(held.fragment == fragment for held in one.holdings))
    return next(theirs, None)
