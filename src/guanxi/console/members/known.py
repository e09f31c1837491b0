"""What is known of one member: their stage, what follows from what they did, and the audiences they are in."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.console import formats
from guanxi.console.i18n import N_
from guanxi.console.places import MEMBERS
from guanxi.console.render import path
from guanxi.console.session import Asked, Page
from guanxi.customers.audiences.model import KnownValue
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.members.service import Members
from guanxi.rules import Type

NOTHING: Final = "—"


def pages() -> list[Page]:
    """Return the part of a member's page that says what is known."""
    return [Page(f"{MEMBERS}/{{member_id}}/known", show, Permission.MEMBERS_READ)]


def show(asked: Asked) -> Response:
    """Show a member's traits, stages and audiences as they are at this moment."""
    member = asked.part("member_id")
    with asked.context.database.reading() as tx:
        # Who does not exist is not known of either.
        profile = asked.service(Members).get_member(tx, asked.merchant, member, personal=False)
        known = asked.service(Audiences).known_of(tx, asked.merchant, profile.member_id)
    derived = [one for one in known if one.derived and not one.membership]
    traits = [_trait(asked, one) for one in derived]
    audiences = [_audience(asked, one, profile.member_id) for one in known if one.membership]
    return asked.render(
        "members/known.html",
        href=path("console", "members", profile.member_id),
        stages=[one for one in traits if one["stage"] and one["known"]],
        traits=[one for one in traits if not one["stage"] and one["known"]],
        unknown=[one for one in traits if not one["known"]],
        inside=[one for one in audiences if one["inside"]],
        outside=[one for one in audiences if not one["inside"]],
        nothing=not known or not (derived or audiences),
    )


def _trait(asked: Asked, one: KnownValue) -> dict[str, Any]:
    return {
        "label": one.label.in_(asked.language),
        "value": value_of(asked, one),
        "known": one.value is not None,
        "aged": _aged(asked, one),
        "stage": bool(one.values) and one.type is Type.TEXT,
        "raw": str(one.value),
        "name": one.name,
        "href": path("console", "definitions", "trait", one.name)
        if asked.may(Permission.DEFINITIONS_READ)
        else "",
    }


def _aged(asked: Asked, one: KnownValue) -> str:
    """Return of which day a value is that is not of now."""
    if one.day is None:
        return ""
    return asked.say(N_("as of %(day)s, from the last board"), day=formats.date(one.day, asked.language))


def _audience(asked: Asked, one: KnownValue, member_id: str) -> dict[str, Any]:
    may = asked.may(Permission.AUDIENCES_READ)
    return {
        "label": one.label.in_(asked.language),
        "inside": bool(one.value),
        "aged": _aged(asked, one),
        "href": path("console", "audiences", one.name) if may else "",
        "why": path("console", "audiences", one.name, "why", member_id) if may else "",
    }


def value_of(asked: Asked, one: KnownValue) -> str:
    """Return a value as people write it, by its type and with the labels that were declared."""
    value, language = one.value, asked.language
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return one.values[value].in_(language) if value in one.values else value
    if isinstance(value, Collection):
        said = sorted(one.values[each].in_(language) if each in one.values else str(each) for each in value)
        return ("、" if language == "zh" else ", ").join(said) or NOTHING
    if isinstance(value, bool):
        return asked.say(N_("yes")) if value else asked.say(N_("no"))
    if one.type is Type.DATE:
        return formats.date(int(value), language)
    if one.type is Type.MONEY:
        # An average is no whole number of fen.
        return formats.money(round(value), asked.merchant.currency)
    return formats.number(value)
