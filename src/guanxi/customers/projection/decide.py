"""What a set of events changes. Pure, and indifferent to order: every effect is a sum, a minimum or a latest.

That is what makes a replay, a late event and a set cut in two give the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, ClassVar, NamedTuple

import msgspec

from guanxi.customers.events.measures import Contribution, Extract
from guanxi.customers.events.model import Seen
from guanxi.customers.identity.decide import settled
from guanxi.customers.identity.kinds import KINDS
from guanxi.customers.identity.model import LATEST, Decision, LinkKind, Verdict

_REASSIGNABLE = frozenset(kind.key for kind in KINDS.values() if kind.reassignable)

EVERYBODY = 0
"""The fragment that stands for all customers together in the daily buckets."""

NAMES = frozenset({"name", "nickname", "nick", "full_name", "fullname", "real_name", "username"})
"""Traits that people are called and searched by."""

_CLIQUE = 4
_LONGEST = 64
"""Letters of the name of an attribute, a purpose or a channel; a longer attribute is no attribute."""
_DECISIONS = {
    "identity.joined": "joined",
    "identity.separated": "separated",
    "identity.withdrawn": "withdrawn",
}
_CONSENTS = {"consent.given": True, "consent.withdrawn": False}
SILENT = frozenset({*_DECISIONS, "member.erased"})
"""Types that count for nobody."""
_SPOKEN = frozenset({*_CONSENTS, "identify"})
VERIFIED = "identity.verified"
TELLING = frozenset({*SILENT, VERIFIED})
"""Types that say something about who is who although their identities were met together before."""
_OBSERVED, _VERIFIED = LinkKind.OBSERVED.value, LinkKind.VERIFIED.value


class Read(NamedTuple):
    """An event as the projection needs it: opened where that was necessary."""

    event_id: str
    type: str
    version: int
    time: int
    day: int
    account: str
    channel: str
    fragments: Sequence[int]
    payload: bytes
    seen: Sequence[Seen]
    personal: Mapping[str, Any]
    familiar: bool = False
    """Whether its identities were met together before, so that it says nothing new about who is who."""


class Latest(NamedTuple):
    """A value with the event that said it; of two the later holds, of equal times the larger event id."""

    time: int
    event_id: str
    value: Any
    personal: bool


class LinkKey(NamedTuple):
    """Names a link in storage, ``a`` < ``b``.

    ``slot`` is 0, but for pairs with a phone, which may change hands: there sightings keep the earliest (0) and the
    latest (1), and verifications one per day. ``identity.decide.sufficient_links`` says why that is enough.
    """

    a: int
    b: int
    kind: str
    slot: int


@dataclass(slots=True)
class Effects:
    """Everything that a set of events changes.

    ``names`` are all that somebody was ever called, for the search: which of two came last depends on where sets are
    cut. Buckets hold ``[n, total, low, high, first_at, last_at]`` by (day, fragment, number of the series in the caller's
    numbering); instants are microseconds.
    """

    first_seen: dict[int, int] = field(default_factory=dict)
    values: dict[int, Seen] = field(default_factory=dict)
    links: dict[LinkKey, tuple[int, str]] = field(default_factory=dict)
    verdicts: dict[tuple[int, int], Verdict] = field(default_factory=dict)
    attributes: dict[tuple[int, str], Latest] = field(default_factory=dict)
    names: set[tuple[int, str]] = field(default_factory=set)
    consents: dict[tuple[int, str, str], Latest] = field(default_factory=dict)
    buckets: dict[tuple[int, int, int], list[int]] = field(default_factory=dict)


class _Consent(msgspec.Struct):
    consent: list[dict[str, Any]] = []
    properties: ClassVar[dict[str, Any]] = {}
    traits: ClassVar[dict[str, Any]] = {}


class _Payload(msgspec.Struct):
    consent: list[dict[str, Any]] = []
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}


_decode_consent = msgspec.json.Decoder(_Consent).decode
_decode = msgspec.json.Decoder(_Payload).decode


def fold(
    events: Sequence[Read],
    types: Mapping[int, str],
    extract: Callable[[str, int], Extract],
    effects: Effects | None = None,
) -> Effects:
    """Return what ``events`` change, added to ``effects`` if they are given.

    ``types`` names the type of every identity met; ``extract`` measures events of a version of a type.
    """
    if effects is None:
        effects = Effects()
    for event in events:
        if event.type in SILENT:
            _decide(effects, event, _decode(event.payload).properties)
            continue
        measure = extract(event.type, event.version)
        # Of most events nothing is read: then what they hold need not be built.
        payload = (_decode if event.type in _SPOKEN or not measure.blind else _decode_consent)(event.payload)
        if not event.familiar:
            _meet(effects, event)
            _link(effects, event, types)
        if event.type == "identify":
            _describe(effects, event, payload.traits)
        if event.type in _CONSENTS:
            _consent(effects, event, payload.properties, given=_CONSENTS[event.type])
        for said in payload.consent:
            _consent(effects, event, said, given=said["granted"])
        _add_up(effects.buckets, event, measure.of(payload.properties, event.channel, event.account))
    return effects


def _add_up(
    buckets: dict[tuple[int, int, int], list[int]], event: Read, contributions: Sequence[Contribution]
) -> None:
    day, time = event.day, event.time
    whose = (event.fragments[0], EVERYBODY) if event.fragments else (EVERYBODY,)
    for series, value in contributions:
        for who in whose:
            held = buckets.get((day, who, series))
            if held is None:
                buckets[day, who, series] = [1, value, value, value, time, time]
                continue
            held[0] += 1
            held[1] += value
            if value < held[2]:
                held[2] = value
            elif value > held[3]:
                held[3] = value
            if time < held[4]:
                held[4] = time
            elif time > held[5]:
                held[5] = time


def _meet(effects: Effects, event: Read) -> None:
    first_seen, values, time = effects.first_seen, effects.values, event.time
    for fragment in event.fragments:
        if first_seen.get(fragment, time) >= time:
            first_seen[fragment] = time
    for fragment, seen in zip(event.fragments, event.seen, strict=False):
        # A phone may come hashed first and plain later: the readable form is kept.
        if fragment not in values or (seen.shown and not values[fragment].shown):
            values[fragment] = seen


def _link(effects: Effects, event: Read, types: Mapping[int, str]) -> None:
    fragments = event.fragments
    if len(fragments) < 2:
        return
    links, said = effects.links, (event.time, event.event_id)
    verified = event.type == VERIFIED
    kind = _VERIFIED if verified else _OBSERVED
    pairs = (
        combinations(fragments, 2)
        if len(fragments) <= _CLIQUE
        else ((fragments[0], one) for one in fragments[1:])
    )
    for one, other in pairs:
        moves = types.get(one) in _REASSIGNABLE or types.get(other) in _REASSIGNABLE
        a, b = (one, other) if one < other else (other, one)
        key = LinkKey(a, b, kind, event.day if moves and verified else 0)
        held = links.get(key)
        if held is None or said < held:
            links[key] = said
        if moves and not verified:
            key = LinkKey(a, b, kind, LATEST)
            held = links.get(key)
            if held is None or said > held:
                links[key] = said


def _decide(effects: Effects, event: Read, properties: Mapping[str, Any]) -> None:
    decision = _DECISIONS.get(event.type)
    if decision is None or len(event.fragments) != 2:
        return
    # It may come before the events that made the two known.
    _meet(effects, event)
    one, other = event.fragments
    said = Verdict(one, other, Decision(decision), event.time, _kept(properties.get("by", "")))
    for pair, verdict in settled([said]).items():
        held = effects.verdicts.get(pair)
        effects.verdicts[pair] = settled([held, verdict])[pair] if held else verdict


def _describe(effects: Effects, event: Read, public: Mapping[str, Any]) -> None:
    if not event.fragments:
        return
    closed = event.personal.get("traits") or {}
    for name in {**public, **closed}:
        # Of a nested trait a part may be sealed and the rest open; it is one attribute, and personal.
        value = _joined(public.get(name), closed.get(name))
        if value is not None and len(name) <= _LONGEST:
            said = Latest(event.time, event.event_id, value, name in closed)
            _keep(effects.attributes, (event.fragments[0], _kept(name)), said)
            if name in NAMES and isinstance(value, str):
                effects.names.add((event.fragments[0], value))


def _joined(one: Any, other: Any) -> Any:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one if other is None else other
    return {name: _joined(one.get(name), other.get(name)) for name in {**one, **other}}


def _kept(value: Any) -> str:
    """Return a value as text that every database takes as part of a key."""
    return str(value).replace("\x00", "\ufffd")[:_LONGEST]


def _consent(effects: Effects, event: Read, properties: Mapping[str, Any], *, given: bool) -> None:
    if not event.fragments:
        return
    key = (event.fragments[0], _kept(properties.get("purpose", "")), _kept(properties.get("channel", "")))
    evidence = str(properties.get("evidence", "")).replace("\x00", "\ufffd")
    value = {"given": given, "evidence": evidence[:500]}
    said = Latest(event.time, event.event_id, value, personal=False)
    known = effects.consents.get(key)
    # At the same instant the withdrawal holds.
    if known is None or (said.time, not given, said.event_id) > (
        known.time,
        not known.value["given"],
        known.event_id,
    ):
        effects.consents[key] = said


def _keep(latest: dict[Any, Latest], key: Any, said: Latest) -> None:
    known = latest.get(key)
    if known is None or (said.time, said.event_id) > (known.time, known.event_id):
        latest[key] = said
