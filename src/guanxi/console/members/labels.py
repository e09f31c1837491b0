"""What people call the purposes, channels and attributes that arrive as plain words; an unknown one stays as it is."""

from __future__ import annotations

from typing import Final

from guanxi.customers.events.model import CHANNELS, PURPOSES
from guanxi.kernel.text import Language, Text

_ATTRIBUTES: Final = {
    "name": Text("姓名", "Name"),
    "simulated": Text("模拟资料", "Simulated"),
    "nickname": Text("昵称", "Nickname"),
    "gender": Text("性别", "Gender"),
    "birthday": Text("生日", "Birthday"),
    "city": Text("城市", "City"),
    "province": Text("省份", "Province"),
    "address": Text("地址", "Address"),
    "email": Text("邮箱", "E-mail"),
    "phone": Text("手机", "Phone"),
    "tier": Text("等级", "Tier"),
    "level": Text("等级", "Level"),
    "age": Text("年龄段", "Age"),
    "income": Text("收入段", "Income"),
    "home_ownership": Text("住房", "Home ownership"),
    "marital_status": Text("婚姻", "Marital status"),
    "household_size": Text("家庭人数", "Household size"),
    "household_comp": Text("家庭结构", "Household"),
    "kids_count": Text("子女数", "Children"),
}


def purpose(name: str, language: Language) -> str:
    """Return what a purpose of consent is called."""
    return PURPOSES[name].in_(language) if name in PURPOSES else name


def channel(name: str, language: Language) -> str:
    """Return what a channel is called."""
    return CHANNELS[name].in_(language) if name in CHANNELS else name


def attribute(name: str, language: Language) -> str:
    """Return what an attribute is called."""
    return _ATTRIBUTES[name].in_(language) if name in _ATTRIBUTES else name
