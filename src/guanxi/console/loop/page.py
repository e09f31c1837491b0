"""The loop: how many members are in each stage, who moved on and who fell back, and how long that took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final
from urllib.parse import quote_plus

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.console import formats
from guanxi.console.i18n import N_
from guanxi.console.loop import funnel, meanings
from guanxi.console.loop.words import STAGE, chosen, name_of
from guanxi.console.places import DEFINITIONS, LOOP, MEMBERS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page
from guanxi.customers.stages.model import Move, Staged, Standing, rule_of, way
from guanxi.customers.stages.service import Stages
from guanxi.kernel.errors import NotFound

_DAYS: Final = 30
_FLAG: Final = "fission"
"""The trait that stands beside the stages: yes or no."""


def pages() -> list[Page]:
    """Return the page of the loop, its parts that take longer, and what their figures mean."""
    needs = Permission.AUDIENCES_READ
    return [
        Page(LOOP, show, needs),
        Page(f"{LOOP}/moves", moves, needs),
        Page(f"{LOOP}/funnel", funnel.show, needs),
        Page(f"{LOOP}/behind", funnel.behind, Permission.MEMBERS_READ),
        Page(f"{LOOP}/meaning/{{key}}", meanings.show, needs),
    ]


def show(asked: Asked) -> Response:
    """Show who is in which stage now."""
    service = asked.service(Stages)
    with asked.context.database.reading() as tx:
        traits = service.traits(tx, asked.merchant)
        flag = _FLAG if _FLAG in service.flags(tx, asked.merchant) else ""
    trait = chosen(asked, traits)
    standing = service.standing(asked.merchant, trait.name, flag) if trait else None
    if trait is None or standing is None:
        return asked.render("loop/empty.html", new=f"{DEFINITIONS}/new?kind=stages", waiting=bool(traits))
    on, beside = way(trait.values)
    return asked.render(
        "loop/page.html",
        trait=trait.name,
        label=trait.label.in_(asked.language),
        others=[
            {
                "href": f"{LOOP}?trait={name}",
                "label": one.label.in_(asked.language),
                "here": name == trait.name,
            }
            for name, one in traits.items()
        ],
        chart=_chart(asked, trait, standing, on, beside),
        summary=_summary(asked, trait, standing, on),
        rows=[_row(asked, trait, standing, stage, beside=stage in beside) for stage in (*on, *beside)],
        none=standing.stages.get("", 0),
        members=standing.members,
        flagged=sum(standing.flagged.values()) if flag else None,
        flag_href=f"{MEMBERS}?rule={flag}",
        at=standing.built_at,
        definition=path("console", "definitions", "trait", trait.name)
        if asked.may(Permission.DEFINITIONS_READ)
        else "",
        funnel=f"{LOOP}/funnel?trait={trait.name}",
        moves=f"{LOOP}/moves?trait={trait.name}",
    )


def _row(asked: Asked, trait: Staged, standing: Standing, stage: str, *, beside: bool) -> dict[str, Any]:
    count = standing.stages.get(stage, 0)
    return {
        "label": name_of(asked, trait, stage),
        "count": count,
        "share": Fraction(count, standing.members) if standing.members else None,
        "beside": beside,
        "flagged": standing.flagged.get(stage, 0),
        "href": f"{MEMBERS}?rule=" + quote_plus(rule_of(trait.name, stage)),
    }


def _chart(
    asked: Asked, trait: Staged, standing: Standing, on: Sequence[str], beside: Sequence[str]
) -> dict[str, Any]:
    counts = [standing.stages.get(stage, 0) for stage in on]
    aside = [standing.stages.get(stage, 0) for stage in beside]
    series = [{"name": asked.say(N_("On the way")), "values": [*counts, *([None] * len(aside))]}]
    if beside:
        series.append({"name": asked.say(N_("Beside it")), "values": [*([None] * len(counts)), *aside]})
    return {
        "kind": "bar",
        "unit": "count",
        "horizontal": True,
        "stacked": len(series) > 1,
        "direct": True,
        "x": [name_of(asked, trait, stage) for stage in (*on, *beside)],
        "series": series,
    }


def _summary(asked: Asked, trait: Staged, standing: Standing, on: Sequence[str]) -> str:
    said = [f"{name_of(asked, trait, stage)} {formats.number(standing.stages.get(stage, 0))}" for stage in on]
    return ("，" if asked.language == "zh" else ", ").join(said)


def moves(asked: Asked) -> Response:
    """Show who went where in the last days, and how long they had been where they were."""
    service = asked.service(Stages)
    with asked.context.database.reading() as tx:
        trait = chosen(asked, service.traits(tx, asked.merchant))
    if trait is None:
        raise NotFound(what_zh="带阶段的标签", what_en="trait with stages", key=STAGE)
    looking = service.looking(asked.merchant, trait.name)
    found = service.moves(asked.merchant, trait.name, _DAYS)
    on, beside = way(trait.values)
    return asked.render(
        "loop/moves.html",
        href=f"{LOOP}?trait={trait.name}",
        days=_DAYS,
        looked_back=found.looked_back,
        weekly=looking is not None and looking.ended,
        matrix=_matrix(asked, trait, found.moves, on, beside),
        nobody=not any(one.members for one in found.moves),
    )


def _matrix(
    asked: Asked, trait: Staged, some: Sequence[Move], on: Sequence[str], beside: Sequence[str]
) -> dict[str, Any]:
    """Return moves as a table: from the rows to the columns. The higher a cell's ``level`` (0 to 4), the more moved."""
    stages = [*on, *beside]
    counts = Counter({(one.before, one.after): one.members for one in some if one.members})
    most = max(counts.values(), default=0)
    stayed = {(one.before, one.after): one for one in some if one.timed and one.days is not None}
    rows = [stage for stage in ("", *stages) if any(counts[stage, other] for other in stages)]
    # Whoever leaves the way has gone back behind its beginning.
    place = {stage: number for number, stage in enumerate([*reversed(beside), "", *on])}
    return {
        "columns": [name_of(asked, trait, stage) for stage in stages],
        "rows": [
            {
                "label": name_of(asked, trait, stage) if stage else asked.say(N_("New to us")),
                "cells": [
                    {
                        "count": counts[stage, other],
                        "level": -(-4 * counts[stage, other] // most) if most else 0,
                        "same": stage == other,
                        "on": place[stage] < place[other],
                        "stayed": _stayed(asked, stayed.get((stage, other))),
                    }
                    for other in stages
                ],
                "sum": sum(counts[stage, other] for other in stages),
            }
            for stage in rows
        ],
        "sums": [sum(counts[stage, other] for stage in rows) for other in stages],
    }


def _stayed(asked: Asked, move: Move | None) -> str:
    """Say how long members had been in a stage before they moved so, on any day, where their coming into it is known."""
    if move is None or move.days is None:
        return ""
    return asked.say(
        N_("of all %(count)s timed so far, half within %(days)s days"),
        days=formats.number(round(move.days)),
        count=formats.number(move.timed),
    )
