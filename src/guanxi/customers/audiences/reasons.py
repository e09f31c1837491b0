"""What only a batch can know of one member, as the last board has it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from guanxi.customers.profiles.model import named, needs
from guanxi.kernel.clock import date_to_day
from guanxi.rules import InAudience, Node, Window, walk
from guanxi.rules.model import Attribute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guanxi.customers.boards.service import Boards
    from guanxi.customers.profiles.model import Vocabulary
    from guanxi.customers.profiles.service import Profiles
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant


class OnBoard(NamedTuple):
    """Values by name, as of the end of ``day``; none if there is no board that can tell."""

    values: Mapping[str, Any]
    day: int | None = None


def batch_only(rule: Node, vocabulary: Vocabulary) -> list[Node]:
    """Return what a rule names that only a batch can answer, each once."""
    found: dict[str, Node] = {}
    for node in walk(rule):
        if isinstance(node, Attribute | InAudience | Window) and not needs(vocabulary, [node]).online:
            found.setdefault(node.name, node)
    return list(found.values())


def on_board(
    profiles: Profiles,
    boards: Boards,
    tx: Transaction,
    merchant: Merchant,
    vocabulary: Vocabulary,
    member: int,
    nodes: list[Node],
) -> OnBoard:
    """Return what ``nodes`` are of a member on the last board, with the windows that a rule names itself."""
    merchant_id = merchant.merchant_id
    board = boards.live(tx, merchant_id)
    if not nodes or board is None or board.release != vocabulary.release:
        return OnBoard({})
    opened = profiles.on_board(
        tx, merchant_id, vocabulary, boards.files(merchant_id, board), nodes, board.as_of, sampled=False
    )
    names = sorted(named(nodes))
    with opened as asked:
        if asked is None:
            return OnBoard({})
        table = asked.table
        rows = asked.rows(table.filter(table.member == member).select(*names))
    if not rows:
        return OnBoard({})
    return OnBoard(dict(zip(names, map(_plain, rows[0]), strict=True)), board.as_of)


def _plain(value: Any) -> Any:
    """Return a value of a board as rules hold it."""
    if isinstance(value, datetime.date):
        return date_to_day(value)
    return frozenset(value) if isinstance(value, list) else value
