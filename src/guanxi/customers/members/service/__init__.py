"""Members as people see them. Readers take an open reading transaction and write nothing.

Ids are public: ``mbr_…`` of any identity a member ever had leads to the present member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.identity.model import Decision
from guanxi.customers.members.model import Behind, Sort
from guanxi.customers.members.service import (
    behind as behind_figures,
    decisions,
    figures,
    listing,
    profile,
    story,
)
from guanxi.customers.members.service.parts import Parts

if TYPE_CHECKING:
    from collections.abc import Collection

    from guanxi.customers.events.service import EventIntake
    from guanxi.customers.members.model import (
        InFull,
        JoinedMembers,
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

    def __init__(self, log: EventLog, intake: EventIntake, vault: Vault, keys: PersonKeys) -> None:
        self._parts = Parts(log, intake, vault, keys)
        self._activity = figures.Activity()

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
    ) -> Page[MemberLine]:
        """Return members by when they were first met, or those whom ``query`` finds.

        It may be a phone in any spelling, the last four digits of one, a member number or another identity, a name or
        pieces of one (all must occur), or a public id. ``visitors`` lists those with no more than a device as well.
        Raises ``InvalidCursor``.
        """
        return listing.page(self._parts, tx, merchant, query or "", sort, cursor, limit, visitors=visitors)

    def list_behind(
        self,
        tx: Transaction,
        merchant: Merchant,
        behind: Behind,
        days: tuple[int, int],
        *,
        sort: Sort = Sort.NEWEST,
        cursor: str | None = None,
        limit: int = 50,
    ) -> tuple[Page[MemberLine], int]:
        """Return the known members behind a figure by when they were first met, and how many they are in all.

        ``days`` are the first day of the period and the one after its last. Raises ``InvalidCursor``.
        """
        return behind_figures.page(
            self._parts, self._activity, tx, merchant, behind, days, sort, cursor, limit
        )

    def lines(self, tx: Transaction, merchant: Merchant, ids: Collection[str]) -> dict[str, MemberLine]:
        """Return those of some members that exist, each in one line."""
        return {one.member_id: one for one in listing.named(self._parts, tx, merchant, ids)}

    def get_member(
        self, tx: Transaction, merchant: Merchant, member_id: str, *, personal: bool = True
    ) -> MemberProfile:
        """Return everything about a member but their events; names alone of what is personal without ``personal``.

        Raises ``NotFound``.
        """
        return profile.get(self._parts, tx, merchant, member_id, personal=personal)

    def reveal(self, tx: Transaction, merchant: Merchant, member_id: str, identity_id: str) -> InFull:
        """Return the value of an identity in full. The caller has checked the permission and kept the audit trail.

        Raises ``NotFound`` if the member does not have it, ``NotReadable`` if it came hashed.
        """
        return profile.reveal(self._parts, tx, merchant, member_id, identity_id)

    def timeline(
        self,
        tx: Transaction,
        merchant: Merchant,
        member_id: str,
        *,
        personal: bool = False,
        before: str | None = None,
        limit: int = 50,
    ) -> Page[TimelineEntry]:
        """Return what a member did, the latest first; what is personal in it is opened if asked.

        Raises ``NotFound`` and ``InvalidCursor``.
        """
        return story.timeline(self._parts, tx, merchant, member_id, before, limit, personal=personal)

    def events(
        self,
        tx: Transaction,
        merchant: Merchant,
        *,
        type: str = "",
        day: int | None = None,
        cursor: str | None = None,
        limit: int = 50,
        besides: Collection[str] = (),
    ) -> Page[TimelineEntry]:
        """Return the last events of the log, of one type or local day if asked, without those of the types ``besides``.

        Raises ``InvalidCursor``.
        """
        return story.newest(self._parts, tx, merchant, type, day, cursor, limit, besides)

    def overview(self, tx: Transaction, merchant: Merchant, today: int, days: int = 90) -> Overview:
        """Return the figures of all time, of the ``days`` up to ``today``, and of as many before."""
        return figures.overview(self._activity, tx, merchant, today, days)

    def last_day(self, tx: Transaction, merchant: Merchant) -> int | None:
        """Return the merchant's last day on which anything happened, ``None`` if nothing ever did."""
        return figures.last_day(tx, merchant)

    def summary(self, tx: Transaction, merchant: Merchant) -> Summary:
        """Return a merchant in five numbers."""
        return figures.summary(self._parts, tx, merchant)

    def separate(
        self, tx: Transaction, merchant: Merchant, one: str, other: str, *, by: str, now: int
    ) -> list[str]:
        """Decide that two identities are not one person's; returns the ids of those who have them now.

        The decision is an event of the log as well. Raises ``NotFound``.
        """
        return decisions.decide(self._parts, tx, merchant, one, other, Decision.SEPARATED, by=by, now=now)

    def join(
        self, tx: Transaction, merchant: Merchant, one: str, other: str, *, by: str, now: int
    ) -> list[str]:
        """Decide that two identities are one person's; returns the id of the person, twice.

        Raises ``NotFound``, and ``JoinRefused`` if they cannot be one person; then nothing may be kept.
        """
        return decisions.decide(self._parts, tx, merchant, one, other, Decision.JOINED, by=by, now=now)

    def join_members(
        self, tx: Transaction, merchant: Merchant, one: str, other: str, *, by: str, now: int
    ) -> JoinedMembers:
        """Decide that two members are one person, each named by the id of any identity of theirs.

        The decision is about the identity of each that tells most; withdrawing it separates them again. Raises
        ``NotFound``, ``Conflict`` if they are one member already, and ``JoinRefused`` if they cannot be one person with
        all that each is known by; then nothing may be kept.
        """
        return decisions.join_members(self._parts, tx, merchant, one, other, by=by, now=now)

    def withdraw(
        self, tx: Transaction, merchant: Merchant, one: str, other: str, *, by: str, now: int
    ) -> list[str]:
        """Take back what was decided about two identities, as if nothing ever had been.

        Returns the ids of those who have them now. Raises ``NotFound``, and ``Conflict`` if nothing was decided.
        """
        return decisions.decide(self._parts, tx, merchant, one, other, Decision.WITHDRAWN, by=by, now=now)
