"""Why a member is in an audience, or not: its rule taken apart, with what is known of them."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from guanxi.access.permissions import Permission
from guanxi.console.audiences.list import in_words
from guanxi.console.audiences.one import line_of
from guanxi.console.audiences.paths import HERE, definition_of, page_of
from guanxi.console.render import path
from guanxi.console.session import Asked, Page
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.members.service import Members
from guanxi.customers.profiles.model import needs
from guanxi.rules.explain import Reason

_VERDICTS: Final = {True: "pass", False: "fail", None: "unknown"}


def pages() -> list[Page]:
    """Return the page of a reason."""
    return [Page(f"{HERE}/{{key}}/why/{{member_id}}", show, Permission.MEMBERS_READ)]


def show(asked: Asked) -> Response:
    """Show why a member is in an audience or not, as a page or beside another one."""
    key, audiences = asked.part("key"), asked.service(Audiences)
    line = line_of(asked, key)
    vocabulary = audiences.vocabulary(asked.merchant)
    rule = audiences.meaning(asked.merchant, key)
    with asked.context.database.reading() as tx:
        profile = asked.service(Members).get_member(
            tx, asked.merchant, asked.part("member_id"), personal=False
        )
        reason = audiences.why(tx, asked.merchant, profile.member_id, rule)
    return asked.render(
        "audiences/why.html",
        line=line,
        name=line.label.in_(asked.language),
        member=profile,
        member_href=path("console", "members", profile.member_id),
        href=page_of(key),
        here_href=path("console", "audiences", key, "why", profile.member_id),
        definition=definition_of(key),
        inside=reason.verdict,
        online=needs(vocabulary, [rule]).online,
        said=in_words(asked, key, line.rule, vocabulary),
        tree=tree(asked, reason),
    )


def tree(asked: Asked, reason: Reason) -> dict[str, Any]:
    """Return a reason as ``ui.why`` draws it: what was found stands beside the condition that looked at it."""
    node: dict[str, Any] = {
        "label": reason.sentence.in_(asked.language),
        "verdict": _VERDICTS[reason.verdict],
        "children": [tree(asked, part) for part in reason.parts],
    }
    if reason.found:
        node["value"] = _written(asked, reason.found[0].value)
        rest = [f"{one.label.in_(asked.language)} {_written(asked, one.value)}" for one in reason.found[1:]]
        if rest:
            node["note"] = " · ".join(rest)
    return node


def _written(asked: Asked, value: str | None) -> str:
    words = {None: ("未知", "unknown"), "true": ("是", "yes"), "false": ("否", "no"), "": ("无", "none")}
    found = words.get(value)
    if found is None:
        return str(value)
    return found[0] if asked.language == "zh" else found[1]
