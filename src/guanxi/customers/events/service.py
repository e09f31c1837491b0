"""Takes messages in: judges each, seals what is personal, and stores events and dead letters durably together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

import msgspec

from guanxi.customers.events import decide, mending, sealing, store
from guanxi.customers.events.catalogue import Catalogue, builtin
from guanxi.customers.events.model import Arrival, EventType, Refused, Seen, Source
from guanxi.customers.identity.kinds import KINDS
from guanxi.kernel.clock import DAY
from guanxi.kernel.hashing import content_hash, keyed_hash
from guanxi.kernel.text import Text
from guanxi.storage.events import dead_letters
from guanxi.storage.events.dead_letters import DeadLetter
from guanxi.storage.events.model import NewEvent, pack
from guanxi.storage.merchants import Merchant, get_merchant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.kernel.clock import Clock
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.vault import Vault

MOST_KEPT = 64 * 1024
"""Bytes of a rejected input that are kept; a longer one is cut, and says so."""

MOST_AWAITED = 50_000
"""Open letters of which an import looks whether their events come with it."""

_FRESH = 5_000_000


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a set of messages; the three counts add up to its size."""

    accepted: int
    duplicates: int
    dead_lettered: int
    unidentified: Mapping[str, int] = field(default_factory=dict)
    """Values that came as identities of events but identify nobody, by ``type.reason``, such as ``phone.masked``."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Messages judged and sealed, ready to be written."""

    events: list[NewEvent]
    letters: list[DeadLetter]
    unidentified: dict[str, int]


Reread = Callable[[str, bytes, str], "list[dict[str, Any]] | tuple[str, Text]"]
"""Reads a row of a file again: from its form, its text and the merchant's time zone to messages, or code and reason."""


