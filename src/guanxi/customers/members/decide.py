"""What is shown of what is known: which name, which phone, whose day, what an event says. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from guanxi.customers.events.model import EventType, FieldType
from guanxi.customers.identity.kinds import KINDS, Rejection, identify
from guanxi.customers.identity.model import (
    FIRST_DAY,
    LAST_DAY,
    Decision,
    Holding,
    Join,
    Link,
    Person,
    Refusal,
    Shared,
    Verdict,
)
from guanxi.customers.members.model import (
    DayFigures,
    FieldView,
    IdentityView,
    JoinView,
    MeasureTotal,
    Part,
    Period,
    RefusalView,
    TypeTotal,
    VerdictView,
)
from guanxi.kernel.ids import fragment_of, identity_id, member_id
from guanxi.kernel.text import Text

NAMES = ("name", "real_name", "full_name", "fullname", "nickname", "nick", "username")
"""Attributes that name a person, the best first."""

TOLD = frozenset({"audience.entered", "audience.left", "trait.changed"})
"""Types of events in which the house tells of a member what it found out: nobody did anything."""

ORDER = "order.paid"
AMOUNT = "amount"


class Known(NamedTuple):
    """What is needed of an identity to show it."""

    fragment: int
    type: str
    scope: str
    mask: str
    first_seen: int
    readable: bool


class Sum(NamedTuple):
    """Buckets of one series added up."""

    n: int
    total: int
    low: int
    high: int
    first_at: int
    last_at: int


def doing(series: Iterable[tuple[int, str, str]]) -> list[int]:
    """Return those of (number, event type, measure) that count what members did."""
    return [number for number, type_, measure in series if not measure and type_ not in TOLD]


def label_of(type_: str) -> Text:
    """Return what people call a type of identity."""
    kind = KINDS.get(type_)
    return kind.label if kind else Text(type_, type_)


def _rank(type_: str) -> int:
    kind = KINDS.get(type_)
    return kind.rank if kind else len(KINDS) + 1


def holds(held: Iterable[Holding], fragment: int, day: int) -> bool:
    """Say whether a fragment is among what is held on a day."""
    return any(one.fragment == fragment and one.from_day <= day < one.until_day for one in held)


def name_of(said: Iterable[tuple[str, int, str]]) -> str:
    """Return the name to show of (attribute, time, value): the best attribute's latest; empty if there is none."""
    found = [(-NAMES.index(name), time, value) for name, time, value in said if value.strip()]
    return max(found)[2].strip() if found else ""


def best_mask(identities: Iterable[Known]) -> str:
    """Return the mask of the best ranked identity that has one; of equals the earliest."""
    shown = [one for one in identities if one.mask]
    return min(shown, key=lambda one: (_rank(one.type), one.first_seen, one.fragment)).mask if shown else ""


def mask_of(type_: str, held: Iterable[Holding], identities: Mapping[int, Known]) -> str:
    """Return the mask of the identity of a type that is held at present; of several the latest met."""
    found = [
        (one.until_day, known.first_seen, one.fragment)
        for one in held
        if (known := identities.get(one.fragment)) and known.type == type_ and known.mask
    ]
    return identities[max(found)[2]].mask if found else ""


def kinds_of(identities: Iterable[Known]) -> tuple[str, ...]:
    """Return the types of identities, the best ranked first."""
    return tuple(sorted({one.type for one in identities}, key=_rank))


_MASKED_PHONE = re.compile(r"1\d{2}[*•]{4}(\d{4})")


def sought(query: str) -> tuple[list[str], list[tuple[str, str, str]], int | None]:
    """Read a search: the texts to look for as they are, identities it may be, and the fragment of a public id.

    A phone is understood in any spelling, also masked as a screen shows it; full-width letters and digits are what they
    look like.
    """
    text = query.strip()
    plain = unicodedata.normalize("NFKC", text)
    if masked := _MASKED_PHONE.fullmatch(plain):
        return [masked[1]], [], None
    texts = list(dict.fromkeys((plain, text)))
    try:
        return texts, [], fragment_of(plain.lower())
    except ValueError:
        pass
    maybe: list[tuple[str, str, str]] = []
    for kind in KINDS.values():
        if kind.scope is None:
            known = identify(kind.key, "", plain)
            if not isinstance(known, Rejection):
                maybe.append(known)
    return texts, maybe, None


