"""Why a member is in an audience, or not: its rule taken apart, with what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from guanxi.access.permissions import Permission
from guanxi.console import formats
from guanxi.console.audiences.list import in_words
from guanxi.console.audiences.one import line_of
from guanxi.console.audiences.paths import HERE, definition_of, page_of
from guanxi.console.i18n import N_
from guanxi.console.render import path
from guanxi.console.session import Asked, Page
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.members.service import Members
from guanxi.customers.profiles.model import needs
from guanxi.rules import InAudience
from guanxi.rules.explain import Found, Reason
from guanxi.storage.database import Transaction

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
        reason, day = audiences.why(tx, asked.merchant, profile.member_id, rule)
        within = _within(asked, tx, profile.member_id, reason)
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
        board_day=day,
        said=in_words(asked, key, line.rule, vocabulary),
        tree=tree(asked, reason, within, day),
    )


def _within(asked: Asked, tx: Transaction, member: str, reason: Reason) -> dict[str, Reason]:
    """Return the reasons of the audiences that a reason names, and of those that these name, by their text."""
    audiences = asked.service(Audiences)
    keys = {InAudience(key).name: key for key in audiences.vocabulary(asked.merchant).catalogue.audiences}
    found: dict[str, Reason] = {}
    waiting = [reason]
    while waiting:
        one = waiting.pop()
        waiting += one.parts
        if one.text in keys and one.text not in found:
            rule = audiences.meaning(asked.merchant, keys[one.text])
            if not isinstance(rule, InAudience):
                found[one.text], _ = audiences.why(tx, asked.merchant, member, rule)
                waiting.append(found[one.text])
    return found


def tree(asked: Asked, reason: Reason, within: Mapping[str, Reason], day: int | None) -> dict[str, Any]:
    """Return a reason as ``ui.why`` draws it: what was found stands beside the condition that looked at it.

    Below an audience stands why its own rule is so: the reasons ``within``, by the text that names it. What is not of now
    says that it is the last board's, of ``day``.
    """
    parts = (within[reason.text],) if reason.text in within else reason.parts
    node: dict[str, Any] = {
        "label": reason.sentence.in_(asked.language),
        "verdict": _VERDICTS[reason.verdict],
        "children": [tree(asked, part, within, day) for part in parts],
    }
    if reason.found and reason.text not in within:
        node["value"] = _written(asked, reason.found[0])
        rest = [f"{one.label.in_(asked.language)} {_written(asked, one)}" for one in reason.found[1:]]
        if day is not None and any(one.aged for one in reason.found):
            rest.append(
                asked.say(N_("as of %(day)s, from the last board"), day=formats.date(day, asked.language))
            )
        if rest:
            node["note"] = " · ".join(rest)
    return node


def _written(asked: Asked, one: Found) -> str:
    if one.said is not None:
        return one.said.in_(asked.language)
    value = one.value
    words = {None: ("未知", "unknown"), "true": ("是", "yes"), "false": ("否", "no"), "": ("无", "none")}
    found = words.get(value)
    if found is None:
        return str(value)
    return found[0] if asked.language == "zh" else found[1]