class EventIntake:
    """The door through which all events from outside come in."""

    def __init__(
        self, database: Database, log: EventLog, vault: Vault, clock: Clock, reread: Reread | None = None
    ) -> None:
        self._reread = reread
        self._database = database
        self._log = log
        self._vault = vault
        self._clock = clock
        self._known: dict[str, tuple[int, Merchant, Catalogue]] = {}

    def knows(self, merchant_id: str) -> bool:
        """Say whether ``merchant`` would answer without asking the database; an event loop must not wait for that."""
        found = self._known.get(merchant_id)
        return found is not None and found[0] <= self._clock.now() < found[0] + _FRESH

    def merchant(self, merchant_id: str, *, fresh: bool = False) -> tuple[Merchant, Catalogue]:
        """Return a merchant and its catalogue, at most five seconds old, or ``fresh``."""
        now = self._clock.now()
        found = self._known.get(merchant_id)
        if fresh or found is None or not found[0] <= now < found[0] + _FRESH:
            with self._database.reading() as tx:
                merchant = get_merchant(tx, merchant_id)
                catalogue = builtin().extended(store.own_types(tx, merchant_id))
            found = self._known[merchant_id] = (now, merchant, catalogue)
        return found[1], found[2]

    def prepare(
        self,
        merchant_id: str,
        source: Source,
        messages: Sequence[msgspec.Raw | bytes | Mapping[str, Any]],
        sent_at: int | None = None,
    ) -> Prepared:
        """Judge and seal messages. Nothing is stored yet, and nothing can fail: a bad one becomes a dead letter."""
        merchant, catalogue = self.merchant(merchant_id)
        now = self._clock.now()
        seal = self._sealing(merchant, now)
        events: list[NewEvent] = []
        letters: list[DeadLetter] = []
        unidentified: Counter[str] = Counter()
        for item in messages:
            arrival = self._judge(item, source, catalogue, now, sent_at)
            event = arrival if isinstance(arrival, Refused) else seal(arrival)
            if isinstance(event, Refused):
                raw = _raw(item)
                letters.append(self.letter(merchant_id, source, raw, _placed(event, source, raw), now))
                continue
            events.append(event)
            if "unidentified" in arrival.personal:  # type: ignore[union-attr]
                said = arrival.personal["unidentified"]  # type: ignore[union-attr]
                unidentified.update(f"{one['type']}.{one['what']}" for one in said)
        return Prepared(events, letters, dict(unidentified))

    def refusal(self, merchant_id: str, source: Source, message: Mapping[str, Any]) -> Refused | None:
        """Say why a message would not be taken, or ``None``; nothing is kept."""
        arrival = self._judge(message, source, self.merchant(merchant_id)[1], self._clock.now(), None)
        return arrival if isinstance(arrival, Refused) else None

    def _judge(
        self,
        item: msgspec.Raw | bytes | Mapping[str, Any],
        source: Source,
        catalogue: Catalogue,
        now: int,
        sent_at: int | None,
    ) -> Arrival | Refused:
        message = decide.convert(item) if isinstance(item, dict) else decide.read(item)  # type: ignore[arg-type]
        if isinstance(message, Refused):
            return message
        return decide.arrive(message, source, catalogue, now, sent_at)

    def _sealing(self, merchant: Merchant, now: int) -> Callable[[Arrival], NewEvent | Refused]:
        key = self._vault.lookup_key(merchant.merchant_id)
        sealer = self._vault.sealer("tail", merchant.merchant_id)
        days = merchant.days
        encode = msgspec.json.encode

        def seal(arrival: Arrival) -> NewEvent | Refused:
            identities = sorted(arrival.identities, key=_subject_first)
            fragments = [fragment(key, seen) for seen in identities]
            try:
                closed = (
                    encode({"i": identities, "p": arrival.personal})
                    if identities or arrival.personal
                    else b""
                )
                payload = encode(arrival.payload)
                id_hash = content_hash(arrival.event_id.encode())
            except decide.UNENCODABLE as error:
                return decide.unencodable(error)
            return NewEvent(
                merchant_id=merchant.merchant_id,
                event_id=arrival.event_id,
                id_hash=id_hash,
                dedup_day=arrival.written_at // DAY,
                type=arrival.type,
                version=arrival.version,
                time=arrival.time,
                day=days.day(arrival.time),
                received_at=now,
                account=arrival.account,
                channel=arrival.channel,
                subject=fragments[0] if fragments else 0,
                fragments=pack(fragments),
                payload=payload,
                sealed=sealing.close(sealer, closed, personal=bool(arrival.personal)),
            )

        return seal

    def letter(
        self, merchant_id: str, source: Source, raw: bytes, refused: Refused, now: int, head: bytes = b""
    ) -> DeadLetter:
        """Return the dead letter for a rejected input; ``head`` is kept with it, see ``kept``."""
        return DeadLetter(
            merchant_id=merchant_id,
            letter_id=content_hash(raw),
            state="open",
            received_at=now,
            source=source.name,
            account=source.account,
            channel=source.channel,
            code=refused.code,
            reason_zh=_storable(refused.reason.zh[:1000]),
            reason_en=_storable(refused.reason.en[:1000]),
            path=_storable(refused.path[:200]),
            times=1,
            raw=self._vault.sealer("tail", merchant_id).seal(head + raw[:MOST_KEPT]),
            settled_at=0,
        )

    def accept(
        self,
        merchant_id: str,
        source: Source,
        messages: Sequence[Mapping[str, Any]],
        awaited: Mapping[str, bytes] | None = None,
    ) -> Receipt:
        """Store messages durably and say what became of them; for imports, which bring large sets."""
        return self.store([self.prepare(merchant_id, source, messages)], awaited)

    def store(self, prepared: Sequence[Prepared], awaited: Mapping[str, bytes] | None = None) -> Receipt:
        """Write what was prepared, in one transaction, and say what became of it.

        Letters whose event has now come (see ``awaited``) are settled as mended.
        """
        events = [event for one in prepared for event in one.events]
        letters = [letter for one in prepared for letter in one.letters]
        fresh = self._log.accept(events, letters)
        if awaited and (come := awaited.keys() & {event.event_id for event in events}):
            with self._database.tail.transaction() as tx:
                for event_id in sorted(come):
                    dead_letters.settle(
                        tx, events[0].merchant_id, awaited[event_id], "mended", self._clock.now()
                    )
        accepted = sum(fresh)
        unidentified: Counter[str] = Counter()
        for one in prepared:
            unidentified.update(one.unidentified)
        return Receipt(accepted, len(fresh) - accepted, len(letters), unidentified)

    def reject(
        self,
        merchant_id: str,
        source: Source,
        rejected: Sequence[tuple[bytes, Refused]],
        form: str = "",
        event_ids: Sequence[str] = (),
    ) -> None:
        """Keep inputs that could not even become messages.

        ``form`` says how to read them again once they are mended, ``event_ids`` which events they would have been.
        """
        name = mending.keep_form(self._database, merchant_id, form) if form else ""
        now, found = self._clock.now(), []
        for (raw, refused), event_id in zip(rejected, event_ids or repeat(""), strict=False):
            head = mending.head(name, event_id) if name else b""
            found.append(self.letter(merchant_id, source, raw, refused, now, head))
        self._log.accept([], found)

    def kept(self, letter: DeadLetter) -> mending.Kept:
        """Return the input of a dead letter as it came, and what is needed to read it again."""
        return mending.opened(self._vault.sealer("tail", letter.merchant_id).open(letter.raw))

    def raw_letter(self, letter: DeadLetter) -> bytes:
        """Return the input of a dead letter as it came."""
        return self.kept(letter).raw

    def awaited(self, merchant_id: str) -> dict[str, bytes]:
        """Return the open letters by the id of the event that each would have been, where that can be told."""
        found: dict[str, bytes] = {}
        before: tuple[int, bytes] | None = None
        while len(found) < MOST_AWAITED:
            with self._database.tail.reading() as tx:
                page = dead_letters.page(tx, merchant_id, "open", before, 1_000)
            if not page:
                break
            before = (page[-1].received_at, page[-1].letter_id)
            found.update((event_id, one.letter_id) for one in page if (event_id := self.kept(one).event_id))
        return found

    def replay(self, merchant_id: str, letter_id: bytes, raw: bytes | None = None) -> Refused | None:
        """Try a dead letter again, mended if ``raw`` is given; says why it is still none, or ``None`` on success.

        The event is judged as of the moment the letter first came. Replaying one that is settled changes nothing.
        """
        with self._database.tail.reading() as tx:
            letter = dead_letters.find(tx, merchant_id, letter_id)
        if letter is None:
            return Refused("not_found", Text("没有这条死信。", "There is no such dead letter."))
        if letter.state != "open":
            return Refused("settled", Text("这条死信已处理。", "This dead letter is settled."))
        merchant, catalogue = self.merchant(merchant_id)
        source, seal = (
            Source(letter.source, letter.account, letter.channel),
            self._sealing(merchant, letter.received_at),
        )
        items = self._items(merchant, self.kept(letter), raw)
        if isinstance(items, Refused):
            return items
        events: list[NewEvent] = []
        for item in items:
            arrival = self._judge(item, source, catalogue, letter.received_at, None)
            event = arrival if isinstance(arrival, Refused) else seal(arrival)
            if isinstance(event, Refused):
                return event
            events.append(event)
        self._log.accept(events)
        with self._database.tail.transaction() as tx:
            dead_letters.settle(tx, merchant_id, letter_id, "mended", self._clock.now())
        return None

    def _items(
        self, merchant: Merchant, kept: mending.Kept, raw: bytes | None
    ) -> Sequence[bytes | dict[str, Any]] | Refused:
        """Return the messages that a letter, or its mended text, stands for."""
        text = kept.raw if raw is None else raw
        form = mending.form(self._database, merchant.merchant_id, kept.form) if kept.form else None
        if form is None or self._reread is None:
            return [text]
        found = self._reread(form, text, merchant.timezone)
        return found if isinstance(found, list) else Refused(*found)

    def heading(self, letter: DeadLetter) -> str:
        """Return the column names above a rejected row of a file, as the file writes them; empty for all else."""
        name = self.kept(letter).form
        form = mending.form(self._database, letter.merchant_id, name) if name else None
        return str(json.loads(form)["heading"]) if form else ""

    def internal_event(
        self,
        merchant: Merchant,
        type: str,
        event_id: str,
        identities: list[Seen],
        properties: dict[str, Any],
        *,
        fragments: Sequence[int] = (),
        now: int | None = None,
    ) -> NewEvent:
        """Return an event that Guanxi itself writes beside a state change.

        ``fragments`` stand for identities that are known already, the subject first; without them ``identities`` do.
        """
        now = self._clock.now() if now is None else now
        kind = builtin().types[type]
        arrival = Arrival(
            event_id, type, kind.version, now, now, "", "", identities, {"properties": properties}, {}
        )
        event = self._sealing(merchant, now)(arrival)
        if isinstance(event, Refused):
            raise TypeError(event.reason.en)
        if fragments:
            packed = pack(list(fragments))
            event = msgspec.structs.replace(event, subject=fragments[0], fragments=packed, sealed=b"")
        return event


