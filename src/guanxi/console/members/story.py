"""How events read on a timeline: an icon, a title with the money in it, the declared properties, and the cause."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from guanxi.console import formats
from guanxi.console.i18n import N_
from guanxi.console.members import labels, told
from guanxi.console.session import Asked
from guanxi.customers.boards.model import AUDIENCE_ENTERED, AUDIENCE_LEFT, TRAIT_CHANGED
from guanxi.customers.events.model import FieldType
from guanxi.customers.members.model import FieldView, TimelineEntry

_ICONS: Final[dict[str, tuple[str, str]]] = {
    "order.paid": ("shopping-cart", "ok"),
    "order.refunded": ("receipt", "warn"),
    "coupon.redeemed": ("ticket", "info"),
    "campaign.received": ("speakerphone", "mute"),
    "identify": ("id", "mute"),
    "alias": ("link", "mute"),
    "group": ("users-group", "mute"),
    "page": ("world", "mute"),
    "screen": ("device-mobile", "mute"),
    "consent.given": ("circle-check", "ok"),
    "consent.withdrawn": ("circle-minus", "warn"),
    "identity.verified": ("shield-lock", "ok"),
    "identity.joined": ("git-merge", "info"),
    "identity.separated": ("unlink", "warn"),
    "identity.withdrawn": ("arrow-back-up", "info"),
    "member.erased": ("trash", "bad"),
    AUDIENCE_ENTERED: ("users-group", "ok"),
    AUDIENCE_LEFT: ("users-group", "mute"),
    TRAIT_CHANGED: ("route", "info"),
}
_MOST_LETTERS: Final = 60
_PUBLIC_ID: Final = re.compile(r"[a-z]{3}_[0-9a-z]{13,32}")
"""What names something to a program, and tells a reader nothing."""
_NAMED: Final = {"purpose": labels.purpose, "channel": labels.channel}


def icon_of(event_type: str) -> tuple[str, str]:
    """Return the icon and tone of an event type."""
    return _ICONS.get(event_type, ("activity", "mute"))


def entries(
    asked: Asked,
    events: list[TimelineEntry],
    accounts: Mapping[str, str],
    staff: Mapping[str, str],
    most: int = 4,
) -> list[dict[str, Any]]:
    """Return events as the timeline draws them, each with at most so many of its properties.

    ``accounts`` and ``staff`` are names by account key and by person id.
    """
    return [_entry(asked, event, accounts, staff, most) for event in events]


def _entry(
    asked: Asked,
    event: TimelineEntry,
    accounts: Mapping[str, str],
    staff: Mapping[str, str],
    most: int,
) -> dict[str, Any]:
    icon, tone = icon_of(event.type)
    if said := told.title_of(asked, event):
        entry: dict[str, Any] = {"at": event.time, "icon": icon, "tone": tone, "title": said}
        if note := told.note_of(asked, event):
            entry["text"] = note
        return entry
    title = event.label.in_(asked.language)
    # The currency is told only where it is not the merchant's own.
    fields = [one for one in event.fields if one.value != asked.merchant.currency]
    amount = next((one for one in fields if one.name == "amount" and one.unit == "fen"), None)
    if amount is not None and isinstance(amount.value, int):
        title += " " + formats.money(amount.value, asked.merchant.currency)
        fields.remove(amount)
    shown = [text for text in (_field(asked, one, staff) for one in fields) if text]
    if not shown:
        plain = [
            (name, value)
            for name, value in event.other.items()
            if isinstance(value, str | int | bool) and not _PUBLIC_ID.fullmatch(str(value))
        ]
        shown = [f"{labels.attribute(name, asked.language)} {_value(asked, value)}" for name, value in plain]
    where = [accounts.get(event.account, event.account), labels.channel(event.channel, asked.language)]
    entry = {"at": event.time, "icon": icon, "tone": tone, "title": title}
    if shown:
        entry["text"] = " · ".join(shown[:most])
    causes = [one for one in where if one]
    if event.has_personal and event.personal is None:
        causes.append(asked.say(N_("personal details sealed")))
    if causes:
        entry["cause"] = " · ".join(causes)
    return entry


def _field(asked: Asked, field: FieldView, staff: Mapping[str, str]) -> str:
    value, label = field.value, field.label.in_(asked.language)
    if isinstance(value, str):
        value = staff.get(value, value)
        if _PUBLIC_ID.fullmatch(value):
            return ""
    if value is None or value == "" or isinstance(value, dict):
        return ""
    if isinstance(value, list):
        return asked.say(N_("%(label)s: %(count)s"), label=label, count=len(value)) if value else ""
    if field.type is FieldType.MONEY and isinstance(value, int):
        return f"{label} {formats.money(value, asked.merchant.currency)}" if value else ""
    named = _NAMED.get(field.name)
    return f"{label} {named(str(value), asked.language) if named else _value(asked, value)}"


def _value(asked: Asked, value: Any) -> str:
    if isinstance(value, bool):
        return asked.say(N_("yes")) if value else asked.say(N_("no"))
    text = str(value)
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
