"""How two audiences overlap: a picture to scale, and its three numbers."""

from __future__ import annotations

import math
from typing import Any, Final

from starlette.responses import Response

from guanxi.access.permissions import Permission
from guanxi.console.audiences.paths import HERE, page_of
from guanxi.console.session import Asked, Page
from guanxi.customers.audiences.model import Overlap
from guanxi.customers.audiences.service import Audiences

_WIDTH: Final = 560
_HEIGHT: Final = 260
_RADIUS: Final = 110.0
"""Of the larger circle, in the units of the picture."""
_ROOM: Final = 44
"""That a number needs beside its neighbours."""


def pages() -> list[Page]:
    """Return the page of the overlap."""
    return [Page(f"{HERE}/overlap", show, Permission.AUDIENCES_READ)]


def show(asked: Asked) -> Response:
    """Compare any two audiences; the first two if none were chosen."""
    audiences = asked.service(Audiences)
    known = audiences.vocabulary(asked.merchant).catalogue.audiences
    keys = list(known)
    one = asked.query.get("one") if asked.query.get("one") in known else next(iter(keys), "")
    other = asked.query.get("other")
    if other not in known or other == one:
        other = next((key for key in keys if key != one), "")
    found, picture = None, None
    if one and other:
        first, second = (audiences.rule_of(asked.merchant, key) for key in (one, other))
        found = audiences.overlap(asked.merchant, first, second)
        picture = circles(found)
    return asked.render(
        "audiences/overlap.html",
        options=[(key, label.in_(asked.language)) for key, label in known.items()],
        one=one,
        other=other,
        names={key: label.in_(asked.language) for key, label in known.items()},
        found=found,
        picture=picture,
        path=f"{HERE}/overlap",
        back=page_of(asked.query["from"]) if asked.query.get("from") in known else HERE,
        rules={"one": f"in_audience('{one}')", "other": f"in_audience('{other}')"},
    )


def circles(found: Overlap) -> dict[str, Any]:
    """Return two circles whose areas, and the area that they share, are to scale."""
    largest = max(found.one, found.other, 1)
    first, second = (_RADIUS * math.sqrt(size / largest) for size in (found.one, found.other))
    shared = math.pi * _RADIUS**2 * found.both / largest
    apart = distance(first, second, shared)
    width = first + max(apart, 0) + second
    left = (_WIDTH - max(width, 2 * max(first, second))) / 2 + first
    if first < second - apart:
        left += second - apart - first
    right = left + apart
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "middle": _HEIGHT / 2,
        "one": {"x": round(left, 1), "r": round(first, 1)},
        "other": {"x": round(right, 1), "r": round(second, 1)},
        "numbers": [
            {"x": round((start + end) / 2, 1), "number": number}
            for start, end, number in (
                (left - first, min(right - second, left + first), found.one - found.both),
                (right - second, left + first, found.both),
                (max(left + first, right - second), right + second, found.other - found.both),
            )
            if number and end - start >= _ROOM
        ],
    }


def distance(first: float, second: float, shared: float) -> float:
    """Return how far apart the middles of two circles are that share an area: by halving, to a hundredth."""
    near, far = abs(first - second), first + second
    if shared <= 0:
        return far + 12
    if shared >= math.pi * min(first, second) ** 2 * 0.9999:
        return near
    while far - near > 0.01:
        middle = (near + far) / 2
        if lens(first, second, middle) > shared:
            near = middle
        else:
            far = middle
    return (near + far) / 2


def lens(first: float, second: float, apart: float) -> float:
    """Return the area that two circles share whose middles are ``apart``."""
    if apart >= first + second:
        return 0.0
    if apart <= abs(first - second):
        return math.pi * min(first, second) ** 2
    a, b, d = first**2, second**2, apart**2
    at_first = math.acos(_within((d + a - b) / (2 * apart * first)))
    at_second = math.acos(_within((d + b - a) / (2 * apart * second)))
    product = (-apart + first + second) * (apart + first - second) * (apart - first + second)
    triangle = math.sqrt(max(0.0, product * (apart + first + second)))
    return a * at_first + b * at_second - triangle / 2


def _within(cosine: float) -> float:
    return max(-1.0, min(1.0, cosine))
