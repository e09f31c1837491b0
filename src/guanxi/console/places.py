"""Where one can go: every place with the permission that opens it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from guanxi.access import Permission
from guanxi.console.i18n import N_
from guanxi.console.shell import Place

HOME: Final = "/console"
MEMBERS: Final = "/console/members"
HEALTH: Final = "/console/settings/health"
AUDIENCES: Final = "/console/audiences"
SETTINGS: Final = "/console/settings"
DEFINITIONS: Final = "/console/definitions"
LOOP: Final = "/console/loop"
ME: Final = "/console/me"
WORK: Final = "/console/work"

_PLACES: Final = (
    Place("home", N_("Overview"), "layout-dashboard", HOME, go="h"),
    Place("members", N_("Members"), "users", MEMBERS, go="m"),
    Place("audiences", N_("Audiences"), "target", AUDIENCES, go="a"),
    Place("loop", N_("Life cycle"), "route", LOOP, go="l"),
    Place(
        "settings",
        N_("Settings"),
        "settings",
        SETTINGS,
        children=(
            Place("health", N_("Data health"), "heartbeat", HEALTH, go="d"),
            Place("definitions", N_("Definitions"), "file-text", DEFINITIONS, go="e"),
            Place("accounts", N_("Accounts"), "building-store", f"{SETTINGS}/accounts"),
            Place("keys", N_("Keys"), "key", f"{SETTINGS}/keys", go="k"),
            Place("people", N_("People and roles"), "users-group", f"{SETTINGS}/people"),
            Place("audit", N_("Audit trail"), "history", f"{SETTINGS}/audit"),
        ),
    ),
)
_OPENED_BY: Final = {
    "home": Permission.INSIGHT_READ,
    "members": Permission.MEMBERS_READ,
    "audiences": Permission.AUDIENCES_READ,
    "loop": Permission.AUDIENCES_READ,
    "health": Permission.HEALTH_READ,
    "definitions": Permission.DEFINITIONS_READ,
    "accounts": Permission.SETTINGS_MANAGE,
    "keys": Permission.KEYS_MANAGE,
    "people": Permission.PEOPLE_MANAGE,
    "audit": Permission.AUDIT_READ,
}


def places_for(permissions: Collection[Permission]) -> tuple[Place, ...]:
    """Return the places that somebody with ``permissions`` may enter; a heading without children is left out."""
    open_to = []
    for place in _PLACES:
        if place.children:
            children = tuple(child for child in place.children if _OPENED_BY[child.key] in permissions)
            if children:
                open_to.append(replace(place, children=children))
        elif _OPENED_BY[place.key] in permissions:
            open_to.append(place)
    return tuple(open_to)


def first_place(permissions: Collection[Permission]) -> str:
    """Return where somebody with ``permissions`` begins: their first place, or their own account if they have none."""
    for place in places_for(permissions):
        return place.children[0].href if place.children else place.href
    return ME
