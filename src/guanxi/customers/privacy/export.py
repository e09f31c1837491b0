"""One person's data as a document: JSON with keys that mean the same in every language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from guanxi.customers.events import sealing
from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY, Holding
from guanxi.kernel.clock import day_to_date, to_rfc3339
from guanxi.kernel.ids import member_id
from guanxi.storage.events.model import unpack
from guanxi.storage.vault import SealBroken

if TYPE_CHECKING:
    from guanxi.customers.privacy.rewriting import Rewriter
    from guanxi.customers.privacy.store import Bucket
    from guanxi.storage.events.model import LoggedEvent
    from guanxi.storage.merchants import Merchant
    from guanxi.storage.vault import Sealer

FORMAT = "guanxi.person/1"

_encode = msgspec.json.encode


@dataclass(frozen=True)
class Sources:
    """What the database holds about a person, and the keys to it."""

    sealers: Mapping[int, Sealer]
    merchant: Sealer
    rows: Mapping[str, list[dict[str, Any]]]
    buckets: Sequence[Bucket]
    rewriter: Rewriter | None


def document(
    merchant: Merchant,
    holdings: Sequence[Holding],
    sources: Sources,
    series: Mapping[int, tuple[str, ...]],
    events: Iterable[LoggedEvent],
    now: int,
) -> Iterator[bytes]:
    """Yield the document in pieces: identities in full, attributes, consents, decisions, totals, and every event.

    ``events`` is the last key and the only long one. Times are RFC 3339 in UTC, days the merchant's calendar dates,
    money whole fen. An identity that only ever came hashed has no ``value``. Events that merely name the person, and
    are about somebody else, are that person's and left out.
    """
    identities = _identities(holdings, sources)
    head = {
        "format": FORMAT,
        "merchant": merchant.merchant_id,
        "time_zone": merchant.timezone,
        "currency": merchant.currency,
        "exported_at": to_rfc3339(now),
        "identities": [one for _, one in sorted(identities.items(), key=lambda item: item[1]["first_seen"])],
        "attributes": _attributes(sources, merchant, holdings),
        "consents": _consents(sources, merchant, holdings),
        "lists": [
            {
                "audience": row["audience"],
                "identity": member_id(row["fragment"]),
                "added_at": to_rfc3339(row["added_at"]),
            }
            for row in sources.rows["lists"]
        ],
        "verdicts": _verdicts(sources, identities),
        "totals": _totals(sources.buckets, series),
    }
    yield _encode(head)[:-1] + b',"events":['
    between = b"\n"
    for event in events:
        shown = sources.rewriter.of(event, {}) if sources.rewriter else event
        if shown.event_id == event.event_id and _held(holdings, event.subject, event.day):
            yield between + _encode(_event(event, sources, holdings, identities))
            between = b",\n"
    yield b"\n]}\n"


def _held(holdings: Iterable[Holding], fragment: int, day: int) -> bool:
    return any(held.fragment == fragment and held.from_day <= day < held.until_day for held in holdings)


def _identities(holdings: Sequence[Holding], sources: Sources) -> dict[int, dict[str, Any]]:
    spans: defaultdict[int, list[dict[str, str | None]]] = defaultdict(list)
    for fragment, from_day, until_day in holdings:
        spans[fragment].append(
            {
                "from": None if from_day == FIRST_DAY else day_to_date(from_day).isoformat(),
                "until": None if until_day == LAST_DAY else day_to_date(until_day).isoformat(),
            }
        )
    return {
        row["fragment"]: {
            "id": member_id(row["fragment"]),
            "type": row["type"],
            "scope": row["scope"],
            "value": _open(sources, row["fragment"], row["sealed"]),
            "first_seen": to_rfc3339(row["first_seen"]),
            "held": spans[row["fragment"]],
        }
        for row in sources.rows["identities"]
    }


def _open(sources: Sources, fragment: int, sealed: bytes) -> str | None:
    sealer = sources.sealers.get(fragment)
    if not sealed or sealer is None:
        return None
    try:
        return sealer.open(bytes(sealed)).decode()
    except SealBroken:
        return None


def _attributes(sources: Sources, merchant: Merchant, holdings: Sequence[Holding]) -> list[dict[str, Any]]:
    found = []
    for row in sources.rows["attributes"]:
        if _held(holdings, row["fragment"], merchant.days.day(row["time"])):
            value = bytes(row["value"])
            if row["personal"]:
                value = (_open(sources, row["fragment"], value) or "null").encode()
            found.append(
                {
                    "identity": member_id(row["fragment"]),
                    "name": row["name"],
                    "value": msgspec.json.decode(value),
                    "time": to_rfc3339(row["time"]),
                    "event": row["event_id"],
                }
            )
    return found


def _consents(sources: Sources, merchant: Merchant, holdings: Sequence[Holding]) -> list[dict[str, Any]]:
    return [
        {
            "identity": member_id(row["fragment"]),
            "purpose": row["purpose"],
            "channel": row["channel"],
            "given": bool(row["given"]),
            "evidence": row["evidence"],
            "time": to_rfc3339(row["time"]),
            "event": row["event_id"],
        }
        for row in sources.rows["consents"]
        if _held(holdings, row["fragment"], merchant.days.day(row["time"]))
    ]


def _verdicts(sources: Sources, identities: Mapping[int, Any]) -> list[dict[str, Any]]:
    """What staff decided; an identity of somebody else's is not named."""
    return [
        {
            "identities": [member_id(end) for end in (row["a"], row["b"]) if end in identities],
            "verdict": row["verdict"],
            "time": to_rfc3339(row["decided_at"]),
        }
        for row in sources.rows["verdicts"]
    ]


def _totals(buckets: Iterable[Bucket], series: Mapping[int, tuple[str, ...]]) -> list[dict[str, Any]]:
    sums: dict[int, dict[str, Any]] = {}
    for one in buckets:
        type_, measure, dimension, value = series[one.series]
        held = sums.setdefault(
            one.series,
            {
                "type": type_,
                "measure": measure,
                "dimension": dimension,
                "value": value,
                "count": 0,
                "total": 0,
                "first_at": one.first_at,
                "last_at": one.last_at,
            },
        )
        held["count"] += one.n
        held["total"] += one.total
        held["first_at"] = min(held["first_at"], one.first_at)
        held["last_at"] = max(held["last_at"], one.last_at)
    ordered = sorted(
        sums.values(), key=lambda one: tuple(one[key] for key in ("type", "measure", "dimension", "value"))
    )
    return [
        {**one, "first_at": to_rfc3339(one["first_at"]), "last_at": to_rfc3339(one["last_at"])}
        for one in ordered
    ]


def _event(
    event: LoggedEvent,
    sources: Sources,
    holdings: Sequence[Holding],
    identities: Mapping[int, dict[str, Any]],
) -> dict[str, Any]:
    opened = sealing.open_event(event, sources.merchant, sources.sealers)
    theirs = [one for one in unpack(event.fragments) if _held(holdings, one, event.day)]
    return {
        "id": event.event_id,
        "type": event.type,
        "version": event.version,
        "time": to_rfc3339(event.time),
        "received_at": to_rfc3339(event.received_at),
        "account": event.account,
        "channel": event.channel,
        "identities": [
            {key: identities[one][key] for key in ("type", "scope", "value")}
            for one in theirs
            if one in identities
        ],
        "content": _merged(msgspec.json.decode(event.payload), opened.p),
    }


def _merged(one: Any, other: Any) -> Any:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one if other is None else other
    return {name: _merged(one.get(name), other.get(name)) for name in {**one, **other}}
