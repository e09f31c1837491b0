"""Who was put into which audience, as a provider of attributes: under the memberships' names, true or false."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from guanxi.customers.audiences import store
from guanxi.customers.identity import service as people
from guanxi.rules import InAudience

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guanxi.customers.profiles.model import Everybody, Values
    from guanxi.rules.catalogue import Known
    from guanxi.storage.database import Transaction


class Lists:
    """A provider that knows the members of static audiences: whoever holds one of their identities, or held it last."""

    def attributes(self, tx: Transaction, merchant_id: str) -> Mapping[str, Known]:
        """See ``Provider.attributes``: memberships are named by audiences, and by nothing here."""
        del tx, merchant_id
        return {}

    def of(
        self, tx: Transaction, merchant_id: str, members: Sequence[int], names: Collection[str]
    ) -> Mapping[int, Values]:
        """See ``Provider.of``."""
        keys = {InAudience.key_of(name): name for name in names}
        found = {member: dict.fromkeys(names, False) for member in members}
        held = people.holdings_of(tx, merchant_id, members)
        latest = people.holders(tx, merchant_id, {one.fragment for some in held.values() for one in some})
        owner = {fragment: member for fragment, member in latest.items() if member in held}
        for fragment, audience in store.among(tx, merchant_id, owner):
            if audience in keys:
                found[owner[fragment]][keys[audience]] = True
        return found

    def table(
        self, tx: Transaction, merchant_id: str, names: Collection[str], everybody: Everybody
    ) -> pa.Table:
        """See ``Provider.table``."""
        del everybody
        inside = {name: set(self.members(tx, merchant_id, InAudience.key_of(name))) for name in names}
        members = sorted(set().union(*inside.values()))
        columns: dict[str, pa.Array] = {"member": pa.array(members, pa.int64())}
        for name, some in inside.items():
            columns[name] = pa.array([member in some for member in members], pa.bool_())
        return pa.table(columns)

    def members(self, tx: Transaction, merchant_id: str, audience: str) -> list[int]:
        """Return who is in an audience; somebody who is not a member yet stands there as their identity."""
        fragments = store.fragments(tx, merchant_id, audience)
        return sorted(set(people.holders(tx, merchant_id, fragments).values()))
