"""Values of access: who may do what, and what was done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from guanxi.kernel.errors import Forbidden
from guanxi.kernel.text import Language, Text

if TYPE_CHECKING:
    from collections.abc import Iterable


class Permission(StrEnum):
    """One thing that a person's role or a key's scope allows."""

    MEMBERS_READ = "members.read"
    MEMBERS_PII = "members.pii"
    MEMBERS_EXPORT = "members.export"
    MEMBERS_ERASE = "members.erase"
    IDENTITY_EDIT = "identity.edit"
    CONSENT_EDIT = "consent.edit"
    EVENTS_WRITE = "events.write"
    EVENTS_READ = "events.read"
    EVENTS_MEND = "events.mend"
    INSIGHT_READ = "insight.read"
    HEALTH_READ = "health.read"
    SETTINGS_MANAGE = "settings.manage"
    PEOPLE_MANAGE = "people.manage"
    KEYS_MANAGE = "keys.manage"
    AUDIT_READ = "audit.read"

    @property
    def label(self) -> Text:
        """What people call it."""
        return _PERMISSION_LABELS[self]


_PERMISSION_LABELS = {
    Permission.MEMBERS_READ: Text("查看会员（手机号打码）", "See members, phone numbers masked"),
    Permission.MEMBERS_PII: Text("查看完整个人信息", "See personal data in full"),
    Permission.MEMBERS_EXPORT: Text("导出会员资料", "Export members' data"),
    Permission.MEMBERS_ERASE: Text("删除个人信息", "Erase personal information"),
    Permission.IDENTITY_EDIT: Text("合并与拆分会员", "Join and separate members"),
    Permission.CONSENT_EDIT: Text("登记同意与撤回", "Record consent and its withdrawal"),
    Permission.EVENTS_WRITE: Text("写入事件", "Send events"),
    Permission.EVENTS_READ: Text("查看事件", "See events"),
    Permission.EVENTS_MEND: Text("修复并重放问题事件", "Mend and replay dead letters"),
    Permission.INSIGHT_READ: Text("查看经营数据", "See business figures"),
    Permission.HEALTH_READ: Text("查看数据健康", "See data health"),
    Permission.SETTINGS_MANAGE: Text("管理设置", "Manage settings"),
    Permission.PEOPLE_MANAGE: Text("管理人员与角色", "Manage people and roles"),
    Permission.KEYS_MANAGE: Text("管理密钥", "Manage keys"),
    Permission.AUDIT_READ: Text("查看审计记录", "See the audit trail"),
}


ALL_PERMISSIONS = frozenset(Permission)


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions; ``built_in`` ones come with the product and grow with its releases."""

    key: str
    name: Text
    permissions: frozenset[Permission]
    built_in: bool = False


OWNER = "owner"

BUILT_IN_ROLES: dict[str, Role] = {
    role.key: role
    for role in (
        Role(OWNER, Text("店主", "Owner"), ALL_PERMISSIONS, built_in=True),
        Role(
            "operator",
            Text("会员运营", "Member operations"),
            frozenset(
                {
                    Permission.MEMBERS_READ,
                    Permission.IDENTITY_EDIT,
                    Permission.CONSENT_EDIT,
                    Permission.EVENTS_READ,
                    Permission.INSIGHT_READ,
                    Permission.HEALTH_READ,
                }
            ),
            built_in=True,
        ),
        Role(
            "analyst",
            Text("分析", "Analyst"),
            frozenset(
                {
                    Permission.MEMBERS_READ,
                    Permission.EVENTS_READ,
                    Permission.INSIGHT_READ,
                    Permission.HEALTH_READ,
                }
            ),
            built_in=True,
        ),
        Role(
            "service",
            Text("客服", "Customer service"),
            frozenset(
                {
                    Permission.MEMBERS_READ,
                    Permission.MEMBERS_PII,
                    Permission.CONSENT_EDIT,
                    Permission.EVENTS_READ,
                }
            ),
            built_in=True,
        ),
        Role(
            "finance",
            Text("财务", "Finance"),
            frozenset({Permission.INSIGHT_READ, Permission.AUDIT_READ}),
            built_in=True,
        ),
        Role(
            "developer",
            Text("开发", "Developer"),
            frozenset(
                {
                    Permission.EVENTS_WRITE,
                    Permission.EVENTS_READ,
                    Permission.EVENTS_MEND,
                    Permission.HEALTH_READ,
                    Permission.SETTINGS_MANAGE,
                    Permission.KEYS_MANAGE,
                }
            ),
            built_in=True,
        ),
    )
}


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