def declare(tx: Transaction, merchant_id: str, name: str, spec: Any, now: int) -> EventType:
    """Declare a merchant's own event type, or a new version of one; see ``store.save_type`` for what it raises."""
    return store.save_type(tx, merchant_id, name, spec, now)


def fragment(key: bytes, seen: Seen) -> int:
    """Return the fragment of an identity: a keyed hash of what it is, the same wherever and whenever it is met."""
    return keyed_hash(key, f"{seen.type}|{seen.scope}|{seen.value}")


def _storable(text: str) -> str:
    """Return what a database takes as text: reasons quote their input, which may hold NUL or half a letter."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _raw(item: msgspec.Raw | bytes | Mapping[str, Any]) -> bytes:
    """Return a rejected message as bytes, as true to what came as can be."""
    if not isinstance(item, dict):
        return bytes(item)  # type: ignore[arg-type]
    try:
        return msgspec.json.encode(item)
    except decide.UNENCODABLE:
        pass
    try:
        return json.dumps(item, default=str).encode()  # writes lone surrogates as escapes
    except decide.UNENCODABLE:
        shallow = {key: value for key, value in item.items() if isinstance(value, str | bool | None)}
        return json.dumps(shallow).encode()


def _placed(refused: Refused, source: Source, raw: bytes) -> Refused:
    """Return a refusal that names the line of the file, where the message came from one."""
    line = mending.line(raw)
    if not line:
        return refused
    place = f"file {source.name}, line {line}"
    return replace(refused, path=f"{place}, {refused.path}" if refused.path else place)


def _subject_first(seen: Seen) -> tuple[int, Seen]:
    return (KINDS[seen.type].rank, seen)
