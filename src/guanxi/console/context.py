"""What the pages of one process stand on, handed over by whoever puts the process together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from guanxi.access.service import Access
from guanxi.kernel.clock import Clock
from guanxi.storage.database import Database
from guanxi.storage.events.log import EventLog
from guanxi.storage.vault import Vault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DemoSignIn:
    """What the sign-in page of a demonstration shows, so that a visitor can come in."""

    name: str
    password: str


@dataclass(frozen=True)
class ConsoleContext:
    """Built services of one process.

    ``services`` are the capabilities' own (``EventIntake``, ``Members``, ``Privacy``…); a page asks for one by its
    type. ``demo`` is given only when the installation serves demonstration data.
    """

    database: Database
    clock: Clock
    vault: Vault
    access: Access
    log: EventLog
    services: tuple[object, ...] = ()
    demo: DemoSignIn | None = None

    def service(self, kind: type[T]) -> T:
        """Return the service of a type; raises ``LookupError`` if the process was put together without it."""
        for service in self.services:
            if isinstance(service, kind):
                return service
        msg = f"no {kind.__name__} was given to build_console"
        raise LookupError(msg)
