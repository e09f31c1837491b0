"""What people call the purposes, channels and attributes that arrive as plain words; an unknown one stays as it is."""

from __future__ import annotations

from typing import Final

from guanxi.kernel.text import Language, Text

_PURPOSES: Final = {
    "marketing": Text("营销", "Marketing"),
    "service": Text("服务通知", "Service messages"),
    "profiling": Text("个性化推荐", "Personalisation"),
    "analytics": Text("数据分析", "Analytics"),
    "credit": Text("信用评估", "Credit assessment"),
}
_CHANNELS: Final = {
    "sms": Text("短信", "SMS"),
    "phone": Text("电话", "Phone"),
    "email": Text("邮件", "E-mail"),
    "wechat": Text("微信", "WeChat"),
    "wecom": Text("企业微信", "WeCom"),
    "alipay": Text("支付宝", "Alipay"),
    "douyin": Text("抖音", "Douyin"),
    "tmall": Text("天猫", "Tmall"),
    "live": Text("直播", "Live"),
    "app": Text("应用", "App"),
    "web": Text("网站", "Web"),
    "store": Text("门店", "Store"),
    "default": Text("默认", "Default"),
    "import": Text("文件导入", "Imported file"),
    "server": Text("服务端", "Server"),
    "mini-program": Text("小程序", "Mini program"),
    "miniprogram": Text("小程序", "Mini program"),
    "any": Text("所有渠道", "Every channel"),
    "all": Text("所有渠道", "Every channel"),
    "*": Text("所有渠道", "Every channel"),
}
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
    return _PURPOSES[name].in_(language) if name in _PURPOSES else name


def channel(name: str, language: Language) -> str:
    """Return what a channel is called."""
    return _CHANNELS[name].in_(language) if name in _CHANNELS else name


def attribute(name: str, language: Language) -> str:
    """Return what an attribute is called."""
    return _ATTRIBUTES[name].in_(language) if name in _ATTRIBUTES else name
