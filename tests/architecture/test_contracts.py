"""Our own import contracts, on small houses made for the purpose."""

from __future__ import annotations

import pytest
from grimp import ImportGraph

from tools import contracts


def house(*imports: tuple[str, str]) -> ImportGraph:
    """A graph of modules, with every package above them, and these imports."""
    graph = ImportGraph()
    for module in {module for pair in imports for module in pair}:
        if not module.startswith("g"):
            graph.add_module(module, is_squashed=True)
            continue
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            graph.add_module(".".join(parts[:length]))
    for importer, imported in imports:
        graph.add_import(importer=importer, imported=imported, line_number=1, line_contents="import")
    return graph


def impure(*imports: tuple[str, str]) -> list[tuple[str, ...]]:
    return contracts.impure_chains(house(*imports), "g", ["g.kernel"], ["sqlalchemy", "g.storage"])


def test_a_package_with_a_room_is_a_slice() -> None:
    graph = house(("g.people.names.service", "g.people.names.model"), ("g.cli.jobs", "g.kernel.ids"))
    assert contracts.slices(graph, "g") == {"g.people.names"}


@pytest.mark.parametrize(
    ("imports", "broken"),
    [
        ([("g.a.decide", "g.a.model"), ("g.a.model", "g.kernel.ids")], []),
        ([("g.a.store", "sqlalchemy")], []),
        ([("g.a.model", "sqlalchemy")], [("g.a.model", "sqlalchemy")]),
        ([("g.kernel.ids", "g.storage.db")], [("g.kernel.ids", "g.storage.db")]),
        (
            [("g.a.decide", "g.b.helper"), ("g.b.helper", "sqlalchemy")],
            [("g.a.decide", "g.b.helper", "sqlalchemy")],
        ),
        ([("g.a.decide", "g.storage.log.model")], []),
        (
            [("g.a.decide", "g.storage.log.model"), ("g.storage.log.model", "sqlalchemy")],
            [("g.a.decide", "g.storage.log.model", "sqlalchemy"), ("g.storage.log.model", "sqlalchemy")],
        ),
        (
            [("g.a.model.parts", "sqlalchemy"), ("g.a.service", "g.a.model")],
            [("g.a.model.parts", "sqlalchemy")],
        ),
    ],
)
def test_values_and_decisions_are_pure(imports: list[tuple[str, str]], broken: list[tuple[str, ...]]) -> None:
    assert impure(*imports) == broken


@pytest.mark.parametrize(
    ("imports", "broken"),
    [
        ([("g.a.jobs", "g.a.service"), ("g.a.service", "g.a.store"), ("g.a.store", "g.a.model")], []),
        ([("g.a.store", "g.a.service")], [("g.a.store", "g.a.service")]),
        (
            [("g.a.decide", "g.a.helper"), ("g.a.helper", "g.a.store")],
            [("g.a.decide", "g.a.helper", "g.a.store")],
        ),
        ([("g.a.store", "g.b.service")], []),
    ],
)
def test_rooms_are_layers(imports: list[tuple[str, str]], broken: list[tuple[str, ...]]) -> None:
    assert contracts.climbing_chains(house(*imports), "g") == broken


@pytest.mark.parametrize(
    ("imports", "broken"),
    [
        ([("g.a.service", "g.a.store"), ("g.b.service", "g.a.service"), ("g.wiring", "g.a.jobs")], []),
        ([("g.b.service", "g.a.store")], [("g.b.service", "g.a.store")]),
        ([("g.api.jobs", "g.a.jobs")], [("g.api.jobs", "g.a.jobs")]),
        ([("g.b.service", "g.a.store.rows")], [("g.b.service", "g.a.store.rows")]),
        ([("g.a", "g.a.model"), ("g.a", "g.a.decide")], []),
        ([("g.a", "g.a.service")], [("g.a", "g.a.service")]),
        (
            [("g.people", "g.people.a.store"), ("g.people.a.model", "g.kernel.ids")],
            [("g.people", "g.people.a.store")],
        ),
    ],
)
def test_a_slice_has_two_doors(imports: list[tuple[str, str]], broken: list[tuple[str, ...]]) -> None:
    graph = house(*imports)
    found = {*contracts.trespasses(graph, "g", ["g.wiring"]), *contracts.leaking_doors(graph, "g")}
    assert found == set(broken)


def test_the_kernel_needs_nothing_but_python() -> None:
    graph = house(
        ("g.kernel.ids", "secrets"),
        ("g.kernel.ids", "g.kernel.text"),
        ("g.kernel.ids", "numpy"),
        ("g.kernel.ids", "g.a"),
    )
    assert contracts.strangers(graph, ["g.kernel"]) == [("g.kernel.ids", "g.a"), ("g.kernel.ids", "numpy")]
