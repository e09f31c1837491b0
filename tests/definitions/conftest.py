"""Definitions of a toy kind on a fresh installation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from guanxi.definitions import Plan, Ref, text
from guanxi.definitions.model import Applied
from guanxi.definitions.service import Definitions
from tests.definitions.toy import Toy, kept

if TYPE_CHECKING:
    from tests.installation import Installation


@dataclass(frozen=True)
class Bench:
    """A service with one kind, and short ways to use it."""

    installation: Installation
    toy: Toy
    service: Definitions

    def plan(self, documents: str, *, prune: bool = False) -> Plan:
        return self.service.plan("shop", text.parse(documents, "toys.yaml"), prune=prune)

    def apply(self, documents: str, why: str = "试试") -> Applied:
        return self.service.apply("shop", text.parse(documents, "toys.yaml"), by="wang", why=why)

    def live(self) -> dict[str, int]:
        """Versions by key: what is live, which is what the kind knows."""
        with self.installation.database.reading() as tx:
            world = self.service.live(tx, "shop")
            versions = {ref.key: one.version for ref, one in world.definitions.items()}
            assert kept(tx, "shop") == versions
            return versions

    def text(self, key: str) -> str:
        with self.installation.database.reading() as tx:
            return self.service.get(tx, "shop", Ref("toy", key)).text

    def releases(self) -> list[int]:
        with self.installation.database.reading() as tx:
            return [one.number for one in self.service.releases(tx, "shop")]


@pytest.fixture
def bench(installation: Installation) -> Bench:
    toy = Toy()
    return Bench(installation, toy, Definitions(installation.database, [toy], installation.clock))
