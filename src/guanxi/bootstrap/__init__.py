"""The composition root: the only place that knows every part and puts them together."""

from __future__ import annotations

from guanxi.bootstrap.background import Background
from guanxi.bootstrap.product import LAKE_READERS, Product, build, opened
from guanxi.bootstrap.web import create_web

__all__ = ["LAKE_READERS", "Background", "Product", "build", "create_web", "opened"]
