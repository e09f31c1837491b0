"""Members picked by a rule or an audience, as the list and its address say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from guanxi.access import Permission
from guanxi.console.session import Asked
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.members.model import MemberLine
from guanxi.customers.members.service import Members
from guanxi.customers.stages.model import rule_of, way
from guanxi.customers.stages.service import Stages
from guanxi.kernel.ids import fragment_of
from guanxi.kernel.paging import InvalidCursor
from guanxi.rules import BadRule, InAudience, Node, sentence
from guanxi.rules.unparse import text

_PAGE = 50
_MOST_LETTERS = 4_000


class Picked(NamedTuple):
    """What members are picked by: an audience, a rule as it was written, or both.

    ``said`` says each in words, under its name in the address; ``problem`` why the rule cannot be used. ``plain`` is the
    canonical text of the rule by itself, empty without one that can be used.
    """

    rule: str
    audience: str
    node: Node | None
    said: Mapping[str, str]
    problem: str
    plain: str = ""

    @property
    def text(self) -> str:
        """Return it as the text of one rule."""
        return _together(self.audience, self.rule)


class Found(NamedTuple):
    """A page of members; ``total`` is known on the first one."""

    lines: list[MemberLine]
    next_cursor: str | None
    total: int | None


def picked(asked: Asked) -> Picked | None:
    """Return what the address picks members by, if it does and the reader may ask."""
    audience = asked.query.get("audience", "").strip()[:100]
    rule = asked.query.get("rule", "").strip()[:_MOST_LETTERS]
    if not (audience or rule) or not asked.may(Permission.AUDIENCES_READ):
        return None
    service = asked.service(Audiences)
    catalogue = service.vocabulary(asked.merchant).catalogue
    said: dict[str, str] = {}
    if audience in catalogue.audiences:
        said["audience"] = catalogue.audiences[audience].in_(asked.language)
    else:
        audience = ""
    if not rule:
        return Picked("", audience, InAudience(audience), said, "") if audience else None
    try:
        # The rule by itself, so that what is wrong with it is named where it was written.
        alone = service.rule(asked.merchant, rule)
        said["rule"] = sentence(alone, catalogue, asked.language)
        node = service.rule(asked.merchant, _together(audience, rule))
        return Picked(rule, audience, node, said, "", text(alone))
    except BadRule as error:
        return Picked(rule, audience, None, said, error.say(asked.language))


def _together(audience: str, rule: str) -> str:
    if not audience:
        return rule
    return f"in_audience('{audience}')" + (f" and ({rule})" if rule else "")


def members(asked: Asked, node: Node, cursor: str | None) -> Found:
    """Return a page of those of whom a rule is true, in an order that stays; raises ``InvalidCursor``."""
    after = cursor or ""
    try:
        fragment_of(after) if after else None
    except ValueError as error:
        raise InvalidCursor from error
    audiences, total = asked.service(Audiences), None
    if after:
        ids = audiences.members(asked.merchant, node, after=after, limit=_PAGE + 1)
    else:
        counted, ids = audiences.look(asked.merchant, node, limit=_PAGE + 1)
        total = counted.members
    shown = ids[:_PAGE]
    with asked.context.database.reading() as tx:
        lines = asked.service(Members).lines(tx, asked.merchant, shown)
    return Found(
        [lines[one] for one in shown if one in lines], shown[-1] if len(ids) > _PAGE else None, total
    )


def audiences(asked: Asked) -> list[tuple[str, str]]:
    """Return the audiences one may choose from, with their names; none for who may not see them."""
    if not asked.may(Permission.AUDIENCES_READ):
        return []
    known = asked.service(Audiences).vocabulary(asked.merchant).catalogue.audiences
    return sorted(((key, label.in_(asked.language)) for key, label in known.items()), key=lambda one: one[1])


def stages(asked: Asked) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the traits whose values are declared, each with a rule per value and its name, in the loop's order.

    None for who may not ask by a rule.
    """
    if not asked.may(Permission.AUDIENCES_READ):
        return []
    with asked.context.database.reading() as tx:
        traits = asked.service(Stages).traits(tx, asked.merchant)
    found = []
    for one in traits.values():
        on, beside = way(one.values)
        values = [(rule_of(one.name, key), one.values[key].in_(asked.language)) for key in (*on, *beside)]
        found.append((one.label.in_(asked.language), values))
    return found
