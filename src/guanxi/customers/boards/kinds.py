"""The kinds of definitions by which a merchant says what is known of its members: attributes, traits, audiences.

A change of any of them goes live together with a board that was built with it, so that nothing is answered from what was
before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from guanxi.customers.events.personal import is_personal_trait
from guanxi.customers.profiles.met import Occurred
from guanxi.customers.traits import decide
from guanxi.customers.traits.derived import (
    ATTRIBUTE,
    ATTRIBUTE_FIELDS,
    AUDIENCE,
    AUDIENCE_FIELDS,
    TRAIT,
    TRAIT_FIELDS,
    attribute,
    audience,
    trait,
)
from guanxi.definitions import Change, Definition, Problem, Ref, World
from guanxi.definitions.reading import Reading
from guanxi.kernel.text import Text
from guanxi.rules import Catalogue, InAudience

if TYPE_CHECKING:
    from guanxi.customers.boards.service import Boards, Staged
    from guanxi.customers.events.service import EventIntake
    from guanxi.customers.traits.service import Vocabularies
    from guanxi.storage.database import Transaction

_COLUMNS = frozenset({"member", "first_day"})
"""What tables of members call who somebody is and since when they are known."""


RESERVED = frozenset({"count", "draft", "new", "overlap"})
"""Words that stand where an audience's key does in the addresses of pages and routes."""


class _MemberKind:
    """What the kinds have in common: the board."""

    name = ""
    certain = False

    def __init__(self, vocabularies: Vocabularies, boards: Boards, intake: EventIntake) -> None:
        self._vocabularies = vocabularies
        self._boards = boards
        self._intake = intake
        self._occurred = Occurred()

    def _hints(
        self, reading: Reading, catalogue: Catalogue, tx: Transaction, merchant_id: str
    ) -> list[Problem]:
        """Return what of a definition's rules is right but perhaps not meant."""
        return reading.hints(catalogue, lambda: self._occurred.values(tx, merchant_id))

    def refs(self, definition: Definition) -> set[Ref]:
        """See ``Kind.refs``."""
        return decide.refs(definition)

    def column(self, key: str) -> str:
        """Return the column of a definition on the board."""
        return key

    def effect(
        self, merchant_id: str, changes: Sequence[Change], world: World
    ) -> Mapping[Ref, Mapping[str, Any]]:
        """See ``Kind.effect``: how many have a value afterwards, for how many it is another or none any more."""
        merchant, _ = self._intake.merchant(merchant_id)
        after = self._boards.stage(merchant, world)
        before = self._boards.present(merchant)
        found: dict[Ref, Mapping[str, Any]] = {}
        for change in changes:
            _, now, gains, losses = self._boards.compare(merchant, before, after, self.column(change.ref.key))
            found[change.ref] = {"members": now, "gains": gains, "losses": losses}
        return found

    def prepare(self, merchant_id: str, changes: Sequence[Change], world: World) -> Staged:
        """See ``Kind.prepare``: builds the board that goes live with the changes."""
        del changes
        merchant, _ = self._intake.merchant(merchant_id)
        return self._boards.stage(merchant, world)

    def on_apply(
        self, tx: Any, merchant_id: str, changes: Sequence[Change], world: World, prepared: Any, now: int
    ) -> None:
        """See ``Kind.on_apply``."""
        del changes, world, now
        self._boards.publish(tx, merchant_id, prepared)

    def _taken(self, reading: Reading, tx: Transaction, merchant_id: str, world: World, other: str) -> None:
        """Refuse a name that a capability or another kind has."""
        key = reading.definition.ref.key
        given = any(key in provider.attributes(tx, merchant_id) for provider in self._vocabularies.providers)
        if given or key in _COLUMNS or Ref(other, key) in world.definitions:
            reading.bad(("key",), "name_taken", f"名称 {key} 已被占用。", f"the name {key} is taken.")


class AttributeKind(_MemberKind):
    """What sources say of a member: a name, a type, and perhaps all its values."""

    name = ATTRIBUTE
    label = Text("属性", "Attribute")

    def check(self, tx: Transaction, merchant_id: str, definition: Definition, world: World) -> list[Problem]:
        """See ``Kind.check``."""
        reading = Reading(definition, ATTRIBUTE_FIELDS)
        source, _ = attribute(reading)
        if is_personal_trait(source):
            reading.bad(
                ("source",) if "source" in definition.spec else ("key",),
                "personal",
                f"“{source}”是个人信息，加密保存，不能用于规则。",
                f"{source} is personal and kept encrypted; rules cannot use it.",
            )
        self._taken(reading, tx, merchant_id, world, TRAIT)
        return reading.problems


class TraitKind(_MemberKind):
    """What follows from what a member did and is."""

    name = TRAIT
    label = Text("标签", "Trait")

    def check(self, tx: Transaction, merchant_id: str, definition: Definition, world: World) -> list[Problem]:
        """See ``Kind.check``."""
        reading = Reading(definition, TRAIT_FIELDS)
        catalogue = self._vocabularies.of(tx, merchant_id, world).catalogue
        trait(reading, catalogue)
        self._taken(reading, tx, merchant_id, world, ATTRIBUTE)
        return reading.problems + self._hints(reading, catalogue, tx, merchant_id)


class AudienceKind(_MemberKind):
    """Members picked by a rule, or put in."""

    name = AUDIENCE
    label = Text("人群", "Audience")

    def column(self, key: str) -> str:
        """See ``_MemberKind.column``."""
        return InAudience(key).name

    def check(self, tx: Transaction, merchant_id: str, definition: Definition, world: World) -> list[Problem]:
        """See ``Kind.check``."""
        reading = Reading(definition, AUDIENCE_FIELDS)
        catalogue = self._vocabularies.of(tx, merchant_id, world).catalogue
        audience(reading, catalogue)
        if definition.ref.key in RESERVED:
            reading.bad(
                ("key",),
                "name_taken",
                "这个代号是页面地址，请换一个。",
                "this key is a page's address; take another.",
            )
        return reading.problems + self._hints(reading, catalogue, tx, merchant_id)
