"""The declared types of identity: what each can tell about a person, and how its values are written.

An identity is a *type*, a *scope* and a *value*: a WeChat OpenID is unique only inside its app, so the app id is its
scope. *Accounts* are exclusive: a system of record keeps one per person and scope, so two different values are two
people. *Contacts* (phone, e-mail, device) can be passed around: seen with too many people they are *shared*.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from guanxi.kernel.phone import PhoneKind, read_phone
from guanxi.kernel.text import Text

MAX_LENGTH = 256

_REASONS: dict[str, Text] = {
    "empty": Text("没有填写。", "It is empty."),
    "too_long": Text(
        "超过 256 个字符，不像标识。", "It is longer than 256 characters, so it is no identity."
    ),
    "control_characters": Text("含有控制字符或不可见字符。", "It contains control or invisible characters."),
    "junk": Text(
        "是常见的占位值（如 null、0、13800000000），不代表任何人。",
        "It is a well-known placeholder (such as null, 0, 13800000000) and stands for nobody.",
    ),
    "masked": Text("是打码后的值，无法确定是谁。", "It is masked, so it cannot tell who somebody is."),
    "relay": Text(
        "是平台的隐私号（虚拟中间号），只对一笔订单有效，不属于本人。",
        "It is a platform's relay number: it serves one order and does not belong to the person.",
    ),
    "landline": Text(
        "是座机或客服号码，不属于某一个人。", "It is a land line or service number, not one person's own."
    ),
    "md5": Text(
        "是手机号的 MD5，与其他来源无法对应；请发送明文或 SHA-256。",
        "It is an MD5 digest, which matches no other source; send the plain number or its SHA-256.",
    ),
    "invalid_phone": Text("不是手机号。", "It is not a phone number."),
    "invalid_email": Text("不是邮箱地址。", "It is not an e-mail address."),
    "unknown_type": Text("没有这种标识类型。", "There is no such type of identity."),
    "scope_missing": Text(
        "这种标识只在一个范围内唯一（如应用、账号），请说明范围。",
        "This identity is unique only inside a scope (an app, an account): say which.",
    ),
    "invalid_scope": Text(
        "范围只能是 1–128 个可见字符，不含空格和“|”。",
        "A scope is 1–128 visible characters without spaces and “|”.",
    ),
}


@dataclass(frozen=True, slots=True)
class Rejection:
    """A value that identifies nobody; ``code`` says why to programs. It never carries the value itself."""

    code: str

    @property
    def text(self) -> Text:
        """Say why, in both languages."""
        return _REASONS[self.code]


Normaliser = Callable[[str], "str | Rejection"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of identity.

    ``rank`` orders types for the choice of an event's subject, 1 first; ``strength`` orders joins, the largest first.
    ``exclusive``: a person has at most one value per scope. ``reassignable``: operators give the value to somebody
    else some day. ``shared_above``: seen with more different ones than this, the value is shared and joins nobody;
    a contact counts the accounts of one type and scope, an account counts phones.
    ``scope`` says what the scope is, ``None`` if values are unique everywhere.
    """

    key: str
    label: Text
    rank: int
    strength: int
    normalise: Normaliser
    shared_above: int
    exclusive: bool = False
    reassignable: bool = False
    scope: Text | None = None


class Typed(NamedTuple):
    """A normalised identity value with its type and scope (empty where the type has none)."""

    type: str
    scope: str
    value: str

    @property
    def key(self) -> str:
        """The text that names this identity and no other; fragments are keyed hashes of it."""
        return f"{self.type}|{self.scope}|{self.value}"


