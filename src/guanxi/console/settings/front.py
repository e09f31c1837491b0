"""Where the heading of the settings leads."""

from __future__ import annotations

from starlette.responses import Response

from guanxi.console.places import ME, SETTINGS, places_for
from guanxi.console.session import Asked, Page, go


def pages() -> list[Page]:
    """Return the page behind the heading."""
    return [Page(SETTINGS, show)]


def show(asked: Asked) -> Response:
    """Lead to the first of the settings that the reader may see."""
    for place in places_for(asked.visitor.permissions):
        if place.key == "settings":
            return go(place.children[0].href)
    return go(ME)
