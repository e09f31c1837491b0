"""The values of identity: what was seen, what was decided by hand, and the people that follow from both.

Instants are microseconds since the epoch, UTC; days are the merchant's, since 1970-01-01. A *fragment* is the signed
64-bit keyed hash of one identity value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from guanxi.customers.identity.kinds import KINDS
from guanxi.kernel.text import Text

FIRST_DAY = -(2**31)
LAST_DAY = 2**31 - 1
"""A holding from ``FIRST_DAY`` until ``LAST_DAY`` was never limited; both fit a 32-bit column."""


LATEST = 1
"""The storage slot that keeps the latest sighting of a pair with a phone; every other slot keeps the earliest."""


class LinkKind(StrEnum):
    """How two identities came to be named together."""

    OBSERVED = "observed"
    """One event carried both."""
    VERIFIED = "verified"
    """The person proved to hold both, such as by a code sent to the phone."""
    MANUAL = "manual"
    """Staff, or a mapping the merchant imported, says so."""


class Decision(StrEnum):
    """What staff decided about two identities."""

    JOINED = "joined"
    SEPARATED = "separated"
    WITHDRAWN = "withdrawn"
    """Neither of the two any longer: as if nothing had ever been decided about the pair."""


class Code(StrEnum):
    """Why a link joined nobody."""

    EXCLUSIVE_CONFLICT = "exclusive_conflict"
    NEEDS_VERIFICATION = "needs_verification"
    SEPARATED = "separated"


class Identity(NamedTuple):
    """One identity value of one type and scope; ``first_seen`` is an instant."""

    fragment: int
    type: str
    scope: str
    first_seen: int


class Link(NamedTuple):
    """Two fragments named together at one instant, in either order."""

    a: int
    b: int
    seen_at: int
    kind: LinkKind
    event_id: str


class Verdict(NamedTuple):
    """Staff decision about two fragments, in either order. The latest about a pair counts; of equal times, caution."""

    a: int
    b: int
    decision: Decision
    at: int
    by: str


class Holding(NamedTuple):
    """A fragment held by somebody from ``from_day`` until before ``until_day``."""

    fragment: int
    from_day: int
    until_day: int


Evidence = Link | Verdict


def _label(type_: str) -> Text:
    kind = KINDS.get(type_)
    return kind.label if kind else Text(type_, type_)


_JOIN_TEXTS: Mapping[LinkKind, Text] = {
    LinkKind.MANUAL: Text(
        "人工确认{a_zh}与{b_zh}属于同一人。", "Staff confirmed that {a_en} and {b_en} are one person's."
    ),
    LinkKind.VERIFIED: Text(
        "本人验证了{a_zh}与{b_zh}。", "The person verified that {a_en} and {b_en} are theirs."
    ),
    LinkKind.OBSERVED: Text("{a_zh}与{b_zh}出现在同一事件中。", "One event carried both {a_en} and {b_en}."),
}

_REFUSAL_TEXTS: Mapping[Code, Text] = {
    Code.EXCLUSIVE_CONFLICT: Text(
        "没有合并：两边的{label_zh}不同，而一个人只能有一个。若确是同一人，请先在来源系统合并账号，或拆开其中一个。",
        "Not joined: the two sides have different values of {label_en}, and a person has only one. If they are one "
        "person, merge the accounts at their source first, or separate one of them.",
    ),
    Code.NEEDS_VERIFICATION: Text(
        "没有合并：这个手机号已属于另一位会员（{label_zh}不同），可能是家人共用或二次放号；"
        "本人重新验证后，号码从验证当天起归新的持有人。",
        "Not joined: this phone already belongs to another member (a different {label_en}); it may be a family's, or "
        "re-assigned. Once verified afresh it belongs to the new holder from that day on.",
    ),
    Code.SEPARATED: Text(
        "没有合并：人工已判定两边的{label_zh}与{other_zh}不是同一人。",
        "Not joined: staff decided that {label_en} and {other_en} on the two sides are not one person's.",
    ),
}

_SHARED_TEXT = Text(
    "{label_zh}曾与 {seen} 个不同的{counted_zh}一起出现（上限 {limit}），视为多人共用，不用于合并。",
    "This {label_en} was seen with {seen} different values of {counted_en} (limit {limit}): it is shared and joins nobody.",
)


class Join(NamedTuple):
    """One step of a person's making: ``evidence`` joined the part named ``left`` with the part named ``right``.

    A part is named by its canonical fragment at that step; ``a_type`` and ``b_type`` are the types of the evidence's
    two fragments in ascending order.
    """

    evidence: Evidence
    left: int
    right: int
    a_type: str
    b_type: str

    @property
    def reason(self) -> LinkKind:
        """What kind of evidence it was; a verdict is manual."""
        return self.evidence.kind if isinstance(self.evidence, Link) else LinkKind.MANUAL

    @property
    def text(self) -> Text:
        """Say why, in both languages."""
        a, b = _label(self.a_type), _label(self.b_type)
        return _JOIN_TEXTS[self.reason].fill(a_zh=a.zh, a_en=a.en, b_zh=b.zh, b_en=b.en)


class Refusal(NamedTuple):
    """A link or manual join that joined nobody.

    ``ours`` and ``theirs`` are the two fragments that cannot be one person's: two values of one exclusive type and
    scope, or a pair that staff separated; ``ours`` is on the side of the evidence's smaller fragment.
    """

    evidence: Evidence
    code: Code
    ours: int
    theirs: int
    ours_type: str
    theirs_type: str
    scope: str

    @property
    def text(self) -> Text:
        """Say why, in both languages."""
        label, other = _label(self.ours_type), _label(self.theirs_type)
        return _REFUSAL_TEXTS[self.code].fill(
            label_zh=label.zh, label_en=label.en, other_zh=other.zh, other_en=other.en
        )

    @property
    def params(self) -> dict[str, Any]:
        """What a program or a page needs to name both sides: JSON values."""
        return {
            "ours": self.ours,
            "theirs": self.theirs,
            "ours_type": self.ours_type,
            "theirs_type": self.theirs_type,
            "scope": self.scope,
        }


class Shared(NamedTuple):
    """A fragment that too many people were seen with: its observed links join nobody.

    ``seen`` different values of ``counted`` in ``scope`` came with it, and ``limit`` are allowed.
    """

    fragment: int
    type: str
    seen: int
    limit: int
    counted: str
    scope: str

    @property
    def text(self) -> Text:
        """Say why, in both languages."""
        label, counted = _label(self.type), _label(self.counted)
        return _SHARED_TEXT.fill(
            label_zh=label.zh,
            label_en=label.en,
            counted_zh=counted.zh,
            counted_en=counted.en,
            seen=self.seen,
            limit=self.limit,
        )


class Handed(NamedTuple):
    """A re-assigned phone: from ``day`` on somebody else holds it, because of ``evidence``."""

    fragment: int
    day: int
    evidence: Evidence


class Person(NamedTuple):
    """One person: what they hold, sorted, and the joins that made them, in the order in which they were made.

    ``canonical`` names the person: their earliest fragment, the smaller of equals. A shared fragment, and behind it a
    reassignable one, is canonical only for a person who has nothing better.
    """

    canonical: int
    holdings: tuple[Holding, ...]
    joins: tuple[Join, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """The people that follow from a set of identities, links and verdicts.

    Every fragment and day has exactly one holder. ``people`` are sorted by canonical fragment, ``refusals`` and
    ``handed`` by their evidence.
    """

    people: tuple[Person, ...]
    refusals: tuple[Refusal, ...]
    shared: Mapping[int, Shared]
    handed: tuple[Handed, ...]


class Attribute(NamedTuple):
    """One value of one attribute, as one event set it on one fragment; ``value`` is a JSON value."""

    fragment: int
    name: str
    value: Any
    time: int
    event_id: str


class Merged(NamedTuple):
    """An attribute of a person: the value shown, and every other one with its source, the latest first."""

    shown: Attribute
    others: tuple[Attribute, ...]


class Consent(NamedTuple):
    """Consent given or withdrawn for one purpose on one channel, as one event said it of one fragment."""

    fragment: int
    purpose: str
    channel: str
    given: bool
    time: int
    event_id: str
