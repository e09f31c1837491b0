"""Access over an installation, with an owner who can sign in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from guanxi.access import (
    OWNER,
    Actor,
    ActorKind,
    KeyDraft,
    KeyKind,
    Permission,
    Person,
    PersonDraft,
    Visitor,
    system_actor,
)
from guanxi.access.service import Access, Passwords, people
from guanxi.storage.merchants import Merchant, add_merchant
from tests.installation import Installation

SHOP = "shop"
OTHER = "other"
PASSWORD = "correct horse battery"
CLI = system_actor("cli")


@dataclass(frozen=True)
class Desk:
    """An installation with access built over it, two merchants, and the owner of ``shop``."""

    installation: Installation
    access: Access
    owner: Person

    @property
    def now(self) -> int:
        return self.installation.clock.now()

    def add(self, login: str, *roles: str, merchant: str = SHOP) -> Person:
        with self.installation.database.transaction() as tx:
            return people.add_person(
                tx,
                merchant,
                PersonDraft(login, login.title(), "zh", roles),
                self.access.passwords.hash(PASSWORD, login=login),
                by=CLI,
                now=self.now,
            )

    def actor(self, person: Person, merchant: str = SHOP) -> Actor:
        with self.installation.database.reading() as tx:
            staff = people.get_staff(tx, merchant, person.person_id)
        return Actor(ActorKind.PERSON, person.person_id, person.name, merchant, staff.permissions)

    def sign_in(
        self, login: str, password: str = PASSWORD, address: str = "203.0.113.7", old: str | None = None
    ) -> str | None:
        """Return the session's token, or None if sign-in failed."""
        sessions = self.access.sessions
        with self.installation.database.transaction() as tx:
            attempt = sessions.begin(tx, login, address, self.now)
        checked = sessions.check(attempt, password)
        with self.installation.database.transaction() as tx:
            new = sessions.finish(tx, attempt, checked, self.now, replaces=old)
        return new.token if new else None

    def visitor(self, token: str | None) -> Visitor | None:
        with self.installation.database.reading() as tx:
            return self.access.sessions.resolve(tx, token or "", self.now)

    def key(self, *scopes: Permission, days: int | None = None) -> tuple[str, str]:
        """Return a new key's id and text."""
        expires_at = None if days is None else self.now + days * 86_400_000_000
        draft = KeyDraft(KeyKind.SECRET, "key", frozenset(scopes), expires_at=expires_at)
        with self.installation.database.transaction() as tx:
            key, text = self.access.keys.create(tx, SHOP, draft, by=CLI, now=self.now)
        return key.key_id, text


@pytest.fixture
def desk(installation: Installation) -> Desk:
    access = Access.of(installation.database, installation.vault, Passwords.cheap())
    now = installation.clock.now()
    with installation.database.transaction() as tx:
        add_merchant(tx, Merchant(OTHER, "别家", "Asia/Shanghai", "CNY", "", now))
        owner = people.add_person(
            tx,
            SHOP,
            PersonDraft("Owner", "王店主", "zh", (OWNER,)),
            access.passwords.hash(PASSWORD, login="owner"),
            by=CLI,
            now=now,
        )
    return Desk(installation, access, owner)
