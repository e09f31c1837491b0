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
from guanxi.console.render import path
from guanxi.console.session import Asked
from guanxi.customers.history.model import STEP
from guanxi.customers.members.service import Members
from guanxi.customers.stages.model import Behind, Funnel, Reached, Staged, way
from guanxi.customers.stages.service import Stages
from guanxi.kernel.errors import NotFound

_CAME: Final = {"": (None, N_("All")), "365": (365, N_("New in a year")), "90": (90, N_("New in 90 days"))}
"""Whose way is shown: of those first met in the last days."""
_ONWARD: Final = {"yes": True, "no": False}
_MOST: Final = 100
"""Members that are shown behind a figure."""
_FEW: Final = 5
"""Members below whom a median says little."""


def show(asked: Asked) -> Response:
    """Show how far members came, or how far looking back has come."""
    service = asked.service(Stages)
    with asked.context.database.reading() as tx:
        trait = chosen(asked, service.traits(tx, asked.merchant))
    if trait is None:
        raise NotFound(what_zh="带阶段的标签", what_en="trait with stages", key=STAGE)
    came = _came(asked)
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


def _came(asked: Asked) -> str:
    came = asked.query.get("came", "")
    return came if came in _CAME else ""


def behind(asked: Asked) -> Response:
    """Show the members behind a figure, those who came there last first."""
    service = asked.service(Stages)
    with asked.context.database.reading() as tx:
        trait = chosen(asked, service.traits(tx, asked.merchant))
    on = way(trait.values)[0] if trait else []
    stage, onward = asked.query.get("stage", ""), _ONWARD.get(asked.query.get("onward", ""))
    if trait is None or stage not in on:
        raise NotFound(what_zh="阶段", what_en="stage", key=stage)
    came = _came(asked)
    wanted = Behind(stage, onward, _MOST)
    found = service.behind(asked.merchant, trait.name, on, wanted, _CAME[came][0])
    with asked.context.database.reading() as tx:
        lines = asked.service(Members).lines(tx, asked.merchant, [one.member_id for one in found])
    following = on[on.index(stage) + 1 :]
    return asked.render(
        "loop/behind.html",
        back=f"{LOOP}?trait={trait.name}",
        href=f"{asked.request.url.path}?{asked.request.url.query}",
        stage=name_of(asked, trait, stage),
        next=name_of(asked, trait, following[0]) if following else "",
        onward=onward,
        most=_MOST,
        rows=[
            {
                "name": lines[one.member_id].display,
                "href": path("console", "members", one.member_id),
                "came": one.came,
                "went": one.went,
                "days": None if one.came is None or one.went is None else one.went - one.came,
            }
            for one in found
            if one.member_id in lines
        ],
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
                "href": f"{LOOP}/behind?trait={trait.name}&stage={one.stage}&came={_came(asked)}",
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
