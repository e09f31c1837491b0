"""Audiences, and what is known of a member, as the API shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field

from guanxi.api.happenings import both
from guanxi.api.paging import Paged
from guanxi.api.problems import BothLanguages
from guanxi.api.values import Day, Instant, Output
from guanxi.customers.audiences.decide import plain
from guanxi.customers.audiences.model import AudienceLine, Counted, KnownValue, Put
from guanxi.customers.profiles.model import Vocabulary, needs
from guanxi.rules import BadRule, Node, Problem, Type, parse, sentence
from guanxi.rules.model import place


class AudienceLineView(Output):
    """An audience in a list, as large as it was when all were counted last."""

    id: str = Field(description="its key")
    label: BothLanguages
    note: BothLanguages
    static: bool = Field(description="whether its members are put in; otherwise they follow a rule")
    rule: str = Field(description="empty if it is static")
    version: int
    size: int | None = Field(description="null if it was not counted yet")
    entered: int = Field(description="who came in since the count before")
    left: int = Field(description="who went since the count before")
    counted_at: Instant | None


class AudienceList(Output):
    """Every audience, by key."""

    items: list[AudienceLineView]


class AudienceView(AudienceLineView):
    """An audience."""

    sentence: BothLanguages | None = Field(
        description="the rule in words; null if it is static, or names what is not there any more"
    )
    online: bool = Field(
        description="whether it is known of one member at once; otherwise as of the last count of all"
    )


class SizeView(Output):
    """How large an audience was at the end of a day, and who had come and gone on it."""

    day: Day
    size: int
    entered: int
    left: int


class SizeList(Output):
    """The days on which an audience was counted, the oldest first."""

    items: list[SizeView]


class MemberIdPage(Paged[str]):
    """Ids of some members."""


class CountView(Output):
    """How many members a rule is true of."""

    members: int
    of: int = Field(description="how many members there are")
    as_of: Day = Field(description="at the end of this day")
    sample: int = Field(description="how many members were asked; 0 if all were, and `members` is exact")
    margin: int = Field(description="`members` more or less this many, in 95 of 100 samples")


class OverlapView(Output):
    """How many members two rules are true of."""

    one: int
    other: int
    both: int
    as_of: Day


class BadRowView(Output):
    """A value that names nobody."""

    index: int = Field(description="its place among the values, from 0")
    message: BothLanguages


class PutView(Output):
    """What became of a list."""

    rows: int = Field(description="values that name somebody")
    added: int = Field(description="identities that were not in the audience before")
    known: int = Field(description="how many of the identities are members'; the others may become some")
    bad: int = Field(description="values that name nobody; they were skipped")
    examples: list[BadRowView] = Field(description="the first of those")


class RuleProblem(Output):
    """One thing that is wrong with a rule."""

    code: str
    start: int = Field(description="where it begins in the rule, in characters from 0")
    end: int
    line: int = Field(description="the same place, from 1")
    column: int
    message: BothLanguages
    nearest: str = Field(description="the right name that is most like the wrong one, or empty")


class RuleView(Output):
    """What a rule is."""

    valid: bool
    type: Type | None = Field(description="of its value; an audience needs a `bool`. null unless it is valid")
    sentence: BothLanguages | None = Field(description="the rule in words")
    online: bool | None = Field(description="whether it can be answered of one member at once")
    problems: list[RuleProblem]
    hints: list[RuleProblem] = Field(
        description="what is right but perhaps not meant, such as a value that never occurred"
    )


class KnownView(Output):
    """A value that is known of a member."""

    name: str
    label: BothLanguages
    type: Type
    value: Any = Field(
        description="days as dates, sets as sorted lists, money in whole fen; null: nothing is known"
    )
    value_label: BothLanguages | None = Field(description="what people call the value, if that was said")


class MembershipView(Output):
    """Whether a member is in an audience."""

    key: str
    label: BothLanguages
    inside: bool


class ProfileView(Output):
    """What rules know of a member."""

    member_id: str
    attributes: list[KnownView]
    traits: list[KnownView]
    audiences: list[MembershipView]


def line_view(one: AudienceLine) -> AudienceLineView:
    """Return an audience in a list as the API shows it."""
    return AudienceLineView(**_line(one))


def audience_view(one: AudienceLine, vocabulary: Vocabulary) -> AudienceView:
    """Return an audience as the API shows it."""
    if one.static:
        return AudienceView(**_line(one), sentence=None, online=True)
    try:
        node = parse(one.rule, vocabulary.catalogue)
    except BadRule:
        return AudienceView(**_line(one), sentence=None, online=False)
    return AudienceView(**_line(one), sentence=said(node, vocabulary), online=is_online(node, vocabulary))


def _line(one: AudienceLine) -> dict[str, Any]:
    return {
        "id": one.key,
        "label": both(one.label),
        "note": both(one.note),
        "static": one.static,
        "rule": one.rule,
        "version": one.version,
        "size": one.size,
        "entered": one.entered,
        "left": one.left,
        "counted_at": one.at or None,
    }


def said(node: Node, vocabulary: Vocabulary) -> BothLanguages:
    """Return a rule in words."""
    zh, en = (sentence(node, vocabulary.catalogue, language) for language in ("zh", "en"))
    return BothLanguages(zh=zh, en=en)


def is_online(node: Node, vocabulary: Vocabulary) -> bool:
    """Say whether a rule can be answered of one member at once."""
    wanted = needs(vocabulary, [node])
    known = vocabulary.catalogue.attributes
    return wanted.online and all(known[name].online for name in wanted.attributes if name in known)


def count_view(found: Counted, as_of: int) -> CountView:
    """Return a count as the API shows it."""
    return CountView(
        members=found.members, of=found.of, as_of=as_of, sample=found.sample, margin=found.margin
    )


def put_view(done: Put) -> PutView:
    """Return what became of a list as the API shows it; its lines were numbered from 1."""
    examples = [BadRowView(index=one.line - 1, message=both(one.reason)) for one in done.examples]
    return PutView(rows=done.rows, added=done.added, known=done.known, bad=done.bad, examples=examples)


def rule_view(rule: str, vocabulary: Vocabulary, hints: Callable[[str, Node], list[Problem]]) -> RuleView:
    """Return what a rule is as the API shows it, or what is wrong with it; ``hints`` tells what is perhaps not meant."""
    try:
        node = parse(rule, vocabulary.catalogue)
    except BadRule as error:
        problems = [_problem(rule, one) for one in error.problems]
        return RuleView(valid=False, type=None, sentence=None, online=None, problems=problems, hints=[])
    return RuleView(
        valid=True,
        type=node.type,
        sentence=said(node, vocabulary),
        online=is_online(node, vocabulary),
        problems=[],
        hints=[_problem(rule, one) for one in hints(rule, node)],
    )


def _problem(rule: str, one: Problem) -> RuleProblem:
    line, column = place(rule, one.at)
    return RuleProblem(
        code=one.code,
        start=one.at.start,
        end=one.at.end,
        line=line,
        column=column,
        message=both(one.reason),
        nearest=one.nearest,
    )


def profile_view(member_id: str, found: list[KnownValue]) -> ProfileView:
    """Return what is known of a member as the API shows it."""
    return ProfileView(
        member_id=member_id,
        attributes=[_known(one) for one in found if not one.derived],
        traits=[_known(one) for one in found if one.derived and not one.membership],
        audiences=[
            MembershipView(key=one.name, label=both(one.label), inside=bool(one.value))
            for one in found
            if one.membership
        ],
    )


def _known(one: KnownValue) -> KnownView:
    label = one.values.get(one.value) if isinstance(one.value, str) else None
    return KnownView(
        name=one.name,
        label=both(one.label),
        type=one.type,
        value=plain(one.value, one.type),
        value_label=both(label) if label else None,
    )
