"""A merchant whose events can be sent, projected and handed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from guanxi.customers.events.model import Source
from guanxi.customers.events.sealing import resealer
from guanxi.customers.events.service import EventIntake, Receipt
from guanxi.customers.projection.jobs import READER, Projection
from guanxi.storage.events.handover import Handover
from guanxi.storage.person_keys import PersonKeys
from tests.settling import catch_up

if TYPE_CHECKING:
    from tests.installation import Installation

SHOP = Source("test", "shop-web", "web")


@dataclass(frozen=True)
class Customers:
    """The customers capability on an installation."""

    installation: Installation
    intake: EventIntake
    projection: Projection
    handover: Handover
    keys: PersonKeys

    def send(self, *messages: dict[str, Any], source: Source = SHOP) -> Receipt:
        """Take messages in."""
        return self.intake.accept("shop", source, messages)

    def project(self, limit: int = 5_000) -> None:
        """Let the projection catch up; on PostgreSQL it waits for whoever else is writing on the server."""
        one = self.installation
        catch_up(one.database, one.log, self.projection, "shop", limit)

    def hand_over(self) -> int:
        """Move everything projected to the lake."""
        moved = 0
        while step := self.handover.run("shop", [READER]):
            moved += step
        return moved


@pytest.fixture
def customers(installation: Installation) -> Customers:
    """The customers capability on both databases in turn."""
    one = installation
    keys = PersonKeys(one.vault)
    intake = EventIntake(one.database, one.log, one.vault, one.clock)
    return Customers(
        installation=one,
        intake=intake,
        projection=Projection(one.database, one.log, intake, one.vault, keys),
        handover=Handover(
            one.database, one.log, one.locks, resealer(one.database, one.vault, keys), one.clock
        ),
        keys=keys,
    )
