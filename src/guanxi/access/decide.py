"""The rules of access, as functions of values and ``now``."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guanxi.access.errors import BeyondOwnPermissions, WeakPassword
from guanxi.access.model import KEY_PREFIX, KeyDraft, KeyKind, Session
from guanxi.access.permissions import BUILT_IN_ROLES, Permission, Role
from guanxi.kernel.clock import DAY, HOUR, MINUTE, SECOND
from guanxi.kernel.errors import Conflict, InvalidInput, NotFound
from guanxi.kernel.ids import encode, is_slug
from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from guanxi.access.model import Actor

SESSION_IDLE = 12 * HOUR
SESSION_LIFE = 7 * DAY
TOUCH_EVERY = 5 * MINUTE
USED_EVERY = HOUR
IDEMPOTENCY_LIFE = DAY

PASSWORD_MIN = 10
PASSWORD_MAX = 256

_LOGIN = re.compile(r"[\w.@+-]{2,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KEY_BODY = 52
_KEY_CHECK = 7
_KEY_TEXT = re.compile(r"gx_(?:sk|wk)_[0-9a-hjkmnp-tv-z]{59}")


@dataclass(frozen=True, slots=True)
class Throttle:
    """At most ``burst`` attempts at once, and one more every ``interval`` µs (GCRA, ITU-T I.371)."""

    burst: int
    interval: int

    def retry_after(self, tat: int, now: int) -> int:
        """Return the whole seconds until one more attempt fits, given the stored theoretical arrival time."""
        wait = tat + self.interval - now - self.burst * self.interval
        return max(1, -(-wait // SECOND))


PER_LOGIN = Throttle(burst=8, interval=MINUTE)
PER_ADDRESS = Throttle(burst=40, interval=10 * SECOND)


def normal_login(login: str) -> str | None:
    """Return a login as it is stored (NFKC, case folded), or ``None`` if nobody can have it."""
    plain = unicodedata.normalize("NFKC", login[:200]).strip().casefold()
    return plain if _LOGIN.fullmatch(plain) else None


def check_login(login: str) -> str:
    """Return the normalised login; raises ``InvalidInput``."""
    plain = normal_login(login)
    if plain is None:
        raise InvalidInput(
            reason_zh="登录名为 2–64 个字母、数字、汉字或 . @ + - _。",
            reason_en="a user name is 2–64 letters, digits or . @ + - _.",
        )
    return plain


def check_name(name: str) -> str:
    """Return a name without space around it; raises ``InvalidInput`` if it is empty, long or has control characters."""
    plain = name.strip()
    if not 1 <= len(plain) <= 80 or _CONTROL.search(plain):
        raise InvalidInput(
            reason_zh="名称为 1–80 个字符，不含控制字符。",
            reason_en="a name is 1–80 characters without control characters.",
        )
    return plain


def check_password(password: str, login: str) -> None:
    """Raise ``WeakPassword`` unless long, varied and not the login (NIST SP 800-63B: length counts, not symbols)."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise WeakPassword(
            reason_zh=f"请用 {PASSWORD_MIN}–{PASSWORD_MAX} 个字符。",
            reason_en=f"use {PASSWORD_MIN}–{PASSWORD_MAX} characters.",
        )
    if len(set(password)) < 5:
        raise WeakPassword(reason_zh="重复的字符太多。", reason_en="it repeats too few characters.")
    if len(login) > 2 and login in password.casefold():
        raise WeakPassword(reason_zh="不要包含登录名。", reason_en="it contains the user name.")


def throttled_address(address: str) -> str:
    """Return what attempts are counted by: the IPv4 address, or the /64 that one IPv6 subscriber owns."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)


def session_alive(session: Session, now: int) -> bool:
    """Say whether a session is still good: not idle for too long, not older than it may get."""
    return now < session.expires_at and now < session.seen_at + SESSION_IDLE


def must_touch(session: Session, now: int) -> bool:
    """Say whether the session's last sight is old enough to be worth a write."""
    return now >= session.seen_at + TOUCH_EVERY


