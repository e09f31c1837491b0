"""One member: who they are and why, what they said and did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.identity import decide as identity, service as people
from guanxi.customers.identity.model import (
    FIRST_DAY,
    LAST_DAY,
    Attribute,
    Consent,
    Person,
    Resolution,
    Verdict,
)
from guanxi.customers.members import decide, store
from guanxi.customers.members.decide import Sum
from guanxi.customers.members.errors import NotReadable
from guanxi.customers.members.model import AttributeView, ConsentView, InFull, MemberProfile, SourcedValue
from guanxi.customers.members.service.parts import (
    Parts,
    fragment,
    identities,
    not_found,
    opened,
    present,
    said,
)
from guanxi.customers.privacy.service import erasure_of
from guanxi.kernel.errors import NotFound
from guanxi.kernel.ids import identity_id, member_id as public_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from guanxi.customers.identity.model import Holding
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant


def get(
    parts: Parts, tx: Transaction, merchant: Merchant, member_id: str, *, personal: bool
) -> MemberProfile:
    """See ``Members.get_member``."""
    try:
        row = present(tx, merchant, member_id)
    except NotFound:
        erasure = erasure_of(tx, parts.vault, merchant.merchant_id, fragment(member_id))
        if erasure is None:
            raise
        return _gone(member_id, erasure.asked_at)
    resolution = people.explain(tx, merchant, row.member)
    me = _of(resolution, row.member)
    mine = {one.fragment for one in me.holdings}
    verdicts = people.verdicts(tx, merchant.merchant_id, mine)
    known = identities(tx, merchant, mine | _named(resolution, me, verdicts))
    attributes = _attributes(parts, tx, merchant, me.holdings, personal=personal)
    names = [
        (one.name, source.time, source.value)
        for one in attributes
        if one.name in decide.NAMES
        for source in (one.shown, *one.others)
        if isinstance(source.value, str)
    ]
    name = decide.name_of(names)
    sums = _sums(tx, merchant, me.holdings, row.first_seen)
    ordered = sums.get((decide.ORDER, ""))
    paid = sums.get((decide.ORDER, decide.AMOUNT))
    _, catalogue = parts.intake.merchant(merchant.merchant_id)
    refusals = (decide.refusal_view(one, me, resolution.people, known) for one in resolution.refusals)
    return MemberProfile(
        member_id=public_id(row.member),
        display=name or decide.best_mask(known[one] for one in mine if one in known) or public_id(row.member),
        named=bool(name),
        known=row.known,
        first_seen=row.first_seen,
        last_seen=max((one.last_at for one in sums.values()), default=None),
        orders=ordered.n if ordered else 0,
        spent=paid.total if paid else 0,
        identities=decide.identity_views(me.holdings, known, resolution.shared),
        attributes=attributes,
        consents=_consents(tx, merchant, me.holdings),
        totals=decide.type_totals(sums, catalogue.get),
        joins=tuple(decide.join_view(one, known) for one in me.joins),
        refusals=tuple(one for one in refusals if one is not None),
        verdicts=decide.verdict_views(verdicts, known),
    )


def _of(resolution: Resolution, member: int) -> Person:
    for person in resolution.people:
        if person.canonical == member:
            return person
    raise not_found(public_id(member))


def _named(resolution: Resolution, me: Person, verdicts: Iterable[Verdict]) -> set[int]:
    """Return every fragment that the reasons on this page speak of."""
    found = {end for one in verdicts for end in (one.a, one.b)}
    for join in me.joins:
        found |= {join.left, join.right, join.evidence.a, join.evidence.b}
    for refusal in resolution.refusals:
        found |= {refusal.evidence.a, refusal.evidence.b}
    return found


def _gone(member_id: str, erased_at: int) -> MemberProfile:
    """Return what remains of an erased member while the log still has to forget them."""
    return MemberProfile(
        member_id=member_id,
        display=member_id,
        named=False,
        known=False,
        first_seen=None,
        last_seen=None,
        orders=0,
        spent=0,
        identities=(),
        attributes=(),
        consents=(),
        totals=(),
        joins=(),
        refusals=(),
        verdicts=(),
        erased_at=erased_at,
        erasing=True,
    )


def _attributes(
    parts: Parts, tx: Transaction, merchant: Merchant, holdings: Sequence[Holding], *, personal: bool
) -> tuple[AttributeView, ...]:
    fragments = _by_fragment(holdings)
    rows = said(merchant, store.attributes(tx, merchant.merchant_id, fragments), fragments)
    shown = [row.fragment for row in rows if row.personal and (personal or row.name in decide.NAMES)]
    sealers = parts.keys.sealers(tx, merchant.merchant_id, shown)
    sealed = {row.name for row in rows if row.personal}
    values = [
        Attribute(
            row.fragment,
            row.name,
            opened(row, sealers if personal or row.name in decide.NAMES else {}),
            row.time,
            row.event_id,
        )
        for row in rows
    ]
    return tuple(
        AttributeView(
            name, name in sealed, _sourced(one.shown), tuple(_sourced(other) for other in one.others)
        )
        for name, one in identity.merge_attributes(values).items()
    )


def _sourced(one: Attribute) -> SourcedValue:
    return SourcedValue(one.value, one.time, identity_id(one.fragment), one.event_id)


def _by_fragment(holdings: Sequence[Holding]) -> dict[int, list[Holding]]:
    found: dict[int, list[Holding]] = {}
    for one in holdings:
        found.setdefault(one.fragment, []).append(one)
    return found


def _consents(tx: Transaction, merchant: Merchant, holdings: Sequence[Holding]) -> tuple[ConsentView, ...]:
    rows = [
        row
        for row in store.consents(tx, merchant.merchant_id, _by_fragment(holdings))
        if decide.holds(holdings, row.fragment, merchant.days.day(row.time))
    ]
    evidence = {(row.fragment, row.purpose, row.channel): row.evidence for row in rows}
    counting = identity.merge_consents(Consent(*row[:6]) for row in rows)
    return tuple(
        ConsentView(one.purpose, one.channel, one.given, one.time, one.event_id, evidence[one[:3]])
        for one in counting.values()
    )


def _sums(
    tx: Transaction, merchant: Merchant, holdings: Sequence[Holding], first_seen: int
) -> Mapping[tuple[str, str], Sum]:
    """Add up the buckets of what a member did, each on the days on which they held the identity."""
    merchant_id = merchant.merchant_id
    named = {
        one.series: (one.type, one.measure)
        for one in store.series(tx, merchant_id)
        if one.type not in decide.TOLD
    }
    days = store.days(tx, merchant_id, merchant.days.day(first_seen))
    spans: dict[tuple[int, int], list[int]] = {}
    for one in holdings:
        spans.setdefault((one.from_day, one.until_day), []).append(one.fragment)
    found = []
    for (start, end), fragments in spans.items():
        within = (
            days if (start, end) == (FIRST_DAY, LAST_DAY) else [day for day in days if start <= day < end]
        )
        found += store.totals(tx, merchant_id, within, fragments, sorted(named))
    sums = decide.add_up((one.series, Sum(*one[2:8])) for one in found)
    return {named[series]: one for series, one in sums.items()}


def reveal(parts: Parts, tx: Transaction, merchant: Merchant, member_id: str, identity: str) -> InFull:
    """See ``Members.reveal``."""
    member = present(tx, merchant, member_id).member
    wanted = fragment(identity)
    held = people.holdings_of(tx, merchant.merchant_id, [member])[member]
    row = store.identities(tx, merchant.merchant_id, [wanted]).get(wanted)
    if row is None or all(one.fragment != wanted for one in held):
        raise NotFound(what_zh="身份", what_en="identity", key=identity)
    sealer = parts.keys.sealers(tx, merchant.merchant_id, [wanted]).get(wanted)
    if not row.sealed or sealer is None:
        label = decide.label_of(row.type)
        raise NotReadable(label_zh=label.zh, label_en=label.en)
    return InFull(row.type, sealer.open(row.sealed).decode())