_JUNK = frozenset(
    """
    null (null) <null> nil none undefined nan n/a na unknown anonymous anon guest visitor test tester default
    true false empty blank void string userid user_id openid unionid [object [] {} - -- . .. ... ? ?? -1
    [object\xa0object] 未知 无 暂无 没有 匿名 游客 访客 空 测试 散客
    9774d56d682e549c 02:00:00:00:00:00 ffffffff-ffff-ffff-ffff-ffffffffffff unknown_openid not_set (not\xa0set)
    """.replace("\xa0", " ").split()
) | {"[object object]", "(not set)", "not set"}
_ZEROS = re.compile(r"[0\s:._-]+")
_STARS = re.compile(r"[*＊•]{2,}")
_ORDINARY = re.compile(r"[1-9A-Za-z][!-)+-~]{0,255}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_UUID_SIZES = range(32, 37)
_EMAIL = re.compile(r"[^\s@,;<>\"]{1,64}@(?:[^\s@.,;<>\"]+\.)+[^\s@.,;<>\"]{2,}")
_EMAIL_JUNK = re.compile(
    r".*@(?:.*\.)?(?:example\.(?:com|org|net)|test\.com|[^@]*\.(?:test|invalid|example|localhost))"
    r"|(?:null|none|undefined|no-?reply|no-?email|anonymous|unknown)@.*"
)
_SCOPE = re.compile(r"[!-{}~\u00a1-\uffef]{1,128}")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_EDGES = "\ufeff\u200b\u200c\u200d\u2060"

# Numbers that forms and tills are filled with when nobody wants to give one: eight equal or counting digits at the
# end, and the operators' own top-up numbers.
_PLAIN_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_JUNK_PHONE = re.compile(r"1[3-9]\d(?:(\d)\1{7}|12345678|87654321)")
_JUNK_PHONES = ("13800138000", "10000000000", "12345678901", "")


def _junk_digests() -> frozenset[str]:
    """Digests of what must not identify anybody even when it arrives hashed."""
    prefixes = [f"1{second}{third}" for second in "3456789" for third in "0123456789"]
    endings = [digit * 8 for digit in "0123456789"] + ["12345678", "87654321"]
    numbers = [prefix + ending for prefix in prefixes for ending in endings]
    words = [*_JUNK_PHONES, *_JUNK, "0", "NULL", "None", "NaN", "nan"]
    return frozenset(hashlib.sha256(text.encode()).hexdigest() for text in [*numbers, *words])


_JUNK_DIGESTS = _junk_digests()
_NOT_A_SUBSCRIBER = {
    PhoneKind.RELAY: "relay",
    PhoneKind.MASKED: "masked",
    PhoneKind.MD5: "md5",
    PhoneKind.LANDLINE: "landline",
    PhoneKind.INVALID: "invalid_phone",
}


def normalise_phone(value: str) -> str | Rejection:
    """Return the SHA-256 digest of a subscriber's number, so that plain and hashed sources meet."""
    if _PLAIN_MOBILE.fullmatch(value):  # nearly all are, and need no second look
        junk = _JUNK_PHONE.fullmatch(value) or value in _JUNK_PHONES
        return Rejection("junk") if junk else hashlib.sha256(value.encode()).hexdigest()
    trimmed = _trim(value)
    if isinstance(trimmed, Rejection):
        return trimmed
    if _is_junk(trimmed):
        return Rejection("junk")
    phone = read_phone(trimmed)
    if _JUNK_PHONE.fullmatch(phone.number) or phone.number in _JUNK_PHONES:
        return Rejection("junk")
    if not phone.identifies:
        return Rejection(_NOT_A_SUBSCRIBER[phone.kind])
    return Rejection("junk") if phone.digest in _JUNK_DIGESTS else phone.digest


def normalise_email(value: str) -> str | Rejection:
    """Return the address in lower case: providers that tell ``A@`` from ``a@`` apart are no longer to be met."""
    trimmed = _trim(value)
    if isinstance(trimmed, Rejection):
        return trimmed
    address = unicodedata.normalize("NFKC", trimmed).lower()
    if _is_junk(address) or _EMAIL_JUNK.fullmatch(address):
        return Rejection("junk")
    if _STARS.search(address):
        return Rejection("masked")
    return address if _EMAIL.fullmatch(address) and len(address) <= 254 else Rejection("invalid_email")


def normalise_opaque(value: str) -> str | Rejection:
    """Return an id that some system made up: trimmed, otherwise as it is, because case may carry meaning."""
    if _ORDINARY.fullmatch(value):  # nothing to trim, no star, no run of zeros
        return Rejection("junk") if value.lower() in _JUNK else value
    trimmed = _trim(value)
    if isinstance(trimmed, Rejection):
        return trimmed
    if _is_junk(trimmed):
        return Rejection("junk")
    return Rejection("masked") if _STARS.search(trimmed) else trimmed


def normalise_device(value: str) -> str | Rejection:
    """Return a device id; one in the form of a UUID in lower case, because systems write the same one either way."""
    known = normalise_opaque(value)
    if isinstance(known, str) and len(known) in _UUID_SIZES and _UUID.fullmatch(known):
        return known.lower()
    return known


def _trim(value: str) -> str | Rejection:
    if len(value) > 2 * MAX_LENGTH:
        return Rejection("too_long")
    trimmed = value.strip().strip(_EDGES).strip()
    if not trimmed:
        return Rejection("empty")
    if len(trimmed) > MAX_LENGTH:
        return Rejection("too_long")
    if not trimmed.isascii() or not trimmed.isprintable():
        for letter in trimmed:
            if unicodedata.category(letter) in _INVISIBLE:
                return Rejection("control_characters")
    return trimmed


def _is_junk(value: str) -> bool:
    return value.lower() in _JUNK or _ZEROS.fullmatch(value) is not None


_APP = Text("应用编号（如小程序、抖音应用的 app id）", "app id (of the mini-program, the Douyin app…)")
_ACCOUNT = Text("企业账号", "enterprise account")

_DECLARED = (
    Kind("member_no", Text("会员号", "member number"), 1, 100, normalise_opaque, 20, exclusive=True),
    Kind(
        "unionid",
        Text("UnionID", "UnionID"),
        2,
        90,
        normalise_opaque,
        20,
        exclusive=True,
        scope=Text("开放平台账号（如 wechat）", "open-platform account (such as wechat)"),
    ),
    Kind("openid", Text("OpenID", "OpenID"), 3, 80, normalise_opaque, 20, exclusive=True, scope=_APP),
    Kind(
        "alipay_user_id",
        Text("支付宝用户号", "Alipay user id"),
        4,
        76,
        normalise_opaque,
        20,
        exclusive=True,
    ),
    Kind(
        "ouid",
        Text("天猫 OUID", "Tmall OUID"),
        5,
        74,
        normalise_opaque,
        20,
        exclusive=True,
        scope=Text("天猫店铺或应用", "Tmall shop or app"),
    ),
    Kind(
        "external_userid",
        Text("企业微信外部联系人", "WeCom external contact"),
        6,
        72,
        normalise_opaque,
        20,
        exclusive=True,
        scope=Text("企业微信的企业号（corp id）", "WeCom corp id"),
    ),
    Kind("user_id", Text("用户号", "user id"), 7, 60, normalise_opaque, 20, exclusive=True, scope=_ACCOUNT),
    Kind("phone", Text("手机号", "phone"), 8, 50, normalise_phone, 3, reassignable=True),
    Kind("email", Text("邮箱", "e-mail"), 9, 40, normalise_email, 3),
    Kind("device", Text("设备", "device"), 10, 20, normalise_device, 1),
    Kind("anonymous_id", Text("匿名访客号", "anonymous id"), 11, 10, normalise_device, 1, scope=_ACCOUNT),
)

KINDS: Mapping[str, Kind] = {kind.key: kind for kind in _DECLARED}
"""Every declared type of identity by its key, in order of rank."""


def identify(type: str, scope: str, value: str) -> Typed | Rejection:
    """Read one identity as it arrived: check its type and scope, normalise its value. Never raises.

    The scope of a type that has none is ignored.
    """
    kind = KINDS.get(type)
    if kind is None:
        return Rejection("unknown_type")
    if kind.scope is None:
        scope = ""
    elif not scope:
        return Rejection("scope_missing")
    elif not _SCOPE.fullmatch(scope):
        return Rejection("invalid_scope")
    known = kind.normalise(value)
    return known if isinstance(known, Rejection) else Typed(type, scope, known)


def choose_subject(identities: Iterable[Typed]) -> Typed | None:
    """Return the identity that an event is about: the best ranked, then the smallest; ``None`` if there is none."""
    return min(identities, key=lambda one: (KINDS[one.type].rank, one.scope, one.value), default=None)
