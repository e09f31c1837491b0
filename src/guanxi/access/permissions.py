"""What one may do, and the roles that allow it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from guanxi.kernel.text import Text

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
    DEFINITIONS_READ = "definitions.read"
    DEFINITIONS_WRITE = "definitions.write"
    AUDIENCES_READ = "audiences.read"
    AUDIENCES_EXPORT = "audiences.export"
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
    Permission.DEFINITIONS_READ: Text("查看定义", "See definitions"),
    Permission.DEFINITIONS_WRITE: Text(
        "发布与回滚定义、导入名单", "Apply and roll back definitions, put in lists"
    ),
    Permission.AUDIENCES_READ: Text("查看人群与人数", "See audiences and count members"),
    Permission.AUDIENCES_EXPORT: Text("导出人群", "Export audiences"),
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
                    Permission.DEFINITIONS_READ,
                    Permission.DEFINITIONS_WRITE,
                    Permission.AUDIENCES_READ,
                    Permission.AUDIENCES_EXPORT,
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
                    Permission.DEFINITIONS_READ,
                    Permission.AUDIENCES_READ,
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
                    Permission.DEFINITIONS_READ,
                    Permission.DEFINITIONS_WRITE,
                    Permission.HEALTH_READ,
                    Permission.SETTINGS_MANAGE,
                    Permission.KEYS_MANAGE,
                }
            ),
            built_in=True,
        ),
    )
}


def union(roles: Iterable[Role]) -> frozenset[Permission]:
    """Return everything that ``roles`` allow together."""
    return frozenset[Permission]().union(*(role.permissions for role in roles))