def read_permissions(keys: Iterable[str]) -> frozenset[Permission]:
    """Return the permissions of stored keys; those that a later release has dropped are left out."""
    known = {permission.value: permission for permission in Permission}
    return frozenset(known[key] for key in keys if key in known)


def roles_named(custom: Mapping[str, Role], keys: Iterable[str]) -> tuple[Role, ...]:
    """Return roles by key, built-in ones first; raises ``NotFound`` for one that does not exist."""
    found = []
    for key in keys:
        role = BUILT_IN_ROLES.get(key) or custom.get(key)
        if role is None:
            raise NotFound(what_zh="角色", what_en="role", key=key)
        found.append(role)
    order = list(BUILT_IN_ROLES)
    return tuple(
        sorted(
            dict.fromkeys(found),
            key=lambda role: (not role.built_in, order.index(role.key) if role.built_in else 0),
        )
    )


def check_role(key: str, name_zh: str, name_en: str, permissions: frozenset[Permission]) -> Role:
    """Return a role of a merchant's own; raises ``InvalidInput``, or ``Conflict`` for a built-in's key."""
    if key in BUILT_IN_ROLES:
        raise Conflict(reason_zh=f"{key} 是内置角色", reason_en=f"{key} is a built-in role")
    if not is_slug(key):
        raise InvalidInput(
            reason_zh="角色代号为 1–32 个小写字母、数字、- 和 _。",
            reason_en="a role's key is 1–32 of a-z, 0-9, - and _.",
        )
    if not permissions:
        raise InvalidInput(reason_zh="请至少选择一项权限。", reason_en="choose one permission at least.")
    zh = check_name(name_zh or name_en)
    return Role(key, Text(zh, check_name(name_en or name_zh)), permissions)


def check_within(actor: Actor, permissions: frozenset[Permission]) -> None:
    """Raise ``BeyondOwnPermissions`` if ``permissions`` holds any that the actor has not."""
    beyond = permissions - actor.permissions
    if beyond:
        raise BeyondOwnPermissions(permissions=", ".join(sorted(beyond)))


def check_key(draft: KeyDraft, now: int) -> KeyDraft:
    """Return the draft with its name trimmed; raises ``InvalidInput`` for what no key can be."""
    if draft.kind is KeyKind.WRITE and draft.scopes != frozenset({Permission.EVENTS_WRITE}):
        raise InvalidInput(reason_zh="写入密钥只能写入事件。", reason_en="a write key can only send events.")
    if not draft.scopes:
        raise InvalidInput(reason_zh="请至少选择一项权限。", reason_en="choose one scope at least.")
    for value in (draft.account, draft.channel):
        if value and not is_slug(value):
            raise InvalidInput(
                reason_zh="账号与渠道为 1–32 个小写字母、数字、- 和 _。",
                reason_en="an account or a channel is 1–32 of a-z, 0-9, - and _.",
            )
    if draft.expires_at is not None and draft.expires_at <= now:
        raise InvalidInput(reason_zh="有效期已过。", reason_en="the expiry has passed.")
    return KeyDraft(
        draft.kind,
        check_name(draft.name),
        draft.scopes,
        draft.account,
        draft.channel,
        draft.expires_at,
    )


def key_text(kind: KeyKind, number: int) -> str:
    """Write a key: prefix, 256 bits, and a checksum by which typing errors and made-up keys fail without a look-up."""
    body = KEY_PREFIX[kind] + encode(number, _KEY_BODY)
    return body + encode(zlib.crc32(body.encode()), _KEY_CHECK)


def is_key_text(text: str) -> bool:
    """Say whether ``text`` is shaped like a key, checksum included."""
    if not _KEY_TEXT.fullmatch(text):
        return False
    body, check = text[:-_KEY_CHECK], text[-_KEY_CHECK:]
    return encode(zlib.crc32(body.encode()), _KEY_CHECK) == check


def key_hint(text: str) -> str:
    """Return what lists show of a key, so that its owner recognises it."""
    return f"{text[:10]}…{text[-4:]}"
