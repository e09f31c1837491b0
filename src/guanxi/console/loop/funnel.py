"""The loop as a funnel: how many came how far, how many went on, and how long that took."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from starlette.responses import Response

from guanxi.console import formats
from guanxi.console.i18n import N_
from guanxi.console.loop.words import STAGE, chosen, name_of
from guanxi.console.places import LOOP
from guanxi.console.session import Asked
from guanxi.customers.history.model import STEP
from guanxi.customers.stages.model import Funnel, Reached, Staged, way
from guanxi.customers.stages.service import Stages
from guanxi.kernel.errors import NotFound

_CAME: Final = {"": (None, N_("All")), "365": (365, N_("New in a year")), "90": (90, N_("New in 90 days"))}
"""Whose way is shown: of those first met in the last days."""
_FEW: Final = 5
"""Members below whom a median says little."""


def show(asked: Asked) -> Response:
    """Show how far members came, or how far looking back has come."""
    service = asked.service(Stages)
    with asked.context.database.reading() as tx:
        trait = chosen(asked, service.traits(tx, asked.merchant))
    if trait is None:
        raise NotFound(what_zh="带阶段的标签", what_en="trait with stages", key=STAGE)
    came = asked.query.get("came", "")
    came = came if came in _CAME else ""
    on, _ = way(trait.values)
    here = f"{LOOP}/funnel?trait={trait.name}"
    found = service.funnel(asked.merchant, trait.name, on, _CAME[came][0])
    return asked.render(
        "loop/funnel.html",
        back=f"{LOOP}?trait={trait.name}",
        here=here,
        told=trait.told,
        ranked=trait.ranked,
        looking=service.looking(asked.merchant, trait.name) if found is None else None,
        periods=[
            {
                "href": f"{here}&came={key}" if key else here,
                "label": asked.say(label),
                "here": key == came,
            }
            for key, (_, label) in _CAME.items()
        ],
        found=found,
        meaning=f"{LOOP}/meaning",
        chart=_chart(asked, trait, found) if found else None,
        summary=_summary(asked, trait, found) if found else "",
        rows=_rows(asked, trait, found) if found else [],
        step=STEP,
    )


def _share(one: Reached) -> Fraction | None:
    return Fraction(one.onward, one.members) if one.members else None


def _chart(asked: Asked, trait: Staged, found: Funnel) -> dict[str, Any]:
    """Return bars of who came how far, each with the share of the stage before that came on to it."""
    labels = [formats.number(found.stages[0].members)] if found.stages else []
    for before, one in pairwise(found.stages):
        share, count = _share(before), formats.number(one.members)
        labels.append(count if share is None else f"{count} · {formats.percent(share)}")
    return {
        "kind": "bar",
        "unit": "count",
        "horizontal": True,
        "x": [name_of(asked, trait, one.stage) for one in found.stages],
        "labels": labels,
        "series": [
            {
                "name": asked.say(N_("Came this far")),
                "values": [one.members for one in found.stages],
            }
        ],
    }


def _summary(asked: Asked, trait: Staged, found: Funnel) -> str:
    said = [f"{name_of(asked, trait, one.stage)} {formats.number(one.members)}" for one in found.stages]
    return ("，" if asked.language == "zh" else ", ").join(said)


def _rows(asked: Asked, trait: Staged, found: Funnel) -> list[dict[str, Any]]:
    """Return a row per stage; ``next`` is empty for the last one. Days are ``None`` where none are known."""
    following = [*(name_of(asked, trait, one.stage) for one in found.stages[1:]), ""]
    rows = []
    for one, next_ in zip(found.stages, following, strict=True):
        low, half, high = one.days or (None, None, None)
        rows.append(
            {
                "label": name_of(asked, trait, one.stage),
                "next": next_,
                "count": one.members,
                "stayed": one.stayed,
                "onward": one.onward,
                "share": _share(one),
                "waiting": one.members - one.onward,
                "days": None if half is None else round(half),
                "low": None if low is None else round(low),
                "high": None if high is None else round(high),
                "timed": one.timed,
                "rough": bool(one.rough),
                "within": bool(one.rough) and half is not None and half < STEP,
                "few": one.timed < _FEW,
            }
        )
    return rows
