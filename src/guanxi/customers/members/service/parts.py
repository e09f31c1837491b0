"""What the use cases of this slice share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from guanxi.customers.identity import service as people
from guanxi.customers.members import decide, store
from guanxi.kernel.errors import NotFound
from guanxi.kernel.ids import fragment_of
from guanxi.storage.vault import SealBroken

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from guanxi.customers.events.service import EventIntake
    from guanxi.customers.identity.model import Holding
    from guanxi.customers.members.decide import Known
    from guanxi.customers.members.store import AttributeRow, MemberRow
    from guanxi.storage.database import Transaction
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.merchants import Merchant
    from guanxi.storage.person_keys import PersonKeys
    from guanxi.storage.vault import Sealer, Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """The services that this slice stands on."""

    log: EventLog
    intake: EventIntake
    vault: Vault
    keys: PersonKeys


def not_found(member_id: str) -> NotFound:
    """Return the error for a member who is not there."""
    return NotFound(what_zh="会员", what_en="member", key=member_id)


def fragment(public: str) -> int:
    """Return the fragment that a public id names; raises ``NotFound``, since such an id leads nowhere."""
    try:
        return fragment_of(public)
    except ValueError:
        raise not_found(public[:40]) from None


def present(tx: Transaction, merchant: Merchant, member_id: str) -> MemberRow:
    """Return the present member for the id of any identity of theirs; raises ``NotFound``."""
    wanted = fragment(member_id)
    member = people.holders(tx, merchant.merchant_id, [wanted])[wanted]
    found = store.members(tx, merchant.merchant_id, [member]).get(member)
    if found is None:
        raise not_found(member_id)
    return found


def identities(tx: Transaction, merchant: Merchant, fragments: Collection[int]) -> dict[int, Known]:
    """Return what is needed to show identities."""
    rows = store.identities(tx, merchant.merchant_id, fragments)
    return {one: decide.Known(*row[:5], readable=bool(row.sealed)) for one, row in rows.items()}


def said(
    merchant: Merchant, rows: Iterable[AttributeRow], held: Mapping[int, Iterable[Holding]]
) -> list[AttributeRow]:
    """Return those attributes that were said while their fragment was among the given holdings of it."""
    days = merchant.days
    return [
        row
        for row in rows
        if any(one.from_day <= days.day(row.time) < one.until_day for one in held.get(row.fragment, ()))
    ]


def opened(row: AttributeRow, sealers: Mapping[int, Sealer]) -> Any:
    """Return an attribute's value; ``None`` when it is sealed and its key is not among the given, or destroyed."""
    if not row.personal:
        return msgspec.json.decode(row.value)
    sealer = sealers.get(row.fragment)
    if sealer is None:
        return None
    try:
        return msgspec.json.decode(sealer.open(row.value))
    except SealBroken:
        return None
