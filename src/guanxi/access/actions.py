"""What the audit trail tells of."""

from __future__ import annotations

from enum import StrEnum

from guanxi.kernel.text import Text


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
    DEFINITIONS_APPLIED = "definitions.applied"
    DEFINITIONS_ROLLED_BACK = "definitions.rolled_back"
    DEFINITIONS_REMOVED = "definitions.removed"
    LIST_PUT = "audience.list_put"
    AUDIENCE_EXPORTED = "audience.exported"
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
    Action.DEFINITIONS_APPLIED: Text("发布定义", "Applied definitions"),
    Action.DEFINITIONS_ROLLED_BACK: Text("回滚定义", "Rolled definitions back"),
    Action.DEFINITIONS_REMOVED: Text("删除定义", "Removed definitions"),
    Action.LIST_PUT: Text("导入人群名单", "Put a list into an audience"),
    Action.AUDIENCE_EXPORTED: Text("导出人群", "Exported an audience"),
    Action.SETTINGS_CHANGED: Text("更改设置", "Changed settings"),
}