def identity_views(
    held: Sequence[Holding], identities: Mapping[int, Known], shared: Mapping[int, Shared]
) -> tuple[IdentityView, ...]:
    """Return a member's identities, the best ranked first."""
    views = []
    for one in held:
        known = identities.get(one.fragment)
        if known is None:
            continue
        why = shared.get(one.fragment)
        views.append(
            IdentityView(
                identity_id=identity_id(one.fragment),
                type=known.type,
                label=label_of(known.type),
                scope=known.scope,
                masked=known.mask,
                first_seen=known.first_seen,
                from_day=None if one.from_day <= FIRST_DAY else one.from_day,
                until_day=None if one.until_day >= LAST_DAY else one.until_day,
                shared=why.text if why else None,
                readable=known.readable,
            )
        )
    return tuple(sorted(views, key=lambda view: (_rank(view.type), view.first_seen, view.identity_id)))


def spokesman(
    held: Iterable[Holding], identities: Mapping[int, Known], shared: Mapping[int, Shared]
) -> int | None:
    """Return the identity by which a member is best joined with another by hand; ``None`` if they have none.

    A decision about a phone says whose the number is from that day on, which is more than that two members are one
    person. So a phone is taken only where there is nothing else that is theirs alone, and never one of former days.
    """
    present = [(one, identities[one.fragment]) for one in held if one.fragment in identities]
    if not present:
        return None

    def last(one: tuple[Holding, Known]) -> tuple[bool, bool, bool, int, int, int]:
        holding, known = one
        kind = KINDS.get(known.type)
        return (
            holding.until_day < LAST_DAY,
            known.fragment in shared,
            kind is None or kind.reassignable,
            _rank(known.type),
            known.first_seen,
            known.fragment,
        )

    return min(present, key=last)[1].fragment


def part(fragment: int, identities: Mapping[int, Known]) -> Part:
    """Return an identity as one end of a reason."""
    known = identities.get(fragment)
    type_ = known.type if known else ""
    return Part(identity_id(fragment), type_, label_of(type_), known.mask if known else "")


def join_view(join: Join, identities: Mapping[int, Known]) -> JoinView:
    """Return why two parts are one person."""
    evidence = join.evidence
    return JoinView(
        text=join.text,
        reason=join.reason,
        time=evidence.seen_at if isinstance(evidence, Link) else evidence.at,
        event_id=evidence.event_id if isinstance(evidence, Link) else None,
        by=evidence.by if isinstance(evidence, Verdict) else None,
        one=part(min(evidence.a, evidence.b), identities),
        other=part(max(evidence.a, evidence.b), identities),
        left=part(join.left, identities),
        right=part(join.right, identities),
    )


def refusal_view(
    refusal: Refusal, me: Person, people: Iterable[Person], identities: Mapping[int, Known]
) -> RefusalView | None:
    """Return why a link joined nobody, seen from one of the two sides; ``None`` if it is about others."""
    evidence = refusal.evidence
    held = {one.fragment for one in me.holdings}
    sides = {refusal.ours, refusal.theirs}
    if not held & {evidence.a, evidence.b, *sides}:
        return None
    one, other = (evidence.b, evidence.a) if evidence.b in held else (evidence.a, evidence.b)
    others = (
        person.canonical
        for person in people
        if person is not me and any(holding.fragment in sides for holding in person.holdings)
    )
    holder = next(others, None)
    return RefusalView(
        text=refusal.text,
        code=refusal.code.value,
        time=evidence.seen_at if isinstance(evidence, Link) else evidence.at,
        event_id=evidence.event_id if isinstance(evidence, Link) else None,
        one=part(one, identities),
        other=part(other, identities),
        other_member_id=None if holder is None else member_id(holder),
    )


