"""Import contracts of our own: they find slices by their rooms, so that a new one is held to the rules unasked.

A *slice* is a package with at least one room: ``model``, ``decide``, ``store``, ``service`` or ``jobs``. The edges
(``api``, ``cli``, ``console``) have no slices: a page about jobs may be called so.
"""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any, cast

from importlinter import Contract, ContractCheck, fields, output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grimp import ImportGraph

ROOMS = ("jobs", "service", "store", "decide", "model")
"""From high to low; a room may import those to its right."""

PURE_ROOMS = frozenset({"decide", "model"})
EDGES = frozenset({"api", "cli", "console"})
CLOSED_ROOMS = frozenset({"jobs", "store"})

Chain = tuple[str, ...]


def slices(graph: ImportGraph, root: str) -> set[str]:
    """Packages under ``root``, edges aside, that have a room."""
    return {
        module.rpartition(".")[0]
        for module in graph.modules
        if module.startswith(f"{root}.") and _name(module) in ROOMS and module.split(".")[1] not in EDGES
    }


def impure_chains(
    graph: ImportGraph, root: str, pure: Iterable[str], unreachable: Iterable[str]
) -> list[Chain]:
    """For every pure module that reaches an unreachable one, the shortest way there.

    Pure are ``model`` and ``decide`` of every slice, and the packages ``pure``. A pure module inside an unreachable
    package may be imported: it is held to the same rule.
    """
    clean = _below(graph, pure) | _below(
        graph, (f"{slice_}.{room}" for slice_ in slices(graph, root) for room in PURE_ROOMS)
    )
    forbidden = _below(graph, unreachable) - clean
    chains: list[Chain] = []
    for module in sorted(clean):
        reached = sorted(graph.find_upstream_modules(module) & forbidden)
        found = [graph.find_shortest_chain(importer=module, imported=target) for target in reached]
        chains += sorted((chain for chain in found if chain), key=lambda chain: (len(chain), chain))[:1]
    return chains


def climbing_chains(graph: ImportGraph, root: str) -> list[Chain]:
    """Ways from a room of a slice up to a higher room of the same slice."""
    found = graph.find_illegal_dependencies_for_layers(layers=ROOMS, containers=slices(graph, root))
    chains: list[Chain] = []
    for dependency in found:
        route = min(dependency.routes, key=lambda route: len(route.middle))
        chains.append((min(route.heads), *route.middle, min(route.tails)))
    return sorted(chains)


def trespasses(graph: ImportGraph, root: str, keys: Iterable[str]) -> list[Chain]:
    """Imports of a slice's ``store`` or ``jobs`` by anybody but the slice itself and the packages ``keys``."""
    allowed = _below(graph, keys)
    chains: list[Chain] = []
    for slice_ in slices(graph, root):
        own = _below(graph, [slice_])
        for room in _below(graph, (f"{slice_}.{name}" for name in CLOSED_ROOMS)):
            guests = graph.find_modules_that_directly_import(room) - own - allowed
            chains += [(guest, room) for guest in guests]
    return sorted(chains)


def leaking_doors(graph: ImportGraph, root: str) -> list[Chain]:
    """Imports by a slice's, or its capability's, ``__init__`` of a room that is not pure.

    Whoever imports a package runs its ``__init__``: were ``service`` in it, no pure room could import the package.
    """
    found = slices(graph, root)
    above = {slice_.rpartition(".")[0] for slice_ in found}
    return sorted(
        (package, imported)
        for package in found | above
        for imported in graph.find_modules_directly_imported_by(package)
        if imported.startswith(f"{root}.") and _name(imported) in ROOMS and _name(imported) not in PURE_ROOMS
    )


def strangers(graph: ImportGraph, packages: Iterable[str]) -> list[Chain]:
    """Imports by ``packages`` of anything but themselves and the standard library."""
    own = _below(graph, packages)
    return sorted(
        (module, imported)
        for module in own
        for imported in graph.find_modules_directly_imported_by(module) - own
        if imported.partition(".")[0] not in sys.stdlib_module_names
    )


def _name(module: str) -> str:
    return module.rpartition(".")[2]


def _below(graph: ImportGraph, packages: Iterable[str]) -> set[str]:
    modules: set[str] = set()
    for package in packages:
        if package in graph.modules:
            modules.add(package)
            if not graph.is_module_squashed(package):
                modules |= graph.find_descendants(package)
    return modules


class _Chains(Contract):
    """A contract that is broken by chains of imports."""

    def find(self, graph: ImportGraph, root: str) -> list[Chain]:
        """Give the chains of imports that break the contract."""
        raise NotImplementedError

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001 - their signature
        broken = [
            chain
            for root in cast("list[str]", self.session_options["root_packages"])
            for chain in self.find(graph, root)
        ]
        lines = [_explain(graph, chain) for chain in broken]
        return ContractCheck(kept=not broken, metadata={"lines": lines})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["lines"]:
            output.print_error(line)
        output.new_line()


def _explain(graph: ImportGraph, chain: Chain) -> str:
    steps = []
    for importer, imported in itertools.pairwise(chain):
        details = graph.get_import_details(importer=importer, imported=imported)
        where = f" (l.{details[0]['line_number']})" if details else ""
        steps.append(f"{importer}{where}")
    return " -> ".join([*steps, chain[-1]])


class PureContract(_Chains):
    """Values and decisions reach no database, no network, no clockwork."""

    type_name = "pure"
    pure: Any = fields.ListField(subfield=fields.StringField())
    unreachable: Any = fields.ListField(subfield=fields.StringField())

    def find(self, graph: ImportGraph, root: str) -> list[Chain]:  # noqa: D102
        return impure_chains(graph, root, self.pure, self.unreachable)


class StandardLibraryContract(_Chains):
    """Packages that need nothing but Python."""

    type_name = "standard_library"
    packages: Any = fields.ListField(subfield=fields.StringField())

    def find(self, graph: ImportGraph, root: str) -> list[Chain]:  # noqa: ARG002, D102
        return strangers(graph, self.packages)


class RoomsContract(_Chains):
    """Inside a slice: jobs / service / store / decide / model."""

    type_name = "rooms"

    def find(self, graph: ImportGraph, root: str) -> list[Chain]:  # noqa: D102
        return climbing_chains(graph, root)


class DoorsContract(_Chains):
    """From outside a slice: its model and decide, and its service; not its store, not its jobs."""

    type_name = "doors"
    keys: Any = fields.ListField(subfield=fields.StringField())

    def find(self, graph: ImportGraph, root: str) -> list[Chain]:  # noqa: D102
        return [*trespasses(graph, root, self.keys), *leaking_doors(graph, root)]
