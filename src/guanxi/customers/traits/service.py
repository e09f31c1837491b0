"""Puts together what may be asked about a merchant's members, from event types, providers and definitions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from guanxi.customers.profiles.model import Declared, Derived, Provider, Vocabulary
from guanxi.customers.traits.decide import events, order, told
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
from guanxi.definitions.reading import Reading
from guanxi.rules import Catalogue, InAudience
from guanxi.rules.catalogue import Known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.customers.events.service import EventIntake
    from guanxi.definitions import Definition, World
    from guanxi.definitions.service import Definitions
    from guanxi.storage.database import Transaction


class Vocabularies:
    """The vocabularies of all merchants. The live one of each is kept until its definitions or event types change."""

    def __init__(self, intake: EventIntake, definitions: Definitions, providers: Sequence[Provider]) -> None:
        self._intake = intake
        self._definitions = definitions
        self.providers = providers
        self._live: dict[str, tuple[tuple[object, ...], Vocabulary]] = {}
        self._last: tuple[str, World, Vocabulary] | None = None

    def live(self, tx: Transaction, merchant_id: str) -> Vocabulary:
        """Return what may be asked now."""
        release = self._definitions.release(tx, merchant_id)
        _, catalogue = self._intake.merchant(merchant_id)
        provided = {
            name: known for one in self.providers for name, known in one.attributes(tx, merchant_id).items()
        }
        state = (release, catalogue, tuple(provided))
        found = self._live.get(merchant_id)
        if found is None or found[0] != state:
            world = self._definitions.live(tx, merchant_id)
            vocabulary = replace(self.of(tx, merchant_id, world), release=release)
            found = self._live[merchant_id] = (state, vocabulary)
        return found[1]

    def of(self, tx: Transaction, merchant_id: str, world: World) -> Vocabulary:
        """Return what may be asked in a world of definitions; those that are wrong are not in it.

        Asked for the same world again, as when each of its definitions is checked, it reads nothing again.
        """
        last = self._last
        if last is None or last[0] != merchant_id or not (last[1] is world or last[1] == world):
            last = self._last = (merchant_id, world, self._of(tx, merchant_id, world))
        return last[2]

    def _of(self, tx: Transaction, merchant_id: str, world: World) -> Vocabulary:
        _, types = self._intake.merchant(merchant_id)
        attributes: dict[str, Known] = {}
        for provider in self.providers:
            attributes.update(provider.attributes(tx, merchant_id))
        declared: dict[str, Declared] = {}
        for key, one in world.of(ATTRIBUTE).items():
            reading = Reading(one, ATTRIBUTE_FIELDS)
            source, known = attribute(reading)
            if not reading.problems and key not in attributes:
                declared[key] = Declared(source, known)
        named = attributes | {key: one.known for key, one in declared.items()}
        audiences = world.of(AUDIENCE)
        labels = {key: Reading(one, AUDIENCE_FIELDS).label() for key, one in audiences.items()}
        derived: dict[str, Derived] = {}
        known_events = events(types.types)
        lists = frozenset(InAudience(key).name for key, one in audiences.items() if one.spec.get("static"))
        for one in order(world):
            catalogue = Catalogue(named, known_events, labels, world.unsure)
            made = self._read(one, catalogue)
            if made is None or made.name in named:
                continue
            derived[made.name] = made
            if one.ref.kind == TRAIT:
                named[made.name] = Known(made.type, made.label, made.values)
        traits = {name: one.label for name, one in derived.items() if not one.membership}
        known_events = told(known_events, traits, labels)
        return Vocabulary(
            types.types,
            attributes,
            declared,
            derived,
            lists,
            Catalogue(named, known_events, labels, world.unsure),
        )

    @staticmethod
    def _read(one: Definition, catalogue: Catalogue) -> Derived | None:
        if one.ref.kind == TRAIT:
            reading = Reading(one, TRAIT_FIELDS)
            made = trait(reading, catalogue)
        else:
            reading = Reading(one, AUDIENCE_FIELDS)
            made = audience(reading, catalogue)
        return None if reading.problems else made