def verdict_views(verdicts: Iterable[Verdict], identities: Mapping[int, Known]) -> tuple[VerdictView, ...]:
    """Return what was decided by hand and holds, the latest first."""
    standing = [one for one in verdicts if one.decision is not Decision.WITHDRAWN]
    return tuple(
        VerdictView(one.decision.value, one.at, one.by, part(one.a, identities), part(one.b, identities))
        for one in sorted(standing, key=lambda one: (one.at, one.a, one.b), reverse=True)
    )


def add_up(parts: Iterable[tuple[int, Sum]]) -> dict[int, Sum]:
    """Add up sums of the same series."""
    found: dict[int, Sum] = {}
    for series, one in parts:
        held = found.get(series)
        found[series] = (
            one
            if held is None
            else Sum(
                held.n + one.n,
                held.total + one.total,
                min(held.low, one.low),
                max(held.high, one.high),
                min(held.first_at, one.first_at),
                max(held.last_at, one.last_at),
            )
        )
    return found


def type_totals(
    sums: Mapping[tuple[str, str], Sum], kind_of: Callable[[str], EventType | None]
) -> tuple[TypeTotal, ...]:
    """Return totals per event type from sums by (type, measure), what happened last first."""
    measures: defaultdict[str, list[MeasureTotal]] = defaultdict(list)
    for (type_, measure), one in sorted(sums.items()):
        kind = kind_of(type_)
        declared = kind.measures.get(measure) if kind else None
        if not measure or kind is None or declared is None:
            continue
        measures[type_].append(
            MeasureTotal(
                measure, kind.fields[declared.field].label, declared.unit, one.total, one.low, one.high
            )
        )
    found = []
    for (type_, measure), one in sums.items():
        if not measure:
            kind = kind_of(type_)
            label = kind.label if kind else Text(type_, type_)
            found.append(TypeTotal(type_, label, one.n, one.first_at, one.last_at, tuple(measures[type_])))
    return tuple(sorted(found, key=lambda one: (one.last_at, one.type), reverse=True))


class _Payload(msgspec.Struct):
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    name: str | None = None
    category: str | None = None
    context: dict[str, Any] = {}


_decode = msgspec.json.Decoder(_Payload).decode


def told(payload: bytes, kind: EventType | None) -> tuple[tuple[FieldView, ...], dict[str, Any]]:
    """Return what an event tells: its declared properties in the order of their declaration, and the rest."""
    content = _decode(payload)
    declared = kind.fields if kind else {}
    units = {one.field: one.unit for one in kind.measures.values()} if kind else {}
    fields = tuple(
        FieldView(
            name,
            field.label,
            field.type,
            units.get(name) or ("fen" if field.type is FieldType.MONEY else ""),
            content.properties[name],
        )
        for name, field in declared.items()
        if content.properties.get(name) is not None
    )
    rest: dict[str, Any] = {**content.traits}
    rest.update((name, value) for name, value in content.properties.items() if name not in declared)
    page = content.context.get("page")
    if isinstance(page, dict):
        rest.update(page)
    rest.update(
        (key, value)
        for key, value in (("name", content.name), ("category", content.category))
        if value is not None
    )
    return fields, rest


def chunks(counts: Mapping[int, int], before: int | None, wanted: int) -> list[list[int]]:
    """Cut days with events, the latest first, into runs that hold ``wanted`` events each beside those of day ``before``.

    Of that day some may have been shown already.
    """
    runs: list[list[int]] = [[]]
    met = 0
    for day in sorted(counts, reverse=True):
        if before is not None and day > before:
            continue
        if met >= wanted:
            runs.append([])
            met = 0
        runs[-1].append(day)
        met += 0 if day == before else counts[day]
    return runs


def period(days: Sequence[DayFigures], start: int, end: int, active: int) -> Period:
    """Add up the days from ``start`` until before ``end``; ``active`` is how many members were on any of them."""
    within = [one for one in days if start <= one.day < end]
    return Period(
        start,
        end,
        sum(one.orders for one in within),
        sum(one.gmv for one in within),
        active,
        sum(one.new_members for one in within),
    )
