"""What counts as personal in a message, so that it is sealed before it rests anywhere.

A declared field says so itself. For everything else: names that usually hold personal data, in English and Chinese, and
values that look like a mainland phone or identity number whatever they are called. When in doubt it is personal: a
sealed field costs a key look-up, an open one cannot be taken back from the lake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from guanxi.customers.events.model import Field

ALWAYS = frozenset(
    "phone mobile mobilephone tel telephone phonenumber cellphone email mail address street idcard idnumber idno"
    " identitycard passport birthday birthdate dateofbirth dob ip ipaddress username nickname nick realname fullname"
    " firstname lastname familyname givenname avatar contact contactname receiver receivername receiverphone consignee"
    " buyername buyerphone wechat wechatid qq latitude longitude lat lng bankcard cardno cardnumber"
    " 姓名 名字 手机 手机号 手机号码 电话 联系电话 邮箱 地址 收货地址 身份证 身份证号 生日 昵称 收货人 收件人 微信号 银行卡".split()
)
"""Names that are personal anywhere, without case, ``_`` and ``-``."""

IN_TRAITS = ALWAYS | {"name", "location"}
"""Names that are personal when they describe a person, but not when they describe a product or a page."""

IN_CONTEXT = ALWAYS | {"location"}
"""Names that are personal in what a client says of its surroundings."""

_DEEPEST = 8
_SUSPECT_SIZES = frozenset({11, 13, 14, 18})

_MOST_REMEMBERED = 20_000
_PLAIN: dict[str, str] = {}
"""Names without case and punctuation: the same few hundred come over and over."""


def split(
    values: Mapping[str, Any], names: Container[str], declared: Mapping[str, Field] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split properties into those that may rest in the open and the personal ones; both keep their nesting.

    ``names`` are personal at the first level; deeper down, where ``name`` is mostly a product's, only ``ALWAYS`` are.
    What a declaration says of a property comes before what its name suggests.
    """
    public: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    for key, value in values.items():
        known = declared.get(key) if declared else None
        if known.personal if known is not None else _is_personal_name(key, names):
            personal[key] = value
        else:
            _place(public, personal, key, value, ALWAYS, 0)
    return public, personal


def _is_personal_name(key: str, names: Container[str]) -> bool:
    plain = _PLAIN.get(key)
    if plain is None:
        plain = key.lower().replace("_", "").replace("-", "").replace(" ", "")
        if len(_PLAIN) < _MOST_REMEMBERED:
            _PLAIN[key] = plain
    return plain in names


def _place(
    public: dict[str, Any], personal: dict[str, Any], key: str, value: Any, names: Container[str], depth: int
) -> None:
    if isinstance(value, str):
        (personal if _looks_personal(value) else public)[key] = value
    elif isinstance(value, dict):
        if depth >= _DEEPEST:
            personal[key] = value
            return
        open_part: dict[str, Any] = {}
        closed_part: dict[str, Any] = {}
        for name, inner in value.items():
            if _is_personal_name(name, names):
                closed_part[name] = inner
            else:
                _place(open_part, closed_part, name, inner, names, depth + 1)
        public[key] = open_part
        if closed_part:
            personal[key] = closed_part
    elif isinstance(value, list) and value and _list_is_personal(value, names, depth):
        personal[key] = value
    else:
        public[key] = value


def _list_is_personal(values: list[Any], names: Container[str], depth: int) -> bool:
    """Say whether any element holds something personal; a list is then sealed whole, so that its order is kept."""
    if depth >= _DEEPEST:
        return True
    for value in values:
        if isinstance(value, str):
            if _looks_personal(value):
                return True
        elif isinstance(value, dict):
            for key, inner in value.items():
                if _is_personal_name(key, names):
                    return True
                kind = type(inner)
                if kind is str:
                    if _looks_personal(inner):
                        return True
                elif (kind is dict or kind is list) and _list_is_personal([inner], names, depth + 1):
                    return True
        elif isinstance(value, list) and _list_is_personal(value, names, depth + 1):
            return True
    return False


def _looks_personal(text: str) -> bool:
    size = len(text)
    if size not in _SUSPECT_SIZES:
        return False
    if size == 11:
        return text[0] == "1" and text[1] in "3456789" and text.isdigit()
    if size == 18:
        return text[:17].isdigit() and (text[17] in "0123456789xX")
    return text.startswith(("86", "+86")) and text[-11] == "1" and text[-11:].isdigit()
