"""What is known of members: of one from the daily buckets, of everybody from the lake, with the same answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from guanxi.customers.identity import service as people
from guanxi.customers.profiles import decide, said, store
from guanxi.customers.profiles.model import (
    BoardFiles,
    Derived,
    Needs,
    Provider,
    Quintile,
    Values,
    Vocabulary,
    needs,
)
from guanxi.rules import Node, Window, compile_condition, compile_value
from guanxi.rules.model import Aggregation

if TYPE_CHECKING:
    import pyarrow as pa

    from guanxi.customers.facts.service import Facts
    from guanxi.customers.profiles.everybody import Question
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.merchants import Merchant


_PLANS = 256
"""So many questions are remembered."""

_NEAR = 90
"""Days that are read at first where only the last day of something is asked, which is mostly not long ago."""


class _Plan(NamedTuple):
    """How to answer a question about single members: what it needs and which buckets say it.

    ``series`` are those of each window, ``numbers`` those of all; ``near`` days are always read, up to ``longest`` where
    the last day of something is not among them. ``top`` is the newest series there was.
    """

    vocabulary: Vocabulary
    top: int
    wanted: Needs
    windows: tuple[Window, ...]
    series: Mapping[str, Mapping[int, str]]
    numbers: frozenset[int]
    near: int
    longest: int


@dataclass(slots=True)
class Profiles:
    """What is known of the members of every merchant."""

    database: Database
    log: EventLog
    facts: Facts
    providers: Sequence[Provider]
    lists: Provider
    """Knows who was put into which audience, under the memberships' names."""
    reader: str
    """The reader of the log that keeps members and buckets: batch answers stop where it is."""
    _compiled: dict[Node, Callable[[Values, int], Any]] = field(default_factory=dict)
    _plans: dict[tuple[str, tuple[Node, ...]], _Plan] = field(default_factory=dict)

    def people(self, tx: Transaction, merchant_id: str) -> pa.Table:
        """Return all known members: ``member`` and ``first_seen`` (µs)."""
        return store.everybody(tx, merchant_id).people

    def asking(
        self,
        merchant: Merchant,
        vocabulary: Vocabulary,
        nodes: Collection[Node],
        as_of: int,
        *,
        keep: bool = False,
    ) -> AbstractContextManager[Question]:
        """Open everybody who had been met by the end of day ``as_of``, with what ``nodes`` need.

        To ``keep`` what windows add up to makes the next time quicker, on that day or later.
        Raises ``LakeMissing``, and ``Unavailable`` while hand-overs follow each other too quickly.
        """
        # Loads the analytic compiler, a second that commands need not wait which ask nothing.
        from guanxi.customers.profiles.everybody import Everybody  # noqa: PLC0415

        everybody = Everybody(self.database, self.log, self.facts, self.providers, self.lists, self.reader)
        return everybody.asking(merchant, vocabulary, nodes, as_of, keep=keep)

    def on_board(
        self,
        tx: Transaction,
        merchant_id: str,
        vocabulary: Vocabulary,
        files: BoardFiles,
        nodes: Collection[Node],
        as_of: int,
        *,
        sampled: bool,
    ) -> AbstractContextManager[Question | None]:
        """Open everybody as the last board has them, or a sample of them; ``None`` if it cannot answer ``nodes``."""
        from guanxi.customers.profiles.on_board import on_board  # noqa: PLC0415

        position = self.log.peek(tx, merchant_id, self.reader)
        return on_board(self.facts, merchant_id, vocabulary, files, nodes, as_of, position, sampled=sampled)

    def _provided(
        self,
        tx: Transaction,
        merchant: Merchant,
        vocabulary: Vocabulary,
        found: dict[int, dict[str, Any]],
        names: frozenset[str],
    ) -> None:
        merchant_id, members = merchant.merchant_id, list(found)
        parts: list[Mapping[int, Values]] = []
        for provider in self.providers:
            mine = sorted(names & provider.attributes(tx, merchant_id).keys())
            if mine:
                parts.append(provider.of(tx, merchant_id, members, mine))
        if lists := sorted(names & vocabulary.lists):
            parts.append(self.lists.of(tx, merchant_id, members, lists))
        if declared := {name: vocabulary.declared[name] for name in names if name in vocabulary.declared}:
            parts.append(said.of(tx, merchant, members, declared))
        for part in parts:
            for member, values in part.items():
                found[member].update(values)

    # One member -----------------------------------------------------------------------------------------------------

    def of(
        self,
        tx: Transaction,
        merchant: Merchant,
        vocabulary: Vocabulary,
        members: Sequence[int],
        nodes: Collection[Node],
        as_of: int,
        cuts: Mapping[str, Sequence[float]],
    ) -> dict[int, dict[str, Any]]:
        """Return what ``nodes`` need, of each member, by name. What only a batch can know is not among it.

        ``cuts`` part members into fifths, as the last batch found them.
        """
        plan = self._plan(tx, merchant.merchant_id, vocabulary, nodes)
        wanted = plan.wanted
        found: dict[int, dict[str, Any]] = {member: {} for member in members}
        self._provided(tx, merchant, vocabulary, found, wanted.attributes)
        if plan.windows:
            self._windows(tx, merchant, plan, found, as_of)
        for values in found.values():
            for one in wanted.derived:
                values[one.name] = self._derived(one, values, as_of, cuts)
        return found

    def _windows(
        self, tx: Transaction, merchant: Merchant, plan: _Plan, found: dict[int, dict[str, Any]], as_of: int
    ) -> None:
        merchant_id = merchant.merchant_id
        held = people.holdings_of(tx, merchant_id, list(found))
        fragments = {one.fragment for holdings in held.values() for one in holdings}
        met = store.met_since(tx, merchant_id, fragments)
        first = as_of + 1 - plan.longest
        if met is not None:
            first = max(first, merchant.days.day(met))
        near = max(first, as_of + 1 - plan.near)
        rows = store.buckets(tx, merchant_id, (near, as_of + 1), fragments, plan.numbers)
        for member, values in found.items():
            values.update(decide.windows_of(plan.windows, plan.series, held[member], rows, as_of))
        further = [
            window
            for window in plan.windows
            if window.days > plan.near and any(values[window.name] is None for values in found.values())
        ]
        if not further or first == near:
            return
        wanted = {number for window in further for number in plan.series[window.name]}
        rows = store.buckets(tx, merchant_id, (first, near), fragments, wanted) + rows
        for member, values in found.items():
            values.update(decide.windows_of(further, plan.series, held[member], rows, as_of))

    def _plan(
        self, tx: Transaction, merchant_id: str, vocabulary: Vocabulary, nodes: Collection[Node]
    ) -> _Plan:
        """Return how to answer ``nodes``, as found out when last asked, unless something that counts is new."""
        asked, top = (merchant_id, tuple(nodes)), store.series_there(tx, merchant_id)
        plan = self._plans.get(asked)
        if plan is None or plan.vocabulary is not vocabulary or plan.top != top:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            plan = self._plans[asked] = self._planned(tx, merchant_id, vocabulary, nodes, top)
        return plan

    def _planned(
        self, tx: Transaction, merchant_id: str, vocabulary: Vocabulary, nodes: Collection[Node], top: int
    ) -> _Plan:
        wanted = needs(vocabulary, nodes)
        windows = tuple(window for window in wanted.windows.values() if window.online)
        known = store.series(tx, merchant_id, {window.event for window in windows}) if windows else {}
        series = {
            window.name: decide.series_of(window, vocabulary.types[window.event], known) for window in windows
        }
        whole = [window.days for window in windows if window.how is not Aggregation.LAST]
        return _Plan(
            vocabulary,
            top,
            wanted,
            windows,
            series,
            frozenset(number for values in series.values() for number in values),
            max([_NEAR, *whole]),
            max([_NEAR, *(window.days for window in windows)]),
        )

    def _derived(self, one: Derived, values: Values, as_of: int, cuts: Mapping[str, Sequence[float]]) -> Any:
        if isinstance(one.source, Quintile):
            rank = one.source
            if rank.among is not None and not self.is_true(rank.among, values, as_of):
                return None
            return decide.fifth(
                self.value(rank.of, values, as_of), cuts.get(one.name, ()), reverse=rank.reverse
            )
        made = self.is_true if one.membership else self.value
        return made(one.source, values, as_of)

    def is_true(self, node: Node, values: Values, as_of: int) -> bool:
        """Say whether a condition is true of a member's values."""
        made = self._compiled.get(node)
        if made is None:
            made = self._compiled[node] = compile_condition(node)
        return bool(made(values, as_of))

    def value(self, node: Node, values: Values, as_of: int) -> Any:
        """Return what a rule computes from a member's values."""
        made = self._compiled.get(node)
        if made is None:
            made = self._compiled[node] = compile_value(node)
        return made(values, as_of)
