"""What each figure of the funnel means."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.console.home.figures import Definition
from guanxi.console.i18n import N_
from guanxi.console.places import LOOP
from guanxi.console.render import path
from guanxi.console.session import Asked
from guanxi.kernel.errors import NotFound

_SOURCE: Final = N_(
    "Events “A trait changed” (trait.changed): before the first table of all members, the definition asked as of the end of"
    " each seventh day, for at most 52 weeks; since then, what each new table changed. What is known of members now, such"
    " as consents and attributes, is taken to have held in the past as well."
)
_PERIOD: Final = N_(
    "Since the day that is named above the chart. “New in a year” and “new in 90 days” are those first met on those days."
)

FIGURES: Final[dict[str, Definition]] = {
    "reached": Definition(
        N_("Came this far"),
        N_(
            "Members who were in this stage at least once, or in one further on the way. The small figure are those who"
            " were seen in the stage itself; the others passed it by, for instance by buying at once. Whoever was only"
            " seen beside the way, such as asleep, is not among them."
        ),
        _PERIOD,
        _SOURCE,
        "count(member) where max(place of stage) >= place",
    ),
    "onward": Definition(
        N_("Went on"),
        N_(
            "Of those who came this far, how many came at least to the next stage, whether they are still there or not."
            " The others have not gone on yet, and still may."
        ),
        _PERIOD,
        _SOURCE,
        "reached(next) / reached(stage)",
    ),
    "days": Definition(
        N_("Days to the next stage"),
        N_(
            "From the first day of having come this far to the first day of having come to the next stage: half of the"
            " members took the number of days or less; the middle half lies between the two smaller figures. Only those"
            " count who went on and of whom both days are known; whoever was there when the history begins is left out."
            " Those who have not gone on yet are not in it, so where many have not, it really takes longer. A day that"
            " was looked back upon is the end of a week: it may have been up to 7 days earlier."
        ),
        _PERIOD,
        _SOURCE,
        "quantile(first_day(next) - first_day(stage), 0.25, 0.5, 0.75)",
    ),
}


def show(asked: Asked) -> Response:
    """Say what a figure means."""
    key = asked.part("key")
    found = FIGURES.get(key)
    if found is None:
        raise NotFound(what_zh="指标", what_en="figure", key=key)
    return asked.render(
        "loop/meaning.html", found=found, href=path("console", "loop", "meaning", key), back=LOOP
    )
