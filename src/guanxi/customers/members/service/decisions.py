"""What people decide about identities: one person's, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.identity import service as people
from guanxi.customers.identity.model import LAST_DAY, Decision, Verdict
from guanxi.customers.members import decide as decide_by
from guanxi.customers.members.errors import JoinRefused
from guanxi.customers.members.model import JoinedMembers
from guanxi.customers.members.service.parts import Parts, fragment, identities, not_found, present
from guanxi.kernel.errors import Conflict
from guanxi.kernel.ids import fresh, identity_id, member_id

if TYPE_CHECKING:
    from collections.abc import Collection

    from guanxi.customers.identity.model import Resolution
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant

_EVENTS = {
    Decision.JOINED: ("identity.joined", "with"),
    Decision.SEPARATED: ("identity.separated", "from"),
    Decision.WITHDRAWN: ("identity.withdrawn", "about"),
}


def decide(
    parts: Parts,
    tx: Transaction,
    merchant: Merchant,
    one: str,
    other: str,
    decision: Decision,
    *,
    by: str,
    now: int,
) -> list[str]:
    """Keep a decision and its event, recompute the people, and return who has the two identities now."""
    a, b = fragment(one), fragment(other)
    if a == b:
        raise Conflict(reason_zh="请选择两个不同的身份。", reason_en="choose two different identities.")
    _settle(parts, tx, merchant, a, b, decision, by=by, now=now)
    holders = people.holders(tx, merchant.merchant_id, [a, b])
    return [member_id(holders[a]), member_id(holders[b])]


def join_members(
    parts: Parts, tx: Transaction, merchant: Merchant, one: str, other: str, *, by: str, now: int
) -> JoinedMembers:
    """See ``Members.join_members``."""
    merchant_id = merchant.merchant_id
    first, second = present(tx, merchant, one).member, present(tx, merchant, other).member
    if first == second:
        raise Conflict(reason_zh="这已经是同一位会员。", reason_en="these are one member already.")
    held = people.holdings_of(tx, merchant_id, [first, second])
    known = identities(tx, merchant, {one.fragment for holdings in held.values() for one in holdings})
    shared = {
        **people.explain(tx, merchant, first).shared,
        **people.explain(tx, merchant, second).shared,
    }
    a, b = (decide_by.spokesman(held[member], known, shared) for member in (first, second))
    if a is None or b is None:
        raise not_found(other if a is not None else one)
    resolution = _settle(parts, tx, merchant, a, b, Decision.JOINED, by=by, now=now)
    theirs = {one.fragment for holdings in held.values() for one in holdings if one.until_day == LAST_DAY}
    holders = people.holders(tx, merchant_id, theirs)
    if len(set(holders.values())) > 1:
        raise _divided(resolution, theirs)
    return JoinedMembers(member_id(holders[a]), identity_id(a), identity_id(b))


def _settle(
    parts: Parts,
    tx: Transaction,
    merchant: Merchant,
    a: int,
    b: int,
    decision: Decision,
    *,
    by: str,
    now: int,
) -> Resolution:
    """Keep a decision about two fragments and its event, and recompute the people."""
    merchant_id = merchant.merchant_id
    before = _standing(tx, merchant_id, a, b)
    if decision is Decision.WITHDRAWN and (before is None or before.decision is Decision.WITHDRAWN):
        raise Conflict(
            reason_zh="对这两个身份没有人工判定。",
            reason_en="nothing was decided by hand about these two identities.",
        )
    if before is not None:
        # The latest decision holds, also when the clock has been set back since the one before.
        now = max(now, before.at + 1)
    resolution = people.decide_pair(tx, merchant, a, b, decision, by=by, now=now)
    if decision is Decision.JOINED:
        _check(resolution, a, b)
    name, field = _EVENTS[decision]
    said = {field: identity_id(b), "by": by}
    event = parts.intake.internal_event(merchant, name, fresh("evt"), [], said, fragments=(a, b), now=now)
    parts.log.append(tx, [event])
    return resolution


def _standing(tx: Transaction, merchant_id: str, a: int, b: int) -> Verdict | None:
    found = (one for one in people.verdicts(tx, merchant_id, [a]) if {one.a, one.b} == {a, b})
    return next(found, None)


def _check(resolution: Resolution, a: int, b: int) -> None:
    for refusal in resolution.refusals:
        evidence = refusal.evidence
        if isinstance(evidence, Verdict) and {evidence.a, evidence.b} == {a, b}:
            raise JoinRefused(reason_zh=refusal.text.zh, reason_en=refusal.text.en)


def _divided(resolution: Resolution, theirs: Collection[int]) -> JoinRefused:
    """Say why two members would not become one: joined by their best identities, they would lose others of theirs."""
    for refusal in resolution.refusals:
        if {refusal.ours, refusal.theirs} <= set(theirs):
            return JoinRefused(reason_zh=refusal.text.zh, reason_en=refusal.text.en)
    return JoinRefused(
        reason_zh="没有合并：两边的标识不能全部属于同一个人。",
        reason_en="Not joined: the identities of both cannot all be one person's.",
    )
