"""Small worlds of identities and links, told by name, and the merging that everybody writes first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from guanxi.customers.identity.decide import resolve
from guanxi.customers.identity.model import (
    Decision,
    Identity,
    Link,
    LinkKind,
    Person,
    Resolution,
    Verdict,
)

DAY = 86_400_000_000


def day_of(instant: int) -> int:
    return instant // DAY


class World:
    """Identities are named ``type:value`` or ``type/scope:value``; times are in days, fractions allowed."""

    def __init__(self) -> None:
        self.fragments: dict[str, int] = {}
        self.identities: list[Identity] = []
        self.links: list[Link] = []
        self.verdicts: list[Verdict] = []

    def __getitem__(self, name: str) -> int:
        return self.fragments[name]

    def name(self, fragment: int) -> str:
        return next(name for name, known in self.fragments.items() if known == fragment)

    def meet(self, name: str, day: float = 0) -> int:
        if name not in self.fragments:
            self.fragments[name] = len(self.fragments) + 1
        typed = name.partition(":")[0]
        type_, _, scope = typed.partition("/")
        self.identities.append(Identity(self.fragments[name], type_, scope, int(day * DAY)))
        return self.fragments[name]

    def link(self, day: float, *names: str, kind: LinkKind = LinkKind.OBSERVED, event: str = "") -> None:
        ends = [self.meet(name, day) for name in names]
        self.links += [
            Link(a, b, int(day * DAY), kind, event or f"e{len(self.links)}")
            for index, a in enumerate(ends)
            for b in ends[index + 1 :]
        ]

    def seen(self, day: float, *names: str) -> None:
        self.link(day, *names)

    def verified(self, day: float, *names: str) -> None:
        self.link(day, *names, kind=LinkKind.VERIFIED)

    def decide(self, day: float, a: str, decision: Decision, b: str) -> None:
        self.verdicts.append(Verdict(self[a], self[b], decision, int(day * DAY), "staff"))

    def join(self, day: float, a: str, b: str) -> None:
        self.decide(day, a, Decision.JOINED, b)

    def separate(self, day: float, a: str, b: str) -> None:
        self.decide(day, a, Decision.SEPARATED, b)

    def withdraw(self, day: float, a: str, b: str) -> None:
        self.decide(day, a, Decision.WITHDRAWN, b)

    def resolve(self) -> Resolution:
        return resolve(self.identities, self.links, self.verdicts, day_of)

    def people(self, day: int = 1000) -> set[frozenset[str]]:
        """Who holds what on one day, as sets of names."""
        return {
            frozenset(names)
            for person in self.resolve().people
            if (
                names := [
                    self.name(held.fragment)
                    for held in person.holdings
                    if held.from_day <= day < held.until_day
                ]
            )
        }

    def holder(self, name: str, day: int = 1000) -> frozenset[str]:
        return next(people for people in self.people(day) if name in people)

    def refusals(self) -> set[tuple[str, str, str]]:
        return {
            (self.name(refusal.evidence.a), self.name(refusal.evidence.b), refusal.code.value)
            for refusal in self.resolve().refusals
        }

    def naive(self) -> set[frozenset[str]]:
        return {
            frozenset(self.name(one) for one in part) for part in naive_people(self.identities, self.links)
        }


def naive_people(identities: Iterable[Identity], links: Iterable[Link]) -> set[frozenset[int]]:
    """Everything that was ever seen together is one person: the foil that our rules must beat."""
    part = {identity.fragment: {identity.fragment} for identity in identities}
    for link in links:
        if part[link.a] is not part[link.b]:
            part[link.a] |= part[link.b]
            for fragment in part[link.b]:
                part[fragment] = part[link.a]
    return {frozenset(one) for one in part.values()}


def holders(resolution: Resolution) -> dict[int, list[tuple[int, int, Person]]]:
    """For every fragment, its spans of days with their holders, in order."""
    spans: defaultdict[int, list[tuple[int, int, Person]]] = defaultdict(list)
    for person in resolution.people:
        for held in person.holdings:
            spans[held.fragment].append((held.from_day, held.until_day, person))
    return {
        fragment: sorted(of_one, key=lambda span: (span[0], span[1])) for fragment, of_one in spans.items()
    }


def holder_on(resolution: Resolution, fragment: int, day: int) -> Person:
    return next(person for start, end, person in holders(resolution)[fragment] if start <= day < end)
