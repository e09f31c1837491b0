"""What access refuses, and what to do about it."""

from __future__ import annotations

from guanxi.kernel.errors import Conflict, Forbidden, InvalidInput, TooMany, Unauthenticated
from guanxi.kernel.text import Text


class SignInFailed(Unauthenticated):
    """Login or password is wrong, or the person may not sign in; which of these is never said."""

    code = "sign_in_failed"
    text = Text("账号或密码不正确。", "The user name or the password is not right.")


class SignInThrottled(TooMany):
    """Too many attempts for this login or from this address; ``retry_after`` is in whole seconds."""

    code = "sign_in_throttled"
    text = Text(
        "尝试次数过多，请在 {retry_after} 秒后重试。",
        "Too many attempts; try again in {retry_after} seconds.",
    )


class FormExpired(Forbidden):
    """A form came without the token of the session that it was made for."""

    code = "form_expired"
    text = Text("页面已过期，请刷新后重试。", "This page has expired; reload it and try again.")


class WeakPassword(InvalidInput):
    """The password would be guessed."""

    code = "weak_password"
    text = Text("密码不够安全：{reason_zh}", "This password is too weak: {reason_en}")


class LoginTaken(Conflict):
    """Somebody has this login already."""

    code = "login_taken"
    text = Text("登录名 {login} 已被使用，请换一个。", "The user name {login} is taken; choose another.")


class LastOwner(Conflict):
    """Nobody could manage the merchant any more."""

    code = "last_owner"
    text = Text(
        "至少要有一位可登录的店主；请先指定另一位店主。",
        "There must be one owner who can sign in; name another owner first.",
    )


class RoleInUse(Conflict):
    """People still hold the role."""

    code = "role_in_use"
    text = Text(
        "还有人使用角色 {role}，请先调整他们的角色。",
        "People still have the role {role}; change their roles first.",
    )


class WorksElsewhere(Conflict):
    """The person works for another merchant too, so this one may not decide about their account."""

    code = "works_elsewhere"
    text = Text(
        "此人还为其他商家工作，账号只能由本人或系统管理员更改；可以把此人从本店移除。",
        "This person works for another merchant too: only they or the installation's operator can change"
        " the account. You can remove them from this merchant.",
    )


class BeyondOwnPermissions(Forbidden):
    """Nobody can give, or take away, more than they have."""

    code = "beyond_own_permissions"
    text = Text(
        "不能授予或更改自己没有的权限：{permissions}。",
        "You cannot grant or change permissions that you do not have: {permissions}.",
    )


class KeyInUse(Conflict):
    """A key was asked to revoke itself."""

    code = "key_in_use"
    text = Text(
        "密钥不能吊销自己；请用另一个密钥或在控制台吊销。",
        "A key cannot revoke itself; use another key or the console.",
    )
