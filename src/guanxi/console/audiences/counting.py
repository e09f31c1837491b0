"""How many members a rule is true of, for a page that somebody waits for: a first number at once, the exact one a moment later."""

from __future__ import annotations

from typing import Any

from guanxi.access.permissions import Permission
from guanxi.console.render import path
from guanxi.console.session import Asked
from guanxi.customers.audiences.model import Counted
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.members.model import MemberLine
from guanxi.customers.members.service import Members
from guanxi.rules import Node


def first(asked: Asked, rule: Node) -> Counted | None:
    """Return a number that is there at once, ``None`` if there is none: the exact one is on its way."""
    return asked.service(Audiences).count_now(asked.merchant, rule, sampled=True)


def exact(asked: Asked, rule: Node) -> tuple[Counted, list[MemberLine]]:
    """Return how many members a rule is true of, and the first ten of them for whoever may see members."""
    counted, ids = asked.service(Audiences).look(asked.merchant, rule)
    return counted, lines(asked, ids)


def lines(asked: Asked, ids: list[str]) -> list[MemberLine]:
    """Return members each in one line, in the order of their ids; none for whoever may not see members."""
    if not ids or not asked.may(Permission.MEMBERS_READ):
        return []
    with asked.context.database.reading() as tx:
        found = asked.service(Members).lines(tx, asked.merchant, ids)
    return [found[one] for one in ids if one in found]


def shown(counted: Counted) -> dict[str, Any]:
    """Return a count as its template needs it."""
    return {
        "members": counted.members,
        "of": counted.of,
        "share": counted.members / counted.of if counted.of else 0,
        "sample": counted.sample,
        "margin": counted.margin,
    }


def address(member: MemberLine) -> str:
    """Return where a member is shown."""
    return path("console", "members", member.member_id)
