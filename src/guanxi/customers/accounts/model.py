"""Enterprise accounts: the brand's own, each store's and each host's, on every platform."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from guanxi.kernel.text import Text


class Platform(StrEnum):
    """Where an account lives."""

    DOUYIN = "douyin"
    DOUDIAN = "doudian"
    WECHAT = "wechat"
    WECOM = "wecom"
    ALIPAY = "alipay"
    TMALL = "tmall"
    TAOBAO = "taobao"
    JD = "jd"
    KUAISHOU = "kuaishou"
    XIAOHONGSHU = "xiaohongshu"
    OWN = "own"
    STORE = "store"

    @property
    def label(self) -> Text:
        """What people call it."""
        return _PLATFORMS[self]


_PLATFORMS = {
    Platform.DOUYIN: Text("抖音", "Douyin"),
    Platform.DOUDIAN: Text("抖店", "Doudian"),
    Platform.WECHAT: Text("微信", "WeChat"),
    Platform.WECOM: Text("企业微信", "WeCom"),
    Platform.ALIPAY: Text("支付宝", "Alipay"),
    Platform.TMALL: Text("天猫", "Tmall"),
    Platform.TAOBAO: Text("淘宝", "Taobao"),
    Platform.JD: Text("京东", "JD"),
    Platform.KUAISHOU: Text("快手", "Kuaishou"),
    Platform.XIAOHONGSHU: Text("小红书", "Xiaohongshu"),
    Platform.OWN: Text("自有网站或应用", "Own site or app"),
    Platform.STORE: Text("线下门店", "Physical stores"),
}


class AccountKind(StrEnum):
    """Whose account it is."""

    BRAND = "brand"
    SHOP = "shop"
    STORE = "store"
    HOST = "host"

    @property
    def label(self) -> Text:
        """What people call it."""
        return _KINDS[self]


_KINDS = {
    AccountKind.BRAND: Text("品牌号", "Brand account"),
    AccountKind.SHOP: Text("网店", "Online shop"),
    AccountKind.STORE: Text("门店号", "Store account"),
    AccountKind.HOST: Text("主播号", "Host account"),
}


@dataclass(frozen=True, slots=True)
class Account:
    """An enterprise account; ``key`` is the slug that its events carry."""

    key: str
    name: str
    platform: Platform
    kind: AccountKind
    created_at: int
