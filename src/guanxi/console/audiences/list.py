"""The list of audiences."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from guanxi.access.permissions import Permission
from guanxi.console.audiences.builder import EXAMPLES
from guanxi.console.audiences.paths import HERE, page_of
from guanxi.console.i18n import N_
from guanxi.console.session import Asked, Page
from guanxi.console.shell import Column, ListView
from guanxi.customers.audiences.model import AudienceLine
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.boards.trends import trend
from guanxi.customers.profiles.model import Vocabulary
from guanxi.rules import BadRule, InAudience, condition, sentence

TREND_DAYS: Final = 30
_COLUMNS: Final = (
    Column("name", N_("Audience")),
    Column("rule", N_("Who is in it"), wide_only=True),
    Column("size", N_("Members"), end=True),
    Column("change", N_("Since the time before"), end=True, wide_only=True, optional=True),
    Column("trend", N_("30 days"), end=True, wide_only=True, optional=True),
)
_DONE: Final = {"deleted": N_("The audience is deleted.")}


def pages() -> list[Page]:
    """Return the page of the list."""
    return [Page(HERE, show, Permission.AUDIENCES_READ)]


def show(asked: Asked) -> Response:
    """List all audiences, or those a search finds in name, code or rule."""
    text = asked.query.get("q", "").strip()[:200]
    audiences = asked.service(Audiences)
    vocabulary = audiences.vocabulary(asked.merchant)
    with asked.context.database.reading() as tx:
        every = audiences.list(tx, asked.merchant)
        daily = trend(tx, asked.merchant, asked.today, TREND_DAYS)
    trends: dict[str, list[int]] = {}
    for one in daily:
        trends.setdefault(one.audience, []).append(one.size)
    rows = [row(asked, line, vocabulary, trends.get(line.key, [])) for line in every]
    found = [one for one in rows if text.lower() in one["sought"]]
    found.sort(key=lambda one: -(one["line"].size or 0))
    return asked.render(
        "audiences/list.html",
        list=ListView(path=HERE, params=(("q", text),), total=len(found)),
        columns=asked.columns(_COLUMNS),
        rows=found,
        asked=text,
        at=max((line.at for line in every), default=0),
        examples=examples(asked, vocabulary),
        done=_DONE.get(asked.query.get("done", ""), ""),
    )


def row(asked: Asked, line: AudienceLine, vocabulary: Vocabulary, sizes: list[int]) -> dict[str, Any]:
    """Return an audience as a row of the list."""
    said = in_words(asked, line.key, line.rule, vocabulary)
    sought = f"{line.key} {line.label.zh} {line.label.en} {said} {line.rule}".lower()
    return {"href": page_of(line.key), "line": line, "said": said, "trend": sizes, "sought": sought}


def in_words(asked: Asked, key: str, rule: str, vocabulary: Vocabulary) -> str:
    """Return an audience's rule in words; as it is written if it is wrong by now, and nothing for a list."""
    derived = vocabulary.derived.get(InAudience(key).name)
    if derived is None or not rule:
        return rule
    try:
        return sentence(condition(rule, vocabulary.catalogue), vocabulary.catalogue, asked.language)
    except BadRule:
        return rule


def examples(asked: Asked, vocabulary: Vocabulary) -> list[dict[str, str]]:
    """Return rules to begin with that the merchant's events allow, each one click away from the builder."""
    found = []
    for key, (label, rule) in EXAMPLES.items():
        try:
            said = sentence(condition(rule, vocabulary.catalogue), vocabulary.catalogue, asked.language)
        except BadRule:
            continue
        found.append({"href": f"{HERE}/new?example={key}", "label": asked.say(label), "said": said})
    return found
