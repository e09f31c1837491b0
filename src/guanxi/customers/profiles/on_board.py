"""Questions that the last board can answer, for those who wait: exact as of the board, or on a sample of its members.

A rule's own windows are read from the facts and mapped to members as the board was.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import ibis

from guanxi.customers.facts.model import needed
from guanxi.customers.profiles import wide
from guanxi.customers.profiles.everybody import Question
from guanxi.customers.profiles.model import MOVED, STABLE, Needs, needs
from guanxi.rules.relation import column_type
from guanxi.storage.engine import columns, is_empty, view

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import duckdb

    from guanxi.customers.facts.model import Shape
    from guanxi.customers.facts.service import Facts
    from guanxi.customers.profiles.model import BoardFiles, Vocabulary
    from guanxi.rules import Node
    from guanxi.storage.events.model import Position

_BOARD = "board"


@contextmanager
def on_board(
    facts: Facts,
    merchant_id: str,
    vocabulary: Vocabulary,
    files: BoardFiles,
    nodes: Collection[Node],
    as_of: int,
    position: Position,
    *,
    sampled: bool,
) -> Iterator[Question | None]:
    """Open everybody on a board, or its sample; ``None`` if it does not know enough to answer ``nodes``."""
    with facts.engine() as con:
        view(con, _BOARD, files.wide, f"member % {files.every} = 0" if sampled else "")
        there = columns(con, _BOARD)
        wanted = needs(vocabulary, nodes, there)
        shapes = needed(wanted.windows.values(), vocabulary.types)
        ready = not wanted.attributes and not wanted.derived
        if not ready or not _open(facts, con, merchant_id, files, shapes, position, sampled=sampled):
            yield None
            return
        named = needs(vocabulary, nodes)
        known = sorted(there & {*named.attributes, *(one.name for one in named.derived)})
        schema = {"member": "int64"} | {name: column_type(vocabulary.type_of(name)) for name in known}
        table = ibis.table(schema, name=_BOARD)
        steps = wide.Steps()
        windows = Needs(frozenset(), wanted.windows, ())
        moved = bool(shapes) and not is_empty(con, MOVED)
        table = wide.build(steps, windows, {}, vocabulary.types, as_of, moved=moved, cuts={}, base=table)
        yield Question(con, steps, table, as_of, {}, (position.epoch, position.number), tuple(shapes))


def _open(
    facts: Facts,
    con: duckdb.DuckDBPyConnection,
    merchant_id: str,
    files: BoardFiles,
    shapes: Mapping[str, Shape],
    position: Position,
    *,
    sampled: bool,
) -> bool:
    """Make the facts and the mapping readable; ``False`` if they are not there."""
    if not shapes:
        return True
    for name, path in ((STABLE, files.stable), (MOVED, files.moved)):
        view(con, name, path)
    if not sampled:
        return facts.expose(con, merchant_id, facts.refresh(con, merchant_id, shapes), shapes, position)
    for key, shape in shapes.items():
        path = files.sample(key)
        if not path.exists():
            return False
        view(con, key, path)
        if not {column.name for column in shape.columns} <= columns(con, key):
            return False
    return True
