"""A kind of definition to test with: it may rest on others of its kind, and keeps a row of its own for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from guanxi.definitions import Change, Definition, PlainKind, Problem, Ref, World, problems_of
from guanxi.kernel.text import Text
from guanxi.rules import BadRule, Catalogue, Known, Type, condition
from guanxi.storage.merchants import get_setting, set_setting

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction

CATALOGUE = Catalogue(attributes={"city": Known(Type.TEXT, Text("城市", "City"))})


class Toy(PlainKind):
    """``uses`` names others, ``rule`` is a condition, ``amount`` a number; nobody may use one that is ``closed``."""

    name = "toy"
    label = Text("玩具", "toy")

    def __init__(self) -> None:
        self.checked: list[str] = []
        self.while_preparing: Callable[[], None] = lambda: None
        self.while_applying: Callable[[], None] = lambda: None

    def check(self, tx: Transaction, merchant_id: str, definition: Definition, world: World) -> list[Problem]:
        self.checked.append(definition.ref.key)
        found = []
        for at, key in enumerate(definition.spec.get("uses", [])):
            used = world.of("toy").get(key)
            if used and used.spec.get("closed"):
                found.append(definition.problem(("uses", at), "closed", Text("已关闭", "it is closed")))
        if not isinstance(definition.spec.get("amount", 0), int):
            found.append(definition.problem(("amount",), "bad_type", Text("应为整数", "a whole number")))
        try:
            condition(str(definition.spec.get("rule", "city is null")), CATALOGUE)
        except BadRule as error:
            found += problems_of(definition, ("rule",), error)
        return found

    def refs(self, definition: Definition) -> set[Ref]:
        uses = definition.spec.get("uses", [])
        return {Ref("toy", str(key)) for key in uses} if isinstance(uses, list) else set()

    def effect(
        self, merchant_id: str, changes: Sequence[Change], world: World
    ) -> Mapping[Ref, Mapping[str, Any]]:
        return {change.ref: {"gains": len(world.of("toy"))} for change in changes}

    def prepare(self, merchant_id: str, changes: Sequence[Change], world: World) -> object:
        self.while_preparing()
        return [change.ref.key for change in changes]

    def on_apply(
        self,
        tx: Transaction,
        merchant_id: str,
        changes: Sequence[Change],
        world: World,
        prepared: object,
        now: int,
    ) -> None:
        assert prepared == [change.ref.key for change in changes]
        for change in changes:
            set_setting(tx, merchant_id, f"toy.{change.ref.key}", str(change.after and change.after.version))
            self.while_applying()
        versions = {key: one.version for key, one in sorted(world.of("toy").items())}
        set_setting(tx, merchant_id, "toy.live", json.dumps(versions))


def kept(tx: Transaction, merchant_id: str) -> dict[str, int]:
    """The versions that the kind itself has noted."""
    found: dict[str, int] = json.loads(get_setting(tx, merchant_id, "toy.live") or "{}")
    return found
