"""Values of access: people, sessions, keys, and lines of the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from guanxi.access.permissions import ALL_PERMISSIONS, union
from guanxi.kernel.errors import Forbidden

if TYPE_CHECKING:
    from guanxi.access.actions import Action
    from guanxi.access.permissions import Permission, Role
    from guanxi.kernel.text import Language


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in; may work for several merchants of the installation."""

    person_id: str
    login: str
    name: str
    language: Language
    disabled: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class PersonDraft:
    """A person to be added; ``login`` is normalised before it is stored."""

    login: str
    name: str
    language: Language
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Staff:
    """A person as one merchant knows them. ``permissions`` is the union of the roles'."""

    person: Person
    roles: tuple[Role, ...]

    @property
    def permissions(self) -> frozenset[Permission]:
        """Everything that the roles allow together."""
        return union(self.roles)


class ActorKind(StrEnum):
    """What sort of asker did something."""

    PERSON = "person"
    KEY = "key"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever does something, for checks and for the audit trail.

    ``merchant_id`` is the merchant they act for, empty for the installation itself (command line, worker), which may
    act for any. ``address`` is the network address the request came from, empty if none.
    """

    kind: ActorKind
    id: str
    name: str
    merchant_id: str
    permissions: frozenset[Permission]
    address: str = ""
    request_id: str = ""

    def need(self, permission: Permission, merchant_id: str) -> None:
        """Raise ``Forbidden`` unless the actor has ``permission`` at this merchant."""
        if permission not in self.permissions or self.merchant_id not in {"", merchant_id}:
            raise Forbidden(permission=permission.value)


def system_actor(name: str) -> Actor:
    """Return the installation itself, as ``name`` (``cli``, ``worker``): it may do everything, everywhere."""
    return Actor(ActorKind.SYSTEM, name, name, "", ALL_PERMISSIONS)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. ``seen_at`` is coarse (see ``decide.TOUCH_EVERY``); ``merchant_id`` is where they look now."""

    session_id: str
    person_id: str
    merchant_id: str
    address: str
    created_at: int
    seen_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just begun. ``token`` goes into the cookie and is never seen again; ``csrf`` into every form."""

    token: str
    csrf: str
    session: Session
    person: Person


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who a session's token stands for right now: their person, where they look and what they may do there."""

    session: Session
    person: Person
    merchants: tuple[str, ...]
    roles: tuple[Role, ...]
    permissions: frozenset[Permission]

    @property
    def merchant_id(self) -> str:
        """The merchant they look at."""
        return self.session.merchant_id

    def may(self, permission: Permission) -> bool:
        """Say whether they may do something where they are."""
        return permission in self.permissions

    def actor(self, address: str = "", request_id: str = "") -> Actor:
        """Return them as the doer of one request."""
        return Actor(
            ActorKind.PERSON,
            self.person.person_id,
            self.person.name,
            self.merchant_id,
            self.permissions,
            address,
            request_id,
        )


class KeyKind(StrEnum):
    """``secret`` keys act by their scopes; ``write`` keys sit in tracking clients and can only send events."""

    SECRET = "secret"  # noqa: S105 - the name of a kind
    WRITE = "write"


KEY_PREFIX = {KeyKind.SECRET: "gx_sk_", KeyKind.WRITE: "gx_wk_"}


@dataclass(frozen=True, slots=True)
class KeyDraft:
    """A key to be made. ``account`` and ``channel`` stamp the events that come by it; empty means the event says so."""

    kind: KeyKind
    name: str
    scopes: frozenset[Permission]
    account: str = ""
    channel: str = ""
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret; ``hint`` is its beginning and end. ``last_used_at`` is exact to the hour."""

    merchant_id: str
    key_id: str
    kind: KeyKind
    name: str
    hint: str
    scopes: frozenset[Permission]
    account: str
    channel: str
    created_by: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None

    def works(self, now: int) -> bool:
        """Say whether requests by it are accepted at ``now``."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit trail. ``target`` is the id of what was touched, ``reason`` what the actor gave as why.

    ``detail`` holds JSON values and nothing personal.
    """

    merchant_id: str
    time: int
    entry_id: str
    actor_kind: ActorKind
    actor_id: str
    actor_name: str
    action: Action
    target: str
    reason: str
    address: str
    request_id: str
    detail: dict[str, object]
