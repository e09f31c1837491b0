"""The API as it is composed so far, over an installation with two merchants.

Every module of ``guanxi.api`` with a ``router`` joins by itself, and with it the fuzzing and the isolation test. What
its routes ask for by ``context.service`` is built in ``services``; what they need to find is put there by ``furnish``.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI

import guanxi.api
from guanxi.access import ALL_PERMISSIONS, KeyDraft, KeyKind, Permission, system_actor
from guanxi.access.model import PersonDraft
from guanxi.access.service import Access, Passwords, people
from guanxi.api.app import CORE, create_app
from guanxi.api.context import ApiContext
from guanxi.api.rate_limit import Limit, Limits
from guanxi.storage.merchants import Merchant, add_merchant
from tests.api.client import Client
from tests.installation import Installation

OTHER = "other"
CLI = system_actor("test")
UNLIMITED = Limits(secret=Limit(1_000_000, 1_000_000), write=Limit(1_000_000, 1_000_000))


@dataclass(frozen=True)
class Composed:
    """The app, a key with every scope for each of the two merchants, and a client for each."""

    installation: Installation
    context: ApiContext
    app: FastAPI
    own_key: str
    other_key: str
    own: Client
    other: Client

    def key(self, *scopes: Permission, kind: KeyKind = KeyKind.SECRET) -> str:
        """Return a new key of the merchant ``shop``."""
        return _key(self.context, self.installation.merchant.merchant_id, frozenset(scopes), kind)

    def client(self, key: str | None, address: str = "203.0.113.7") -> Client:
        """Return a client that asks with a key."""
        return Client(self.app, key, address)


def routers() -> tuple[APIRouter, ...]:
    """Return every router of ``guanxi.api`` beyond the core ones."""
    found = []
    for module in pkgutil.iter_modules(guanxi.api.__path__, "guanxi.api."):
        router = getattr(importlib.import_module(module.name), "router", None)
        if isinstance(router, APIRouter) and router not in CORE:
            found.append(router)
    return tuple(found)


def services(installation: Installation) -> tuple[object, ...]:
    """Return what the routes ask for by type."""
    return ()


def furnish(composed: Composed, merchant_id: str) -> dict[str, str]:
    """Give a merchant one thing of each kind; return its id by the name of the path parameter that takes it."""
    context = composed.context
    now = context.clock.now()
    draft = PersonDraft(f"staff-{merchant_id}", "员工", "zh", ("analyst",))
    with context.database.transaction() as tx:
        people.add_person(tx, merchant_id, draft, context.access.passwords.nobody, by=CLI, now=now)
        key, _ = context.access.keys.create(
            tx,
            merchant_id,
            KeyDraft(KeyKind.SECRET, f"only-{merchant_id}", frozenset({Permission.EVENTS_READ})),
            by=CLI,
            now=now,
        )
    return {"key_id": key.key_id}


def compose(installation: Installation, limits: Limits = UNLIMITED) -> Composed:
    """Put the app together over an installation, and add the second merchant."""
    now = installation.clock.now()
    with installation.database.transaction() as tx:
        add_merchant(tx, Merchant(OTHER, "别家", "Asia/Shanghai", "CNY", "", now))
    context = ApiContext(
        database=installation.database,
        clock=installation.clock,
        vault=installation.vault,
        access=Access.of(installation.database, installation.vault, Passwords.cheap()),
        log=installation.log,
        services=services(installation),
        limits=limits,
    )
    app = create_app(context, routers())
    own = _key(context, installation.merchant.merchant_id, ALL_PERMISSIONS)
    other = _key(context, OTHER, ALL_PERMISSIONS)
    return Composed(installation, context, app, own, other, Client(app, own), Client(app, other))


def _key(
    context: ApiContext, merchant_id: str, scopes: frozenset[Permission], kind: KeyKind = KeyKind.SECRET
) -> str:
    with context.database.transaction() as tx:
        _, text = context.access.keys.create(
            tx, merchant_id, KeyDraft(kind, "试验", scopes), by=CLI, now=context.clock.now()
        )
    return text
