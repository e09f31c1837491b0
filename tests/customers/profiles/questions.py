"""Questions about members, asked of one after the other and of all at once."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from guanxi.customers.facts.service import Facts
from guanxi.customers.profiles import wide
from guanxi.customers.profiles.model import Vocabulary
from guanxi.customers.profiles.service import Profiles
from guanxi.customers.projection.jobs import READER
from guanxi.customers.traits.decide import events
from guanxi.kernel.clock import date_to_day
from guanxi.rules import Catalogue, Node, Window, condition, walk

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guanxi.customers.profiles.model import Derived, Everybody, Values
    from guanxi.rules.catalogue import Known
    from tests.customers.conftest import Customers

Answers = dict[int, dict[str, Any]]


class Nobody:
    """Knows of no audience into which people are put."""

    def attributes(self, tx: Any, merchant_id: str) -> Mapping[str, Known]:
        """See ``Provider``."""
        return {}

    def of(
        self, tx: Any, merchant_id: str, members: Sequence[int], names: Collection[str]
    ) -> Mapping[int, Values]:
        """See ``Provider``."""
        return {}

    def table(self, tx: Any, merchant_id: str, names: Collection[str], everybody: Everybody) -> pa.Table:
        """See ``Provider``."""
        return pa.table({"member": pa.array([], pa.int64())})


class Asker:
    """Asks a shop's members."""

    def __init__(self, customers: Customers) -> None:
        one = customers.installation
        self.customers = customers
        self.facts = Facts(one.home, one.database, one.log, one.locks, one.vault)
        self.profiles = Profiles(one.database, one.log, self.facts, (), Nobody(), READER)

    def vocabulary(self, derived: Mapping[str, Derived] | None = None) -> Vocabulary:
        """Everything that may be named now."""
        _, catalogue = self.customers.intake.merchant("shop")
        known = Catalogue(events=events(catalogue.types))
        return Vocabulary(
            types=catalogue.types,
            provided={},
            declared={},
            derived=derived or {},
            lists=frozenset(),
            catalogue=known,
        )

    def rule(self, text: str) -> Node:
        """Read a condition."""
        return condition(text, self.vocabulary().catalogue)

    def window(self, text: str) -> Window:
        """Read an aggregate over days."""
        (found,) = [one for one in walk(self.rule(f"({text}) is null")) if isinstance(one, Window)]
        return found

    def today(self) -> int:
        """Return the day that it is."""
        one = self.customers.installation
        return one.merchant.days.day(one.clock.now())

    def members(self) -> list[int]:
        """Return all known members."""
        with self.customers.installation.database.reading() as tx:
            rows = tx.conn.exec_driver_sql("SELECT member FROM customer_member WHERE known").all()
        return [row[0] for row in rows]

    def each(
        self,
        nodes: Sequence[Node],
        as_of: int,
        vocabulary: Vocabulary | None = None,
        cuts: Mapping[str, Sequence[float]] | None = None,
    ) -> Answers:
        """Return what rules need of every known member, from the daily buckets."""
        one = self.customers.installation
        with one.database.reading() as tx:
            return self.profiles.of(
                tx, one.merchant, vocabulary or self.vocabulary(), self.members(), nodes, as_of, cuts or {}
            )

    def all(
        self, nodes: Sequence[Node], as_of: int, vocabulary: Vocabulary | None = None, *, keep: bool = False
    ) -> Answers:
        """Return what rules need of all members met by then, from facts, or with what was kept of them before."""
        merchant, known = self.customers.installation.merchant, vocabulary or self.vocabulary()
        with self.profiles.asking(merchant, known, nodes, as_of, keep=keep) as question:
            names = [name for name in question.table.columns if name not in {"member", "first_day"}]
            rows = question.rows(question.table.select("member", *names))
        return {
            row[0]: {name: plain(value) for name, value in zip(names, row[1:], strict=True)} for row in rows
        }

    def matching(self, node: Node, as_of: int) -> set[int]:
        """Return those for whom a rule is true, from facts."""
        merchant = self.customers.installation.merchant
        with self.profiles.asking(merchant, self.vocabulary(), [node], as_of) as question:
            rows = question.rows(wide.matching(question.table, node, as_of).select("member"))
        return {row[0] for row in rows}

    def agreed(self, *texts: str, as_of: int | None = None) -> Answers:
        """Return what both ways say of aggregates, which must be the same."""
        day = self.today() if as_of is None else as_of
        nodes = [self.window(text) for text in texts]
        each, everybody = self.each(nodes, day), self.all(nodes, day)
        compare(nodes, each, everybody)
        return everybody


def compare(nodes: Sequence[Window], each: Answers, everybody: Answers) -> None:
    """Fail unless both ways gave the same: of those not yet met there is nothing to know."""
    assert everybody.keys() <= each.keys()
    nothing = {one.name: 0 if one.how in {"count", "sum", "distinct"} else None for one in nodes}
    for member, values in each.items():
        assert values == everybody.get(member, nothing), (member, member in everybody)


def plain(value: Any) -> Any:
    """Return a value as rules hold it: a day is a number."""
    return date_to_day(value) if isinstance(value, datetime.date) else value
