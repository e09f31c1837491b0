"""Opens events for the projection: what they carry, and whom of it we know. As little as will do, because every event comes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from guanxi.customers.events import sealing
from guanxi.customers.identity import service as people
from guanxi.customers.projection import store
from guanxi.customers.projection.decide import TELLING, Read
from guanxi.storage.events.model import unpack

if TYPE_CHECKING:
    from guanxi.customers.events.model import Seen
    from guanxi.customers.identity.model import Identity
    from guanxi.customers.privacy.rewriting import Rewriter
    from guanxi.storage.database import Transaction
    from guanxi.storage.events.model import LoggedEvent
    from guanxi.storage.person_keys import PersonKeys
    from guanxi.storage.vault import Vault


class Opened(NamedTuple):
    """Events as they are folded, the types of identities they carry, and which identities are known.

    ``known`` has those of whom the events may say something new, ``familiar`` the others.
    """

    reads: list[Read]
    types: dict[int, str]
    known: dict[int, Identity]
    familiar: set[int]


_Pair = tuple[int, int]


def _pair(fragments: Sequence[int]) -> _Pair | None:
    """Return the two identities of an event that carries two, the smaller first."""
    if len(fragments) != 2:
        return None
    one, other = fragments
    return (one, other) if one < other else (other, one)


class Opener:
    """Opens sets of events of any merchant."""

    def __init__(self, vault: Vault, keys: PersonKeys) -> None:
        self._vault = vault
        self._keys = keys

    def open(
        self,
        tx: Transaction,
        merchant_id: str,
        logged: Sequence[LoggedEvent],
        rewriter: Rewriter | None,
        *,
        anew: bool = False,
    ) -> Opened:
        """Open what has to be. With ``anew`` every event counts, also one of identities that are known to be together."""
        merchant = self._vault.sealer("tail", merchant_id)
        personal = {event.subject for event in logged if sealing.has_personal(event.sealed)}
        persons = self._keys.sealers(tx, merchant_id, personal)
        events = [rewriter.of(event, persons) for event in logged] if rewriter else logged
        carried = [unpack(event.fragments) for event in events]
        pairs = [_pair(fragments) for fragments in carried]
        familiar: set[_Pair | None] = set() if anew else self._familiar(tx, merchant_id, events, pairs)
        others = {
            one
            for pair, fragments in zip(pairs, carried, strict=True)
            if pair not in familiar
            for one in fragments
        }
        known = people.known(tx, merchant_id, others)
        types = {fragment: identity.type for fragment, identity in known.items()}
        # A phone that came hashed so far may now come plain.
        hashed = store.unreadable(tx, merchant_id, [one for one, type_ in types.items() if type_ == "phone"])
        readable = known.keys() - hashed if hashed else set(known)
        reads = []
        for event, fragments, pair in zip(events, carried, pairs, strict=True):
            seen: Sequence[Seen] = ()
            said: Mapping[str, Any] = {}
            is_familiar = pair in familiar
            strange = not is_familiar and not readable.issuperset(fragments)
            if strange or sealing.has_personal(event.sealed):
                opened = sealing.open_event(event, merchant, persons)
                seen, said = opened.i, opened.p
                types.update((fragment, one.type) for fragment, one in zip(fragments, seen, strict=False))
            reads.append(
                Read(
                    event.event_id,
                    event.type,
                    event.version,
                    event.time,
                    event.day,
                    event.account,
                    event.channel,
                    fragments,
                    event.payload,
                    seen,
                    said,
                    is_familiar,
                )
            )
        return Opened(reads, types, known, {one for pair in familiar if pair for one in pair})

    def _familiar(
        self,
        tx: Transaction,
        merchant_id: str,
        events: Sequence[LoggedEvent],
        pairs: Sequence[_Pair | None],
    ) -> set[_Pair | None]:
        """Return pairs of identities about which none of the events that carry them says anything new."""
        earliest: dict[_Pair, int] = {}
        telling: set[_Pair] = set()
        for event, pair in zip(events, pairs, strict=True):
            if pair is None:
                continue
            if event.type in TELLING:
                telling.add(pair)
            elif earliest.get(pair, event.time) >= event.time:
                earliest[pair] = event.time
        for pair in telling:
            earliest.pop(pair, None)
        return {*people.familiar(tx, merchant_id, earliest)}
