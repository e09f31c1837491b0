"""What counts as personal in a message, so that it is sealed before it rests anywhere.

A declared field says so itself. For everything else: names that usually hold personal data, in English and Chinese, and
values that look like a mainland phone or identity number or an e-mail address, whatever they are called. When in doubt
it is personal: a sealed field costs a key look-up, an open one cannot be taken back from the lake.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from guanxi.customers.events.model import FieldType

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from guanxi.customers.events.model import Field

ALWAYS = frozenset(
    "phone mobile mobilephone tel telephone phonenumber cellphone email mail address street idcard idnumber idno"
    " identitycard passport birthday birthdate dateofbirth dob ip ipaddress username nickname nick realname fullname"
    " firstname lastname familyname givenname avatar contact contactname receiver receivername receiverphone consignee"
    " buyername buyerphone wechat wechatid qq latitude longitude lat lng bankcard cardno cardnumber"
    " openid unionid externaluserid alipayuserid idfa idfv oaid imei imsi mac macaddress androidid advertisingid deviceid"
    " 姓名 名字 手机 手机号 手机号码 电话 联系电话 邮箱 地址 收货地址 身份证 身份证号 生日 昵称 收货人 收件人 微信号 银行卡".split()
)
"""Names that are personal anywhere, without case, ``_`` and ``-``."""

IN_TRAITS = ALWAYS | {"name", "location"}
"""Names that are personal when they describe a person, but not when they describe a product or a page."""

IN_CONTEXT = ALWAYS | {"location", "id", "token"}
"""Names that are personal in what a client says of its surroundings."""

_DEEPEST = 8
_SHORTEST = 11
"""Letters of the shortest personal text that is no e-mail address: a phone."""

_GAP = r"[\s.\u00b7-]*"
_PHONE = re.compile(
    rf"\s*[(]?(?:\+?86|0086)?[)]?{_GAP}1[3-9]\d{_GAP}\d{{4}}{_GAP}\d{{4}}(?:[-,#转]\d{{1,6}})?\s*", re.ASCII
)
_BEGINNINGS = frozenset("1+08( ")
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@.]+(?:\.[^\s@.]+)+")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９＋－（）", "0123456789+-()")
_PHONES = ((13_000_000_000, 19_999_999_999), (8_613_000_000_000, 8_619_999_999_999))
"""Phones that a spreadsheet has turned into numbers."""
_NUMERIC = frozenset({FieldType.INT, FieldType.MONEY, FieldType.NUMBER, FieldType.LIST})
"""Declared types whose numbers are what they say; those in a declared list are declared too."""

_MOST_REMEMBERED = 20_000
_REMEMBERED: dict[Container[str], dict[str, bool]] = {}
"""By set of names, which names are personal: the same few hundred come over and over."""


def split(
    values: Mapping[str, Any], names: Container[str], declared: Mapping[str, Field] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split properties into those that may rest in the open and the personal ones; both keep their nesting.

    ``names`` are personal at the first level; deeper down, where ``name`` is mostly a product's, only ``ALWAYS`` are.
    What a declaration says of a property comes before what its name suggests, and a number in a field declared as one is
    no phone.
    """
    if not declared:
        return _split(values, names, 0, numbers=True)
    public: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    for key, value in values.items():
        known = declared.get(key)
        if known.personal if known is not None else _is_personal_name(key, names):
            personal[key] = value
        else:
            numbers = known is None or known.type not in _NUMERIC
            _place(public, personal, key, value, 0, numbers=numbers)
    return public, personal


def is_personal_trait(name: str) -> bool:
    """Say whether what is said of a person under this name is always sealed."""
    return _is_personal_name(name, IN_TRAITS)


def _split(
    values: Mapping[str, Any], names: Container[str], depth: int, *, numbers: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    public: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    remembered = _REMEMBERED.setdefault(names, {})
    for key, value in values.items():
        hidden = remembered.get(key)
        if _is_personal_name(key, names) if hidden is None else hidden:
            personal[key] = value
        elif type(value) is str:
            # Most texts are too short for anything personal, and settled here without a call.
            hidden = (len(value) >= _SHORTEST or "@" in value) and _looks_personal(value)
            (personal if hidden else public)[key] = value
        else:
            _place(public, personal, key, value, depth, numbers=numbers)
    return public, personal


def _is_personal_name(key: str, names: Container[str]) -> bool:
    remembered = _REMEMBERED.setdefault(names, {})
    known = remembered.get(key)
    if known is None:
        known = key.lower().replace("_", "").replace("-", "").replace(" ", "") in names
        if len(remembered) < _MOST_REMEMBERED:
            remembered[key] = known
    return known


def _place(
    public: dict[str, Any], personal: dict[str, Any], key: str, value: Any, depth: int, *, numbers: bool
) -> None:
    if isinstance(value, str):
        (personal if _looks_personal(value) else public)[key] = value
    elif isinstance(value, dict):
        if depth >= _DEEPEST:
            personal[key] = value
            return
        public[key], closed_part = _split(value, ALWAYS, depth + 1, numbers=numbers)
        if closed_part:
            personal[key] = closed_part
    elif isinstance(value, list):
        hidden = value and _list_is_personal(value, ALWAYS, depth, numbers=numbers)
        (personal if hidden else public)[key] = value
    elif numbers and _is_phone_number(value):
        personal[key] = value
    else:
        public[key] = value


def _list_is_personal(values: list[Any], names: Container[str], depth: int, *, numbers: bool) -> bool:
    """Say whether any element holds something personal; a list is then sealed whole, so that its order is kept."""
    if depth >= _DEEPEST:
        return True
    for value in values:
        if isinstance(value, dict):
            for key, inner in value.items():
                if _is_personal_name(key, names) or _holds_personal(inner, names, depth, numbers=numbers):
                    return True
        elif _holds_personal(value, names, depth, numbers=numbers):
            return True
    return False


def _holds_personal(value: Any, names: Container[str], depth: int, *, numbers: bool) -> bool:
    kind = type(value)
    if kind is str:
        return _looks_personal(value)
    if kind is dict or kind is list:
        return _list_is_personal(value if kind is list else [value], names, depth + 1, numbers=numbers)
    return numbers and _is_phone_number(value)


def _looks_personal(text: str) -> bool:
    size = len(text)
    if "@" in text:
        return size <= 320 and _EMAIL.fullmatch(text.strip()) is not None  # RFC 5321 allows 254
    if not _SHORTEST <= size <= 30:
        return False
    if size == 18 and text[:17].isdigit() and text[17] in "0123456789xX":
        return True
    # The expression is tried on the few that can begin a phone.
    if text[0] in _BEGINNINGS:
        return _PHONE.fullmatch(text) is not None
    return not text.isascii() and _PHONE.fullmatch(text.translate(_FULL_WIDTH)) is not None


def _is_phone_number(value: Any) -> bool:
    kind = type(value)
    return (kind is int or kind is float) and any(low <= value <= high for low, high in _PHONES)
