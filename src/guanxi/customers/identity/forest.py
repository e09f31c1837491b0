"""The forest in which people grow: union-find whose parts know what they must not become.

A phone changes hands, so it is not one node but a *line* of generations, each from a day until before the next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping

from guanxi.customers.identity.kinds import Kind
from guanxi.customers.identity.model import (
    FIRST_DAY,
    LAST_DAY,
    Code,
    Decision,
    Evidence,
    Handed,
    Holding,
    Identity,
    Join,
    Link,
    LinkKind,
    Person,
    Reason,
    Refusal,
    Resolution,
    Shared,
    Verdict,
)

DayOf = Callable[[int], int]
Pair = tuple[int, int]
Step = tuple[int, int, int, int, int, str, str, Evidence]
"""Stage, weight (the smaller first), instant, two fragments, kind and event id to break ties, and the evidence."""

# The canonical order. What systems of record say about their own accounts comes before what contacts suggest, because
# only with it can the verification of a phone show that the phone has changed hands.
BY_HAND, ACCOUNTS_VERIFIED, ACCOUNTS_OBSERVED, CONTACTS_VERIFIED, CLAIMS, TWO_PHONES, CONTACTS = range(7)

_REASONS = {
    LinkKind.MANUAL: Reason.MANUAL,
    LinkKind.VERIFIED: Reason.VERIFIED,
    LinkKind.OBSERVED: Reason.OBSERVED,
}


class _Line:
    """The generations of one phone: the day each begins, its node, and the evidence that opened it."""

    __slots__ = ("nodes", "opened", "starts")

    def __init__(self, node: int) -> None:
        self.starts = [FIRST_DAY]
        self.nodes = [node]
        self.opened: list[Evidence] = []

    def on(self, day: int) -> int:
        return self.nodes[bisect_right(self.starts, day) - 1]


class Forest:
    """Union-find whose parts know their accounts, whom they must not meet, and what they are called."""

    def __init__(
        self,
        known: Mapping[int, Identity],
        kind_of: Mapping[int, Kind],
        shared: Mapping[int, Shared],
        decided: Mapping[Pair, Verdict],
    ) -> None:
        self.known, self.kind_of, self.shared = known, kind_of, shared
        self.parent: list[int] = []
        self.size: list[int] = []
        self.fragment: list[int] = []
        self.name: list[tuple[int, int, int]] = []
        self.accounts: list[dict[tuple[str, str], int] | None] = []
        self.foes: dict[int, dict[int, int]] = {}
        self.foes_of: defaultdict[int, list[int]] = defaultdict(list)
        self.lines: dict[int, _Line] = {}
        self.made: list[tuple[int, Join]] = []
        self.refusals: list[Refusal] = []
        for (a, b), verdict in decided.items():
            if verdict.decision is Decision.SEPARATED and a in known and b in known and a != b:
                self.foes_of[a].append(b)
                self.foes_of[b].append(a)
        self.node = {fragment: self._add(fragment) for fragment in known}

    def _add(self, fragment: int) -> int:
        node = len(self.parent)
        _, type_, scope, first_seen = self.known[fragment]
        kind = self.kind_of[fragment]
        self.parent.append(node)
        self.size.append(1)
        self.fragment.append(fragment)
        self.name.append((2 if kind.reassignable else int(fragment in self.shared), first_seen, fragment))
        self.accounts.append({(type_, scope): fragment} if kind.exclusive else None)
        if fragment in self.foes_of:
            self.foes[node] = dict.fromkeys(sorted(self.foes_of[fragment]), fragment)
        return node

    def find(self, node: int) -> int:
        """Return the node that stands for the part ``node`` is in."""
        parent = self.parent
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    def take(self, step: Step, day_of: DayOf) -> None:
        """Use one step: join its two parts, or say why not."""
        stage, _, seen_at, a, b, _, _, evidence = step
        if stage == CLAIMS:
            self._claim(a, b, day_of(seen_at), evidence)
        elif a == b:
            self._continue(self.lines[a])
        elif stage > CLAIMS and self.lines:
            day = day_of(seen_at)
            self._join(self._at(a, day), self._at(b, day), evidence)
        else:
            self._join(self.node[a], self.node[b], evidence)

    def continuities(self) -> list[Step]:
        """Return the steps that carry a phone's first verification back to its past, if nobody else held it then.

        They come right after the phone's own sightings with accounts. The past of a shared phone is nobody's.
        """
        steps: list[Step] = []
        for phone, line in self.lines.items():
            if phone not in self.shared:
                first, weight = line.opened[0], 1 - 2 * self.kind_of[phone].strength
                steps.append((CONTACTS, weight, _when(first), phone, phone, "", "", first))
        return steps

    def _at(self, fragment: int, day: int) -> int:
        line = self.lines.get(fragment)
        return self.node[fragment] if line is None else line.on(day)

    def _nodes(self, fragment: int) -> list[int]:
        line = self.lines.get(fragment)
        return [self.node[fragment]] if line is None else line.nodes

    def _claim(self, a: int, b: int, day: int, evidence: Evidence) -> None:
        """Give the phone to whoever vouches for it, from ``day`` on if somebody else held it."""
        phone, other = (a, b) if self.kind_of[a].reassignable else (b, a)
        claimant = self.find(self.node[other])
        for foe in sorted(self.foes_of.get(phone, ())):
            if any(self.find(node) == claimant for node in self._nodes(foe)):
                ours, theirs = (phone, foe) if phone == a else (foe, phone)
                self._refuse(evidence, Code.SEPARATED, ours, theirs)
                return
        line = self.lines.get(phone)
        if line is None:
            line = self.lines[phone] = _Line(self.node[phone])
        elif self._clash(self.find(line.nodes[-1]), claimant) is None:
            self._join(*((line.nodes[-1], claimant) if phone == a else (claimant, line.nodes[-1])), evidence)
            return
        node = self._add(phone)
        line.starts.append(day)
        line.nodes.append(node)
        line.opened.append(evidence)
        self._join(*((node, claimant) if phone == a else (claimant, node)), evidence)

    def _continue(self, line: _Line) -> None:
        past, present = self.find(line.nodes[0]), self.find(line.nodes[1])
        if past != present and self._clash(past, present) is None:
            self._unite(past, present)

    def _join(self, a: int, b: int, evidence: Evidence) -> None:
        left, right = self.find(a), self.find(b)
        if left == right:
            return
        clash = self._clash(left, right)
        if clash is not None:
            self._refuse(evidence, *clash)
            return
        reason = Reason.MANUAL if isinstance(evidence, Verdict) else _REASONS[evidence.kind]
        types = self.known[evidence.a].type, self.known[evidence.b].type
        join = Join(evidence, reason, self.name[left][2], self.name[right][2], *types)
        self.made.append((self._unite(left, right), join))

    def _refuse(self, evidence: Evidence, code: Code, ours: int, theirs: int) -> None:
        mine, other = self.known[ours], self.known[theirs]
        if (
            code is Code.EXCLUSIVE_CONFLICT
            and isinstance(evidence, Link)
            and evidence.kind is LinkKind.OBSERVED
        ):
            ends = self.kind_of[evidence.a], self.kind_of[evidence.b]
            if ends[0].reassignable or ends[1].reassignable:
                code = Code.NEEDS_VERIFICATION
        scope = "" if code is Code.SEPARATED else mine.scope
        self.refusals.append(Refusal(evidence, code, ours, theirs, mine.type, other.type, scope))

    def _clash(self, left: int, right: int) -> tuple[Code, int, int] | None:
        """Say what keeps two parts from being one person, if anything: the fragments on the left and on the right."""
        if self.foes and left in self.foes and right in self.foes:
            met = [
                (own, foe)
                for foe, own in self.foes[left].items()
                if any(self.find(node) == right for node in self._nodes(foe))
            ]
            if met:
                return Code.SEPARATED, *min(met)
        mine, theirs = self.accounts[left], self.accounts[right]
        if not mine or not theirs:
            return None
        few, many = (mine, theirs) if len(mine) <= len(theirs) else (theirs, mine)
        different = [name for name, value in few.items() if many.get(name, value) != value]
        if not different:
            return None
        name = max(different, key=lambda name: (self.kind_of[mine[name]].strength, name))
        return Code.EXCLUSIVE_CONFLICT, mine[name], theirs[name]

    def _unite(self, left: int, right: int) -> int:
        large, small = (left, right) if self.size[left] >= self.size[right] else (right, left)
        self.parent[small] = large
        self.size[large] += self.size[small]
        self.name[large] = min(self.name[large], self.name[small])
        more, fewer = self.accounts[large] or {}, self.accounts[small] or {}
        if len(more) < len(fewer):
            more, fewer = fewer, more
        more.update(fewer)
        self.accounts[large], self.accounts[small] = more or None, None
        if small in self.foes:
            ours, theirs = self.foes.setdefault(large, {}), self.foes.pop(small)
            if len(ours) < len(theirs):
                ours, theirs = theirs, ours
            for foe, own in theirs.items():
                ours[foe] = min(own, ours.get(foe, own))
            self.foes[large] = ours
        return large

    def resolution(self) -> Resolution:
        """Return what has been found, in an order that depends on the input's content alone."""
        holdings: defaultdict[int, list[Holding]] = defaultdict(list)
        joins: defaultdict[int, list[Join]] = defaultdict(list)
        handed: list[Handed] = []
        for fragment, node in self.node.items():
            line = self.lines.get(fragment)
            if line is None:
                holdings[self.find(node)].append(Holding(fragment, FIRST_DAY, LAST_DAY))
            else:
                handed += self._hold(fragment, line, holdings)
        for node, join in self.made:
            joins[self.find(node)].append(join)
        people = [
            Person(self.name[root][2], tuple(sorted(held)), tuple(joins[root]))
            for root, held in holdings.items()
        ]
        people.sort()
        return Resolution(
            tuple(people),
            tuple(sorted(self.refusals, key=lambda refusal: _in_order(refusal.evidence))),
            self.shared,
            tuple(sorted(handed, key=lambda one: (one.fragment, one.day))),
        )

    def _hold(self, phone: int, line: _Line, holdings: defaultdict[int, list[Holding]]) -> list[Handed]:
        """Divide the days of a phone among its holders."""
        spans: list[tuple[int, int, int]] = []
        for index, (start, node) in enumerate(zip(line.starts, line.nodes, strict=True)):
            overtaken = index + 1 < len(line.starts) and line.starts[index + 1] == start
            root = self.find(node)
            if not overtaken and not (spans and spans[-1][1] == root):
                spans.append((start, root, index))
        ends = [*(start for start, _, _ in spans[1:]), LAST_DAY]
        for (start, root, _), end in zip(spans, ends, strict=True):
            holdings[root].append(Holding(phone, start, end))
        return [Handed(phone, start, line.opened[index - 1]) for start, _, index in spans[1:]]


def _when(evidence: Evidence) -> int:
    return evidence.seen_at if isinstance(evidence, Link) else evidence.at


def _in_order(evidence: Evidence) -> tuple[int, int, int, str]:
    what = (
        f"{evidence.kind} {evidence.event_id}"
        if isinstance(evidence, Link)
        else f"{evidence.decision} {evidence.by}"
    )
    return evidence.a, evidence.b, _when(evidence), what
