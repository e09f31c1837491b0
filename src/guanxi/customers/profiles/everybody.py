"""Questions about everybody at once, from the facts in the lake and what still lies in the tail.

They stop at the position of the log that the projection has reached, so that everybody and one member are answered alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from guanxi.customers.facts.model import needed
from guanxi.customers.facts.parts import Kept, kept_of
from guanxi.customers.profiles import said, store, wide
from guanxi.customers.profiles.arrays import days_of
from guanxi.customers.profiles.model import (
    MOVED,
    PEOPLE,
    STABLE,
    Derived,
    Everybody as Members,
    Needs,
    Provider,
    Quintile,
    Vocabulary,
    needs,
)
from guanxi.kernel.errors import Unavailable
from guanxi.rules import Node
from guanxi.storage.engine import quoted

if TYPE_CHECKING:
    import duckdb

    from guanxi.customers.facts.service import Facts
    from guanxi.customers.profiles.windows import Sums
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.merchants import Merchant

_TRIES = 20


@dataclass(slots=True)
class Question:
    """Everybody, open to be asked: ``table`` has a row per member and what was wanted, under its names."""

    con: duckdb.DuckDBPyConnection
    steps: wide.Steps
    table: ir.Table
    as_of: int
    cuts: Mapping[str, Sequence[float]]
    position: tuple[int, int]
    tables: tuple[str, ...]
    """The tables of facts that can be read."""

    def rows(self, last: ir.Table) -> list[tuple[Any, ...]]:
        """Return the rows of an expression over ``table``."""
        return self.con.execute(self.steps.sql(last)).fetchall()

    def truth(self, rule: Node) -> ir.BooleanValue:
        """Return whether a rule is true, as a column of ``table``: unknown is not."""
        return wide.truth(self.table, rule, self.as_of)

    def matching(self, rule: Node) -> ir.Table:
        """Return the rows of those of whom a rule is true."""
        return wide.matching(self.table, rule, self.as_of)

    def sql(self, last: ir.Table) -> str:
        """Return the query of an expression over ``table``."""
        return self.steps.sql(last)


@dataclass(frozen=True, slots=True)
class Everybody:
    """Opens questions; see ``Profiles.asking``."""

    database: Database
    log: EventLog
    facts: Facts
    providers: Sequence[Provider]
    lists: Provider
    reader: str

    @contextmanager
    def asking(
        self, merchant: Merchant, vocabulary: Vocabulary, nodes: Collection[Node], as_of: int, *, keep: bool
    ) -> Iterator[Question]:
        """Open everybody who had been met by the end of day ``as_of``, with what ``nodes`` need.

        To ``keep`` what windows add up to makes the next time quicker, on that day or later.
        Raises ``LakeMissing``, and ``Unavailable`` while hand-overs follow each other too quickly.
        """
        wanted = needs(vocabulary, nodes)
        with self.facts.engine() as con:
            kept = kept_of(wanted.windows.values(), vocabulary.types, as_of)
            position, moved, sums = self._load(con, merchant, vocabulary, wanted, kept, keep=keep)
            types = {name: vocabulary.type_of(name) for name in wanted.attributes}
            table = wide.people_table(types)
            table = table.filter(table.first_day <= as_of)
            steps = wide.Steps()
            cuts: dict[str, Sequence[float]] = {}
            before = Needs(wanted.attributes, wanted.windows, ())
            table = wide.build(
                steps,
                before,
                types,
                vocabulary.types,
                as_of,
                moved=moved,
                cuts={},
                base=steps.add("met", table),
                sums=sums,
            )
            ranked = [one for one in wanted.derived if isinstance(one.source, Quintile)]
            if ranked:
                table = self._kept(con, steps, table, "base")
                steps = wide.Steps()
                table = self._ranked(con, table, wanted.derived, as_of, cuts)
            else:
                table = wide.derive(steps, table, wanted.derived, as_of, cuts)
            tables = tuple(needed(wanted.windows.values(), vocabulary.types))
            yield Question(con, steps, table, as_of, cuts, position, tables)

    def _kept(
        self, con: duckdb.DuckDBPyConnection, steps: wide.Steps, table: ir.Table, name: str
    ) -> ir.Table:
        """Compute a table once, because several questions follow from it."""
        con.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS {steps.sql(table)}")
        return ibis.table(table.schema(), name=name)

    def _ranked(
        self,
        con: duckdb.DuckDBPyConnection,
        table: ir.Table,
        derived: Sequence[Derived],
        as_of: int,
        cuts: dict[str, Sequence[float]],
    ) -> ir.Table:
        """Derive step by step, and find the cuts of each rank from what was derived before it."""
        waiting: list[Derived] = []
        for number, one in enumerate(derived):
            if isinstance(one.source, Quintile):
                if waiting:
                    steps = wide.Steps()
                    table = self._kept(
                        con, steps, wide.derive(steps, table, waiting, as_of, cuts), f"base_{number}"
                    )
                    waiting = []
                (row,) = con.execute(wide.Steps().sql(wide.ranked(table, one.source, as_of))).fetchall()
                cuts[one.name] = [] if None in row else [float(cut) for cut in row]
            waiting.append(one)
        steps = wide.Steps()
        return self._kept(con, steps, wide.derive(steps, table, waiting, as_of, cuts), "ranked")

    def _load(
        self,
        con: duckdb.DuckDBPyConnection,
        merchant: Merchant,
        vocabulary: Vocabulary,
        wanted: Needs,
        kept: Kept,
        *,
        keep: bool,
    ) -> tuple[tuple[int, int], bool, Sums]:
        merchant_id = merchant.merchant_id
        shapes = needed(wanted.windows.values(), vocabulary.types)
        for _ in range(_TRIES):
            manifest = self.facts.refresh(con, merchant_id, shapes, kept if keep else None)
            with self.database.reading() as tx:
                position = self.log.peek(tx, merchant_id, self.reader)
                found = store.everybody(tx, merchant_id)
                tables = self._tables(tx, merchant, vocabulary, wanted.attributes, found)
            if self.facts.expose(con, merchant_id, manifest, shapes, position):
                break
        else:
            raise Unavailable(
                reason_zh="事件正在移交数据湖，请稍后重试。",
                reason_en="events are being handed over to the lake; try again in a moment.",
            )
        first_day = days_of(merchant, found.people["first_seen"].to_numpy())
        con.register("met_people", found.people.append_column("first_day", pa.array(first_day, pa.int32())))
        con.register(STABLE, found.stable)
        con.register(MOVED, found.moved)
        columns, joins = ["p.member", "p.first_day"], ""
        for number, table in enumerate(tables):
            con.register(f"given_{number}", table)
            columns += [f"g{number}.{quoted(name)}" for name in table.column_names if name != "member"]
            joins += f" LEFT JOIN given_{number} AS g{number} ON g{number}.member = p.member"
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {PEOPLE} AS SELECT {', '.join(columns)} FROM met_people AS p{joins}"  # noqa: S608
        )
        sums = manifest.known(kept)
        return (position.epoch, position.number), bool(found.moved.num_rows), sums

    def _tables(
        self,
        tx: Transaction,
        merchant: Merchant,
        vocabulary: Vocabulary,
        names: frozenset[str],
        everybody: Members,
    ) -> list[pa.Table]:
        merchant_id = merchant.merchant_id
        tables = []
        for provider in self.providers:
            mine = sorted(names & provider.attributes(tx, merchant_id).keys())
            if mine:
                tables.append(provider.table(tx, merchant_id, mine, everybody))
        if lists := sorted(names & vocabulary.lists):
            tables.append(self.lists.table(tx, merchant_id, lists, everybody))
        if declared := {name: vocabulary.declared[name] for name in names if name in vocabulary.declared}:
            tables.append(said.table(tx, merchant, declared))
        return tables
