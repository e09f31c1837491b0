"""What may be known of a member and where it comes from. Values of one member and columns of all have the same names.

Attributes have their own name, windows and memberships the text by which a rule names them (``Window.name``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from guanxi.kernel.text import Text
from guanxi.rules import Catalogue, InAudience, Node, Type, Window, walk
from guanxi.rules.catalogue import Known
from guanxi.rules.model import Attribute

if TYPE_CHECKING:
    import pyarrow as pa

    from guanxi.customers.events.model import EventType

PEOPLE, STABLE, MOVED = "people", "stable", "moved"
"""Tables: members with their attributes; fragments of one member for ever; fragments that change hands, with their days."""

Values = Mapping[str, Any]
"""Values of one member by name; ``None`` is unknown. Days are days since 1970-01-01, sets are frozensets of texts."""


class Everybody(NamedTuple):
    """All known members and who held what; members and fragments in order.

    ``people``: member, first_seen (µs). ``stable``: fragment, owner, of fragments that were never anybody else's.
    ``moved``: fragment, from_day, until_day, owner, of the others. All are int64.
    """

    people: pa.Table
    stable: pa.Table
    moved: pa.Table


class Provider(Protocol):
    """Brings attributes of members that another capability knows; wired in ``bootstrap``.

    A provider answers for one and for all alike: what ``of`` says of a member stands in that member's row of ``table``.
    ``tx`` is an open ``storage.database.Transaction``.
    """

    def attributes(self, tx: Any, merchant_id: str) -> Mapping[str, Known]:
        """Return the attributes there are, with their types."""
        ...

    def of(
        self, tx: Any, merchant_id: str, members: Sequence[int], names: Collection[str]
    ) -> Mapping[int, Values]:
        """Return the named attributes of members; who is missing, and what, is unknown."""
        ...

    def table(self, tx: Any, merchant_id: str, names: Collection[str], everybody: Everybody) -> pa.Table:
        """Return the named attributes of everybody: ``member`` (int64) and a column each, of ``rules.column_type``."""
        ...


class Bucket(NamedTuple):
    """What one fragment did on one day, in one series."""

    day: int
    fragment: int
    series: int
    n: int
    total: int
    low: int
    high: int


class BoardFiles(NamedTuple):
    """Where the parts of a board lie; one in ``every`` members is in its sample (1: there is none)."""

    folder: Path
    every: int

    @property
    def wide(self) -> Path:
        """Everybody with all that is known of them."""
        return self.folder / "wide.parquet"

    @property
    def changes(self) -> Path:
        """What differs from the board before."""
        return self.folder / "changes.parquet"

    @property
    def stable(self) -> Path:
        """Who held which fragment, as the table ``STABLE``."""
        return self.folder / "stable.parquet"

    @property
    def moved(self) -> Path:
        """Who held which fragment when, as the table ``MOVED``."""
        return self.folder / "moved.parquet"

    def sample(self, table: str) -> Path:
        """Return the file of a table's facts about the members of the sample."""
        return self.folder / f"sample-{table.replace('/', '-')}.parquet"


class Quintile(NamedTuple):
    """The fifth of the members among whom a value ranks: 1 to 5, of those for whom ``among`` is true.

    ``reverse``: the smallest values are in the fifth fifth.
    """

    of: Node
    among: Node | None
    reverse: bool


@dataclass(frozen=True, slots=True)
class Derived:
    """A value that follows from others: by a rule, or by rank among all members.

    ``values`` are all it can be; ``told`` if its changes are events. A ``membership`` is true or false, never unknown.
    """

    name: str
    label: Text
    type: Type
    source: Node | Quintile
    values: Mapping[str, Text] = field(default_factory=dict)
    told: bool = False
    membership: bool = False

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Return the rules that it follows from."""
        if isinstance(self.source, Quintile):
            return (self.source.of,) if self.source.among is None else (self.source.of, self.source.among)
        return (self.source,)


class Declared(NamedTuple):
    """An attribute that comes in with events: ``source`` is its name there."""

    source: str
    known: Known


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything that can be asked about a merchant's members.

    ``provided`` attributes come from providers, ``declared`` ones with events; ``derived`` follow from definitions, in an
    order in which each follows from those before; ``lists`` name the audiences whose members were put in. ``catalogue``
    is what rules may name: all of it. ``release`` says which state of the definitions this is.
    """

    types: Mapping[str, EventType]
    provided: Mapping[str, Known]
    declared: Mapping[str, Declared]
    derived: Mapping[str, Derived]
    lists: frozenset[str]
    catalogue: Catalogue
    release: int = 0

    def type_of(self, name: str) -> Type:
        """Return the type of an attribute, a derived value or a membership."""
        known = self.catalogue.attributes.get(name)
        return known.type if known is not None else Type.BOOL


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be known to answer a question: attributes and lists by name, windows, and what follows, in order."""

    attributes: frozenset[str]
    windows: Mapping[str, Window]
    derived: tuple[Derived, ...]

    @property
    def online(self) -> bool:
        """Say whether the daily buckets can answer."""
        return all(window.online for window in self.windows.values())


def named(nodes: Collection[Node]) -> set[str]:
    """Return the names that rules stand on themselves."""
    found = (one for node in nodes for one in walk(node))
    return {one.name for one in found if isinstance(one, Attribute | InAudience | Window)}


def needs(vocabulary: Vocabulary, nodes: Collection[Node], known: Collection[str] = ()) -> Needs:
    """Return what rules need, through everything they name; what is ``known`` already needs nothing."""
    attributes: set[str] = set()
    windows: dict[str, Window] = {}
    derived: set[str] = set()
    waiting, seen = list(nodes), set(known)
    while waiting:
        for node in walk(waiting.pop()):
            if not isinstance(node, Attribute | InAudience | Window) or node.name in seen:
                continue
            seen.add(node.name)
            if isinstance(node, Window):
                windows[node.name] = node
            elif node.name in vocabulary.derived:
                derived.add(node.name)
                waiting.extend(vocabulary.derived[node.name].nodes)
            else:
                attributes.add(node.name)
    ordered = tuple(one for name, one in vocabulary.derived.items() if name in derived)
    return Needs(frozenset(attributes), windows, ordered)
