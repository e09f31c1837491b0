"""Members as people see them. Readers take an open reading transaction and write nothing.

Ids are public: ``mbr_…`` of any identity a member ever had leads to the present member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.members.model import Sort

if TYPE_CHECKING:
    from guanxi.customers.events.service import EventIntake
    from guanxi.customers.members.model import (
        MemberLine,
        MemberProfile,
        Overview,
        Summary,
        TimelineEntry,
    )
    from guanxi.kernel.paging import Page
    from guanxi.storage.database import Transaction
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.merchants import Merchant
    from guanxi.storage.person_keys import PersonKeys
    from guanxi.storage.vault import Vault


class Members:
    """What one may ask and decide about members."""

    def __init__(self, log: EventLog, intake: EventIntake, vault: Vault, keys: PersonKeys) -> None: ...

    def list_members(
        self,
        tx: Transaction,
        merchant: Merchant,
        *,
        query: str | None = None,
        sort: Sort = Sort.NEWEST,
        visitors: bool = False,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[MemberLine]: ...

    def get_member(self, tx: Transaction, merchant: Merchant, member_id: str) -> MemberProfile: ...

    def reveal(self, tx: Transaction, merchant: Merchant, member_id: str, identity_id: str) -> str: ...

    def timeline(
        self,
        tx: Transaction,
        merchant: Merchant,
        member_id: str,
        *,
        personal: bool = False,
        before: str | None = None,
        limit: int = 50,
    ) -> Page[TimelineEntry]: ...

    def overview(self, tx: Transaction, merchant: Merchant, today: int, days: int = 90) -> Overview: ...

    def summary(self, tx: Transaction, merchant: Merchant) -> Summary: ...

    def separate(self, tx: Transaction, merchant: Merchant, one: str, other: str, *, by: str, now: int) -> list[str]: ...

    def join(self, tx: Transaction, merchant: Merchant, one: str, other: str, *, by: str, now: int) -> list[str]: ...

    def withdraw(self, tx: Transaction, merchant: Merchant, one: str, other: str, *, by: str, now: int) -> list[str]: ...
