"""The addresses of audiences."""

from __future__ import annotations

from typing import Final

from guanxi.console.places import AUDIENCES
from guanxi.console.render import path

HERE: Final = AUDIENCES
KIND: Final = "audience"


def page_of(key: str) -> str:
    """Return the address of an audience's page."""
    return path("console", "audiences", key)


def definition_of(key: str, kind: str = KIND) -> str:
    """Return the address of a definition's page."""
    return path("console", "definitions", kind, key)
