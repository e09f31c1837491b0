"""What people decide about identities: one person's, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.identity import service as people
from guanxi.customers.identity.model import Decision, Verdict
from guanxi.customers.members.errors import JoinRefused
from guanxi.customers.members.service.parts import Parts, fragment
from guanxi.kernel.errors import Conflict
from guanxi.kernel.ids import fresh, identity_id, member_id

if TYPE_CHECKING:
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
    merchant_id = merchant.merchant_id
    a, b = fragment(one), fragment(other)
    if a == b:
        raise Conflict(reason_zh="请选择两个不同的身份。", reason_en="choose two different identities.")
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
    holders = people.holders(tx, merchant_id, [a, b])
    return [member_id(holders[a]), member_id(holders[b])]


def _standing(tx: Transaction, merchant_id: str, a: int, b: int) -> Verdict | None:
    found = (one for one in people.verdicts(tx, merchant_id, [a]) if {one.a, one.b} == {a, b})
    return next(found, None)


def _check(resolution: Resolution, a: int, b: int) -> None:
    for refusal in resolution.refusals:
        evidence = refusal.evidence
        if isinstance(evidence, Verdict) and {evidence.a, evidence.b} == {a, b}:
            raise JoinRefused(reason_zh=refusal.text.zh, reason_en=refusal.text.en)
