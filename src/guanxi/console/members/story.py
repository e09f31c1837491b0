"""How events read on a timeline: an icon, a title with the money in it, the declared properties, and the cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guanxi.console import formats
from guanxi.console.i18n import N_
from guanxi.console.session import Asked
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
    "member.erased": ("trash", "bad"),
}
_MOST_FIELDS: Final = 4
_MOST_LETTERS: Final = 60


def icon_of(event_type: str) -> tuple[str, str]:
    """Return the icon and tone of an event type."""
    return _ICONS.get(event_type, ("activity", "mute"))


def entries(asked: Asked, events: list[TimelineEntry], accounts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return events as the timeline draws them."""
    return [_entry(asked, event, accounts) for event in events]


def _entry(asked: Asked, event: TimelineEntry, accounts: Mapping[str, str]) -> dict[str, Any]:
    icon, tone = icon_of(event.type)
    title = event.label.in_(asked.language)
    fields = list(event.fields)
    amount = next((one for one in fields if one.name == "amount" and one.unit == "fen"), None)
    if amount is not None and isinstance(amount.value, int):
        title += " " + formats.money(amount.value, asked.merchant.currency)
        fields.remove(amount)
    told = [text for text in (_field(asked, one) for one in fields) if text]
    told += [
        f"{name} {_short(value)}"
        for name, value in event.other.items()
        if isinstance(value, str | int | bool)
    ]
    where = [accounts.get(event.account, event.account), event.channel]
    entry: dict[str, Any] = {"at": event.time, "icon": icon, "tone": tone, "title": title}
    if told:
        entry["text"] = " · ".join(told[:_MOST_FIELDS])
    causes = [one for one in where if one]
    if event.has_personal and event.personal is None:
        causes.append(asked.say(N_("personal details sealed")))
    if causes:
        entry["cause"] = " · ".join(causes)
    return entry


def _field(asked: Asked, field: FieldView) -> str:
    value, label = field.value, field.label.in_(asked.language)
    if value is None or value == "" or isinstance(value, dict):
        return ""
    if isinstance(value, list):
        return asked.say(N_("%(label)s: %(count)s"), label=label, count=len(value)) if value else ""
    if field.type is FieldType.MONEY and isinstance(value, int):
        return f"{label} {formats.money(value, asked.merchant.currency)}" if value else ""
    if isinstance(value, bool):
        return f"{label} {asked.say(N_('yes')) if value else asked.say(N_('no'))}"
    return f"{label} {_short(value)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