def union(roles: Iterable[Role]) -> frozenset[Permission]:
    """Return everything that ``roles`` allow together."""
    return frozenset[Permission]().union(*(role.permissions for role in roles))


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


class Action(StrEnum):
    """What the audit trail records."""

    SIGNED_IN = "session.signed_in"
    SIGN_IN_FAILED = "session.sign_in_failed"
    SIGNED_OUT = "session.signed_out"
    PERSON_ADDED = "person.added"
    PERSON_DISABLED = "person.disabled"
    PERSON_ENABLED = "person.enabled"
    PERSON_REMOVED = "person.removed"
    PASSWORD_SET = "person.password_set"  # noqa: S105 - the name of an action
    ROLES_SET = "person.roles_set"
    ROLE_SAVED = "role.saved"
    ROLE_DELETED = "role.deleted"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    PHONE_SEEN = "member.phone_seen"
    IDENTITY_SEEN = "member.identity_seen"
    ATTRIBUTES_SEEN = "member.attributes_seen"
    PERSONAL_SEEN = "member.personal_seen"
    MEMBER_EXPORTED = "member.exported"
    MEMBER_ERASED = "member.erased"
    MEMBERS_JOINED = "identity.joined"
    MEMBERS_SEPARATED = "identity.separated"
    DECISION_WITHDRAWN = "identity.withdrawn"
    CONSENT_RECORDED = "consent.recorded"
    EVENT_MENDED = "event.mended"
    EVENT_DROPPED = "event.dropped"
    SETTINGS_CHANGED = "settings.changed"

    @property
    def label(self) -> Text:
        """What people call it."""
        return _ACTION_LABELS[self]


_ACTION_LABELS = {
    Action.SIGNED_IN: Text("登录", "Signed in"),
    Action.SIGN_IN_FAILED: Text("登录失败", "Failed to sign in"),
    Action.SIGNED_OUT: Text("退出", "Signed out"),
    Action.PERSON_ADDED: Text("添加人员", "Added a person"),
    Action.PERSON_DISABLED: Text("停用人员", "Disabled a person"),
    Action.PERSON_ENABLED: Text("启用人员", "Enabled a person"),
    Action.PERSON_REMOVED: Text("移除人员", "Removed a person"),
    Action.PASSWORD_SET: Text("设置密码", "Set a password"),
    Action.ROLES_SET: Text("调整角色", "Changed roles"),
    Action.ROLE_SAVED: Text("保存角色", "Saved a role"),
    Action.ROLE_DELETED: Text("删除角色", "Deleted a role"),
    Action.KEY_CREATED: Text("创建密钥", "Created a key"),
    Action.KEY_REVOKED: Text("吊销密钥", "Revoked a key"),
    Action.PHONE_SEEN: Text("查看完整手机号", "Looked at a full phone number"),
    Action.IDENTITY_SEEN: Text("查看完整身份标识", "Looked at an identity in full"),
    Action.ATTRIBUTES_SEEN: Text("查看会员的个人属性", "Looked at a member's personal attributes"),
    Action.PERSONAL_SEEN: Text("查看事件中的个人信息", "Looked at personal data in events"),
    Action.MEMBER_EXPORTED: Text("导出会员资料", "Exported a member's data"),
    Action.MEMBER_ERASED: Text("删除个人信息", "Erased a member"),
    Action.MEMBERS_JOINED: Text("合并会员", "Joined members"),
    Action.MEMBERS_SEPARATED: Text("拆分会员", "Separated members"),
    Action.CONSENT_RECORDED: Text("登记同意", "Recorded consent"),
    Action.DECISION_WITHDRAWN: Text("撤销人工判定", "Withdrew a decision"),
    Action.EVENT_MENDED: Text("修复事件", "Mended an event"),
    Action.EVENT_DROPPED: Text("丢弃死信", "Dropped a dead letter"),
    Action.SETTINGS_CHANGED: Text("更改设置", "Changed settings"),
}


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
