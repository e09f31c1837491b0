"""Follows the event log and keeps customers up to date with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
import structlog

from guanxi.customers.events.measures import NOTHING, Extract, Numbering, extractor
from guanxi.customers.events.model import EventType, Refused, Seen, Source
from guanxi.customers.identity import service as people
from guanxi.customers.identity.model import Identity
from guanxi.customers.privacy.service import Privacy
from guanxi.customers.projection import decide, search, store
from guanxi.customers.projection.decide import Effects
from guanxi.customers.projection.opening import Opened, Opener
from guanxi.customers.projection.store import Damage
from guanxi.kernel.errors import Unavailable
from guanxi.kernel.phone import mask
from guanxi.kernel.text import Text
from guanxi.storage.database import UNAVAILABLE
from guanxi.storage.events import erasing, vitals
from guanxi.storage.events.model import START, LoggedEvent

if TYPE_CHECKING:
    from guanxi.customers.events.service import EventIntake
    from guanxi.customers.privacy.rewriting import Rewriter
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.merchants import Merchant
    from guanxi.storage.person_keys import PersonKeys
    from guanxi.storage.vault import Vault

READER = "customers"
BATCH = 5_000
REBUILD_BATCH = 50_000
"""Events taken at once from the lake, which is scanned once per set."""

_AT_HAND = 4
"""Sets that somebody may wait for."""

_CUT = 8
"""By how much a set is cut after a failure until the event that fails stands alone."""

_log = structlog.get_logger(__name__)


class Projection:
    """The reader that makes customers of events. Killed at any moment, it goes on where it was."""

    reader = READER

    def __init__(
        self, database: Database, log: EventLog, intake: EventIntake, vault: Vault, keys: PersonKeys
    ) -> None:
        self._database = database
        self._log = log
        self._intake = intake
        self._vault = vault
        self._keys = keys
        self._opener = Opener(vault, keys)
        self._privacy = Privacy(database, log, intake, vault, keys)

    def run(self, merchant_id: str, limit: int = BATCH) -> int:
        """Take in the next events; returns how many. 0 means that the reader has caught up.

        An event that cannot be taken in is set aside as a dead letter with the reason, and stops nobody behind it.
        """
        size = limit
        while True:
            try:
                return self._take(merchant_id, size)
            except UNAVAILABLE:
                raise
            except Exception as error:  # noqa: BLE001 - whatever one event did must not stop the others
                if size == 1:
                    return self._set_aside(merchant_id, error)
                size = max(1, size // _CUT)

    def catch_up(self, merchant_id: str) -> None:
        """Take in what has come so far, if that is a few seconds' work.

        Raises ``Unavailable`` if it is more. On PostgreSQL what comes while somebody else's transaction writes is not
        to be read before that transaction ends.
        """
        for _ in range(_AT_HAND):
            if self.run(merchant_id) < BATCH:
                return
        raise Unavailable(
            reason_zh="刚收到的事件很多，正在整理，请几分钟后重试。",
            reason_en="many events have come and are being taken in; try again in a few minutes.",
        )

    def _set_aside(self, merchant_id: str, error: Exception) -> int:
        """Keep the next event as a dead letter and go on behind it; a replay of the log tries it again."""
        with self._database.reading() as tx:
            after = self._log.peek(tx, merchant_id, READER)
        events = self._log.read(merchant_id, after, 1)
        for event in events:
            # The kind of failure only: what it says may quote what somebody sent.
            said = type(error).__name__
            _log.error("event_set_aside", merchant_id=merchant_id, event_type=event.type, failure=said)
            place = f"event {event.event_id}"
            refused = Refused(
                "projection_failed",
                Text(f"事件已存，但无法整理：{said}", f"The event is kept but could not be taken in: {said}"),
                place,
            )
            raw = msgspec.json.encode(
                {"event_id": event.event_id, "type": event.type, "payload": msgspec.Raw(event.payload)}
            )
            self._intake.reject(merchant_id, Source(READER, event.account, event.channel), [(raw, refused)])
            with self._database.transaction() as tx:
                if self._log.position(tx, merchant_id, READER) == after:
                    self._log.advance(tx, merchant_id, READER, event.position)
        return len(events)

    def _take(self, merchant_id: str, limit: int) -> int:
        merchant, _ = self._intake.merchant(merchant_id)
        with self._database.reading() as tx:
            after = self._log.peek(tx, merchant_id, READER)
            generation = self._privacy.generation(tx, merchant_id)
            rewriter = self._privacy.rewriter(tx, merchant_id)
        events = self._log.read(merchant_id, after, limit)
        if not events:
            return 0
        with self._database.reading() as tx:
            opened = self._opener.open(tx, merchant_id, events, rewriter)
        numbering = Numbering()
        extracts: dict[tuple[str, int], Extract] = {}

        def extract(name: str, version: int) -> Extract:
            found = extracts.get((name, version))
            if found is None:
                kind = self._kind(merchant_id, name, version)
                found = extracts[name, version] = extractor(name, kind, numbering)
            return found

        effects = decide.fold(opened.reads, opened.types, extract)
        with self._database.transaction() as tx:
            self._privacy.alone(tx, merchant_id)
            # Another worker may have taken the same events in the meantime; then they are not ours any more. Or
            # somebody in them may have asked to be forgotten; then they have to be read again.
            if self._log.position(tx, merchant_id, READER) != after:
                return len(events)
            if self._privacy.generation(tx, merchant_id) != generation:
                return len(events)
            self._apply(tx, merchant, effects, numbering, opened)
            self._log.advance(tx, merchant_id, READER, events[-1].position)
        return len(events)

    def _kind(self, merchant_id: str, name: str, version: int) -> EventType | None:
        """Return what an event was checked against: it counts as that said, whatever was declared later."""
        kind = self._intake.merchant(merchant_id)[1].get(name)
        if version > (kind.version if kind is not None else 0):
            # Another process has just declared it.
            kind = self._intake.merchant(merchant_id, fresh=True)[1].get(name)
        return kind.at(version) if kind is not None else None

    def rebuild(self, merchant_id: str, on_progress: Callable[[int], None] = lambda _: None) -> int:
        """Drop what the projection has made and make it again from the whole log; returns how many events that holds.

        Workers may help: none of them knows how many the others took. Killed at any moment, the worker's ``run`` goes on with it. The values of identities, their search tokens and
        what staff decided about them stay: the lake does not have the first, the others only ever grow.
        Raises ``LakeMissing`` before anything is dropped.
        """
        vitals.check_lake(self._database, self._log, merchant_id)
        with self._database.transaction() as tx:
            self._privacy.alone(tx, merchant_id)
            self._log.position(tx, merchant_id, READER)
            store.reset(tx, merchant_id)
            self._log.advance(tx, merchant_id, READER, START)
        done = 0
        while taken := self.run(merchant_id, REBUILD_BATCH):
            done += taken
            on_progress(done)
        return self._log.count(merchant_id)

    def mend(
        self,
        merchant_id: str,
        changed: Sequence[LoggedEvent],
        rewriter: Rewriter,
        then: Callable[[Transaction], None],
    ) -> None:
        """Make records that stem from ``changed`` events follow from the log as ``rewriter`` shows it.

        These are the links and first sightings of others whom a forgotten person's events carried, and what such
        events said of an identity that is somebody else's now. ``then`` runs in the same transaction. The events must
        still be in the log, and the caller keeps the hand-over away.
        """
        merchant, _ = self._intake.merchant(merchant_id)
        with self._database.reading() as tx:
            after = self._log.peek(tx, merchant_id, READER)
            damage = store.damage(tx, merchant_id, changed)
        effects = Effects()
        carrying = erasing.carrying(self._database, self._log, merchant_id, damage.fragments)
        past = (event for event in carrying if event.position <= after)
        while events := list(islice(past, BATCH)):
            self._fold(merchant_id, events, rewriter, effects)
        with self._database.transaction() as tx:
            self._privacy.alone(tx, merchant_id)
            # What the projection has taken in since is folded while it is kept waiting.
            upto = self._log.position(tx, merchant_id, READER)
            while damage.fragments and after < upto:
                events = self._log.read(merchant_id, after, BATCH)
                self._fold(merchant_id, [one for one in events if one.position <= upto], rewriter, effects)
                after = events[-1].position
            self._repair(tx, merchant, damage, effects)
            then(tx)

    def _fold(
        self, merchant_id: str, events: Sequence[LoggedEvent], rewriter: Rewriter, effects: Effects
    ) -> None:
        with self._database.reading() as tx:
            opened = self._opener.open(tx, merchant_id, events, rewriter, anew=True)
        decide.fold(opened.reads, opened.types, lambda _name, _version: NOTHING, effects)

    def _repair(self, tx: Transaction, merchant: Merchant, damage: Damage, effects: Effects) -> None:
        merchant_id = merchant.merchant_id
        lost = damage.sighted - effects.first_seen.keys()
        around = {end for key in damage.links if key.a in lost or key.b in lost for end in (key.a, key.b)}
        self._privacy.forget(tx, merchant_id, lost)
        store.put_sightings(tx, merchant_id, {one: effects.first_seen[one] for one in damage.sighted - lost})
        store.put_links(tx, merchant_id, {key: effects.links.get(key) for key in damage.links})
        subjects = damage.subjects - lost
        said = {key: value for key, value in effects.attributes.items() if key[0] in subjects}
        consents = {key: value for key, value in effects.consents.items() if key[0] in subjects}
        shown = store.sealed_identities(tx, merchant_id, subjects)
        sealers = self._keys.ensure(tx, merchant_id, subjects)
        values = {
            one: Seen(type_, scope, "", sealers[one].open(sealed).decode())
            for one, (type_, scope, sealed) in shown.items()
            if sealed
        }
        store.clear(tx, merchant_id, subjects)
        store.save_attributes(tx, merchant_id, said, sealers)
        store.save_consents(tx, merchant_id, consents)
        store.save_tokens(tx, merchant_id, self._identity_tokens(merchant_id, values, values))
        store.save_tokens(
            tx,
            merchant_id,
            self._name_tokens(merchant_id, [said for said in effects.names if said[0] in subjects]),
        )
        touched = (damage.fragments | around) - lost
        if touched:
            people.reconcile(tx, merchant, touched)

    def _apply(
        self,
        tx: Transaction,
        merchant: Merchant,
        effects: Effects,
        numbering: Numbering,
        opened: Opened,
    ) -> None:
        """Write the effects. Identities were looked up before the transaction; nobody has written them since.

        The projection alone adds them, and its position has not moved; privacy alone removes them, and its generation
        has not changed.
        """
        merchant_id = merchant.merchant_id
        known = {one: opened.known[one] for one in effects.first_seen if one in opened.known}
        touched = self._meet(tx, merchant_id, effects, known)
        somebody = known.keys() | effects.values.keys()
        touched |= self._link(tx, merchant_id, effects, somebody)
        somebody |= opened.familiar
        # What stands for somebody forgotten has no identity: it is counted, and nothing is said of it.
        attributes = {key: said for key, said in effects.attributes.items() if key[0] in somebody}
        consents = {key: said for key, said in effects.consents.items() if key[0] in somebody}
        names = [said for said in effects.names if said[0] in somebody]
        personal = {fragment for (fragment, _), said in attributes.items() if said.personal}
        sealers = self._keys.ensure(tx, merchant_id, personal)
        store.save_attributes(tx, merchant_id, attributes, sealers)
        store.save_tokens(tx, merchant_id, self._name_tokens(merchant_id, names))
        store.save_consents(tx, merchant_id, consents)
        stored = store.series_numbers(tx, merchant_id, numbering.series)
        store.save_buckets(tx, merchant_id, effects.buckets, [stored[series] for series in numbering.series])
        if touched:
            people.reconcile(tx, merchant, touched)

    def _meet(
        self, tx: Transaction, merchant_id: str, effects: Effects, known: Mapping[int, Identity]
    ) -> set[int]:
        """Record new identities, and known ones met earlier than we knew; returns those whose person may change."""
        new = {fragment: seen for fragment, seen in effects.values.items() if fragment not in known}
        earlier = {
            fragment
            for fragment, identity in known.items()
            if effects.first_seen[fragment] < identity.first_seen
        }
        plain = [fragment for fragment in known if self._is_plain_phone(effects, fragment)]
        readable = store.unreadable(tx, merchant_id, plain)
        changed = [*new, *(earlier | readable)]
        sealers = self._keys.ensure(tx, merchant_id, [one for one in changed if one in effects.values])
        rows = []
        for fragment in changed:
            first = effects.first_seen[fragment]
            seen = effects.values.get(fragment)
            if seen is None:
                identity = known[fragment]
                rows.append((merchant_id, fragment, identity.type, identity.scope, "", b"", first))
            else:
                sealed = sealers[fragment].seal(seen.shown.encode()) if seen.shown else b""
                rows.append((merchant_id, fragment, seen.type, seen.scope, masked(seen), sealed, first))
        store.save_identities(tx, rows)
        singles = [
            Identity(fragment, seen.type, seen.scope, effects.first_seen[fragment])
            for fragment, seen in new.items()
        ]
        people.meet(tx, merchant_id, singles)
        store.save_tokens(tx, merchant_id, self._identity_tokens(merchant_id, effects.values, changed))
        return earlier

    def _is_plain_phone(self, effects: Effects, fragment: int) -> bool:
        seen = effects.values.get(fragment)
        return seen is not None and seen.type == "phone" and bool(seen.shown)

    def _link(self, tx: Transaction, merchant_id: str, effects: Effects, known: Iterable[int]) -> set[int]:
        """Record links and verdicts that say something new; returns the fragments they touch."""
        everyone = set(known)
        links = [
            (*key, *said) for key, said in effects.links.items() if key[0] in everyone and key[1] in everyone
        ]
        verdicts = [
            verdict for (a, b), verdict in effects.verdicts.items() if a in everyone and b in everyone
        ]
        return people.record(tx, merchant_id, links, verdicts)

    def _identity_tokens(
        self, merchant_id: str, values: Mapping[int, Seen], changed: Iterable[int]
    ) -> list[tuple[int, int]]:
        key = self._vault.lookup_key(merchant_id)
        return [
            (token, fragment)
            for fragment in changed
            if fragment in values
            for token in search.identity_tokens(key, values[fragment])
        ]

    def _name_tokens(self, merchant_id: str, names: Iterable[tuple[int, str]]) -> list[tuple[int, int]]:
        key = self._vault.lookup_key(merchant_id)
        return [(token, fragment) for fragment, name in names for token in search.name_tokens(key, name)]


def masked(seen: Seen) -> str:
    """Return what a screen may show of an identity to anybody who may see members."""
    if seen.type == "phone":
        return mask(seen.shown)
    if seen.type == "email":
        name, _, domain = seen.shown.partition("@")
        return f"{name[:1]}***@{domain}"
    return seen.shown
