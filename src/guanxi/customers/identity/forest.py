"""The forest in which people grow: union-find whose parts know what they must not become.

A phone changes hands, so it is not one node but a *line* of generations, each from a day until before the next. Nodes
are numbered in the order in which fragments are canonical, and a part's root is its smallest node: the root is the
part's name.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from guanxi.customers.identity.kinds import Kind
from guanxi.customers.identity.model import (
    FIRST_DAY,
    LAST_DAY,
    Code,
    Evidence,
    Handed,
    Holding,
    Identity,
    Join,
    Link,
    LinkKind,
    Person,
    Refusal,
    Resolution,
    Shared,
)

DayOf = Callable[[int], int]
Pair = tuple[int, int]
Step = tuple[int, int, int, int, bool, Evidence]
"""Place in the canonical order, instant, the nodes of its ends, whether the evidence is a verdict, the evidence."""

# The canonical order. What systems of record say about their own accounts comes before what contacts suggest, because
# only with it can the verification of a phone show that the phone has changed hands.
BY_HAND, ACCOUNTS_VERIFIED, ACCOUNTS_OBSERVED, CONTACTS_VERIFIED, CLAIMS, TWO_PHONES, CONTACTS = range(7)
STAGE = 1_000
"""Places in one stage: more than any strength needs."""


def place(stage: int, strength: int) -> int:
    """Return where evidence stands in the canonical order: stronger first; claims on phones by time alone."""
    return (stage + 1) * STAGE - (2 * strength if stage != CLAIMS else 1)


_NONE: dict[tuple[str, str], int] = {}


class _Line:
    """The generations of one phone: the day each begins, its node, and the evidence that opened it but the first."""

    __slots__ = ("nodes", "opened", "starts")

    def __init__(self, node: int) -> None:
        self.starts = [FIRST_DAY]
        self.nodes = [node]
        self.opened: list[Evidence] = []

    def on(self, day: int) -> int:
        return self.nodes[bisect_right(self.starts, day) - 1]


class Forest:
    """Parts of people, growing together one step at a time."""

    def __init__(
        self,
        known: Mapping[int, Identity],
        kind_of: Mapping[int, Kind],
        shared: Mapping[int, Shared],
        separated: Iterable[Pair],
    ) -> None:
        self.known, self.shared = known, shared
        ranked = sorted(
            (2 if kind_of[fragment].reassignable else int(fragment in shared), one[3], fragment)
            for fragment, one in known.items()
        )
        self.fragment = [fragment for _, _, fragment in ranked]
        self.node = {fragment: node for node, fragment in enumerate(self.fragment)}
        self.parent = list(range(len(ranked)))
        self.kinds = [kind_of[fragment] for fragment in self.fragment]
        self.accounts: dict[int, dict[tuple[str, str], int]] = {}
        self.foes_of: defaultdict[int, dict[int, int]] = defaultdict(dict)
        self.lines: dict[int, _Line] = {}
        self.made: list[tuple[int, int, int, int, Evidence]] = []
        self.refusals: list[Refusal] = []
        for a, b in sorted(separated):
            if a != b and a in known and b in known:
                self.foes_of[a][b] = a
                self.foes_of[b][a] = b
        self.foes = {self.node[one]: dict(foes) for one, foes in self.foes_of.items()}

    def _find(self, node: int) -> int:
        parent = self.parent
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    def join(self, steps: Iterable[Step], day_of: DayOf) -> None:
        """Take steps in their order: join the two parts of each, or note why not."""
        parent, lines = self.parent, self.lines
        for _, at, a, b, _, evidence in steps:
            left, right = a, b
            if a in lines or b in lines:
                if a == b:
                    self._continue(lines[a])
                    continue
                left, right = self._at(a, day_of(at)), self._at(b, day_of(at))
            while parent[left] != left:
                parent[left] = left = parent[parent[left]]
            while parent[right] != right:
                parent[right] = right = parent[parent[right]]
            if left != right:
                self._join(left, right, a, b, evidence)

    def claim(self, steps: Iterable[Step], day_of: DayOf) -> None:
        """Take claims on phones in their order: a phone goes to whoever vouches for it.

        If somebody else holds it, it does so from that day on. The first claim always begins a generation, because
        sightings before it may show that somebody else held the phone by then.
        """
        for _, at, a, b, _, evidence in steps:
            phone, claimant = (a, self._find(b)) if self.kinds[a].reassignable else (b, self._find(a))
            fragment = self.fragment[phone]
            foe = self.foes.get(claimant, {}).get(fragment)
            if foe is not None:
                self._refuse(evidence, Code.SEPARATED, *((fragment, foe) if phone == a else (foe, fragment)))
                continue
            line = self.lines.get(phone)
            if line is None or self._clash(self._find(line.nodes[-1]), claimant) is not None:
                line = self._open(phone, day_of(at), evidence)
            holder = self._find(line.nodes[-1])
            if holder != claimant:
                ends = (holder, claimant) if phone == a else (claimant, holder)
                self._join(*ends, a, b, evidence)

    def _open(self, phone: int, day: int, evidence: Evidence) -> _Line:
        line = self.lines.setdefault(phone, _Line(phone))
        node, fragment = len(self.parent), self.fragment[phone]
        self.parent.append(node)
        self.fragment.append(fragment)
        self.kinds.append(self.kinds[phone])
        if fragment in self.foes_of:
            self.foes[node] = dict(self.foes_of[fragment])
        line.starts.append(day)
        line.nodes.append(node)
        line.opened.append(evidence)
        return line

    def continuities(self) -> list[Step]:
        """Return the steps that carry a phone's first claim back to its past, if nobody else held it then.

        They come right after the phone's own sightings with accounts. The past of a shared phone is nobody's.
        """
        return [
            (
                place(CONTACTS, self.kinds[phone].strength) + 1,
                _when(line.opened[0]),
                phone,
                phone,
                False,
                line.opened[0],
            )
            for phone, line in self.lines.items()
            if self.fragment[phone] not in self.shared
        ]

    def _continue(self, line: _Line) -> None:
        past, present = self._find(line.nodes[0]), self._find(line.nodes[1])
        if past != present and self._clash(past, present) is None:
            self._unite(past, present)

    def _at(self, node: int, day: int) -> int:
        line = self.lines.get(node)
        return node if line is None else line.on(day)

    def _accounts(self, root: int) -> dict[tuple[str, str], int]:
        found = self.accounts.get(root)
        if found is None:
            if not self.kinds[root].exclusive:
                return _NONE
            fragment = self.fragment[root]
            found = self.accounts[root] = {self.known[fragment][1:3]: fragment}
        return found

    def _join(self, left: int, right: int, a: int, b: int, evidence: Evidence) -> None:
        clash = self._clash(left, right)
        if clash is None:
            self._unite(left, right)
            self.made.append((left, right, a, b, evidence))
        else:
            self._refuse(evidence, *clash)

    def _refuse(self, evidence: Evidence, code: Code, ours: int, theirs: int) -> None:
        mine, other = self.known[ours], self.known[theirs]
        if code is Code.EXCLUSIVE_CONFLICT and isinstance(evidence, Link):
            ends = self.kinds[self.node[evidence.a]], self.kinds[self.node[evidence.b]]
            if evidence.kind is LinkKind.OBSERVED and (ends[0].reassignable or ends[1].reassignable):
                code = Code.NEEDS_VERIFICATION
        scope = "" if code is Code.SEPARATED else mine.scope
        self.refusals.append(Refusal(evidence, code, ours, theirs, mine.type, other.type, scope))

    def _clash(self, left: int, right: int) -> tuple[Code, int, int] | None:
        """Say what keeps two parts from being one person, if anything: the fragments on the left and on the right."""
        if left in self.foes and right in self.foes:
            met = [
                (own, foe)
                for foe, own in self.foes[left].items()
                if any(self._find(node) == right for node in self._nodes(foe))
            ]
            if met:
                return Code.SEPARATED, *min(met)
        mine, theirs = self._accounts(left), self._accounts(right)
        if not mine or not theirs:
            return None
        few, many = (mine, theirs) if len(mine) <= len(theirs) else (theirs, mine)
        different = [name for name, value in few.items() if many.get(name, value) != value]
        if not different:
            return None
        name = max(different, key=lambda name: (self.kinds[self.node[mine[name]]].strength, name))
        return Code.EXCLUSIVE_CONFLICT, mine[name], theirs[name]

    def _nodes(self, fragment: int) -> list[int]:
        node = self.node[fragment]
        line = self.lines.get(node)
        return [node] if line is None else line.nodes

    def _unite(self, left: int, right: int) -> None:
        root, branch = (left, right) if left < right else (right, left)
        self.parent[branch] = root
        fewer = self._accounts(branch)
        if fewer:
            more = self._accounts(root)
            if len(more) < len(fewer):
                more, fewer = fewer, more
            more.update(fewer)
            self.accounts[root] = more
            del self.accounts[branch]
        if branch in self.foes:
            ours, theirs = self.foes.get(root, {}), self.foes.pop(branch)
            if len(ours) < len(theirs):
                ours, theirs = theirs, ours
            for foe, own in theirs.items():
                ours[foe] = min(own, ours.get(foe, own))
            self.foes[root] = ours

    def resolution(self) -> Resolution:
        """Return what has been found, in an order that depends on the input's content alone."""
        kinds, fragment_of, root_of = self.kinds, self.fragment, self.parent
        for node, parent in enumerate(root_of):  # parents are smaller, so they already point to their roots
            root_of[node] = root_of[parent]
        holdings: defaultdict[int, list[Holding]] = defaultdict(list)
        joins: defaultdict[int, list[Join]] = defaultdict(list)
        handed: list[Handed] = []
        for fragment in sorted(self.node):
            node = self.node[fragment]
            line = self.lines.get(node)
            if line is None:
                holdings[root_of[node]].append(Holding(fragment, FIRST_DAY, LAST_DAY))
            else:
                handed += self._hold(fragment, line, holdings)
        for left, right, a, b, evidence in self.made:
            joins[root_of[left]].append(
                Join(evidence, fragment_of[left], fragment_of[right], kinds[a].key, kinds[b].key)
            )
        people = [
            Person(fragment_of[root], tuple(held), tuple(joins.get(root, ())))
            for root, held in holdings.items()
        ]
        return Resolution(
            tuple(sorted(people)),
            tuple(sorted(self.refusals, key=lambda refusal: _in_order(refusal.evidence))),
            self.shared,
            tuple(handed),
        )

    def _hold(self, phone: int, line: _Line, holdings: defaultdict[int, list[Holding]]) -> list[Handed]:
        """Divide the days of a phone among its holders."""
        spans: list[tuple[int, int, int]] = []
        for index, (start, node) in enumerate(zip(line.starts, line.nodes, strict=True)):
            overtaken = index + 1 < len(line.starts) and line.starts[index + 1] == start
            root = self._find(node)
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
