"""Who may do what: people and their roles, sessions, API keys, and the trail of what was done.

This door shows values and rules; ``guanxi.access.service`` holds the use cases.
"""

from guanxi.access.actions import Action
from guanxi.access.model import (
    Actor,
    ActorKind,
    AuditEntry,
    Key,
    KeyDraft,
    KeyKind,
    NewSession,
    Person,
    PersonDraft,
    Session,
    Staff,
    Visitor,
    system_actor,
)
from guanxi.access.permissions import ALL_PERMISSIONS, BUILT_IN_ROLES, OWNER, Permission, Role

__all__ = [
    "ALL_PERMISSIONS",
    "BUILT_IN_ROLES",
    "OWNER",
    "Action",
    "Actor",
    "ActorKind",
    "AuditEntry",
    "Key",
    "KeyDraft",
    "KeyKind",
    "NewSession",
    "Permission",
    "Person",
    "PersonDraft",
    "Role",
    "Session",
    "Staff",
    "Visitor",
    "system_actor",
]
