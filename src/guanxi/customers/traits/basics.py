"""What the house itself knows of members: when they were met, by what they are known, and what they agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from guanxi.customers.events.model import CHANNELS, PURPOSES
from guanxi.customers.identity.kinds import KINDS
from guanxi.customers.profiles.arrays import Numbers, days_of, listed, places
from guanxi.customers.traits import store
from guanxi.kernel.text import Text
from guanxi.rules import Type
from guanxi.rules.catalogue import Known

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guanxi.customers.events.service import EventIntake
    from guanxi.customers.profiles.model import Everybody, Values
    from guanxi.storage.database import Transaction

FIRST_SEEN, IDENTITIES, CONSENTS = "first_seen", "identities", "consents"

_AGREED = {
    f"{purpose}:{channel}": Text(f"{what.zh}（{where.zh}）", f"{what.en} ({where.en})")
    for purpose, what in PURPOSES.items()
    for channel, where in CHANNELS.items()
}
_KNOWN = {
    FIRST_SEEN: Known(Type.DATE, Text("首次出现", "First seen")),
    IDENTITIES: Known(
        Type.SET, Text("身份类型", "Kinds of identities"), {key: kind.label for key, kind in KINDS.items()}
    ),
    CONSENTS: Known(Type.SET, Text("已同意的用途", "Purposes consented to"), called=_AGREED),
}


class Basics:
    """A provider of ``first_seen`` (a day), ``identities`` (their types) and ``consents`` (``purpose:channel`` given)."""

    def __init__(self, intake: EventIntake) -> None:
        self._intake = intake

    def attributes(self, tx: Transaction, merchant_id: str) -> Mapping[str, Known]:
        """See ``Provider.attributes``."""
        del tx, merchant_id
        return _KNOWN

    def of(
        self, tx: Transaction, merchant_id: str, members: Sequence[int], names: Collection[str]
    ) -> Mapping[int, Values]:
        """See ``Provider.of``."""
        return self._found(tx, merchant_id, members, names)

    def table(
        self, tx: Transaction, merchant_id: str, names: Collection[str], everybody: Everybody
    ) -> pa.Table:
        """See ``Provider.table``."""
        merchant, _ = self._intake.merchant(merchant_id)
        members = everybody.people["member"].to_numpy()
        columns: dict[str, pa.Array] = {"member": pa.array(members)}
        for name in names:
            if name == FIRST_SEEN:
                columns[name] = pa.array(days_of(merchant, everybody.people["first_seen"].to_numpy())).cast(
                    pa.date32()
                )
            elif name == IDENTITIES:
                columns[name] = listed(*store.identity_sets(tx, merchant_id, everybody))
            else:
                columns[name] = listed(*_coded(store.consents(tx, merchant, None), members))
        return pa.table(columns)

    def _found(
        self, tx: Transaction, merchant_id: str, members: Sequence[int], names: Collection[str]
    ) -> dict[int, dict[str, Any]]:
        merchant, _ = self._intake.merchant(merchant_id)
        day = merchant.days.day
        found: dict[int, dict[str, Any]] = {
            member: {FIRST_SEEN: day(seen)} for member, seen in store.first_seen(tx, merchant_id, members)
        }
        sets: dict[str, Mapping[int, frozenset[str]]] = {}
        if IDENTITIES in names:
            sets[IDENTITIES] = store.identity_types(tx, merchant_id, members)
        if CONSENTS in names:
            sets[CONSENTS] = store.consents(tx, merchant, members)
        for name, rows in sets.items():
            for member, values in found.items():
                values[name] = rows.get(member, frozenset())
        return found


def _coded(found: Mapping[int, frozenset[str]], members: Numbers) -> tuple[list[frozenset[str]], Numbers]:
    """Return the different sets there are, and which of them each member has; the first is empty."""
    values = [frozenset[str](), *sorted(set(found.values()) - {frozenset()}, key=sorted)]
    numbers = {value: number for number, value in enumerate(values)}
    codes = np.zeros(len(members), np.int64)
    who = np.fromiter(found, np.int64, len(found))
    at = places(who, members)
    given = np.fromiter((numbers[value] for value in found.values()), np.int64, len(found))
    codes[at[at >= 0]] = given[at >= 0]
    return values, codes
