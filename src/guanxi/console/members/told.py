"""What the house itself tells of a member: a stage that changed, an audience that was entered or left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guanxi.console.i18n import N_
from guanxi.console.session import Asked
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.boards.model import AUDIENCE_ENTERED, AUDIENCE_LEFT, TRAIT_CHANGED
from guanxi.customers.history.service import round_of
from guanxi.customers.members.model import TimelineEntry
from guanxi.rules.catalogue import Known

_AUDIENCES: Final = {AUDIENCE_ENTERED: N_("Entered “%(audience)s”"), AUDIENCE_LEFT: N_("Left “%(audience)s”")}


def title_of(asked: Asked, event: TimelineEntry) -> str:
    """Return what such an event says in one line; nothing for any other event."""
    if event.type not in {*_AUDIENCES, TRAIT_CHANGED}:
        return ""
    said = {one.name: str(one.value or "") for one in event.fields}
    catalogue = asked.service(Audiences).vocabulary(asked.merchant).catalogue
    if event.type in _AUDIENCES:
        key = said.get("audience", "")
        label = catalogue.audiences.get(key)
        return asked.say(_AUDIENCES[event.type], audience=label.in_(asked.language) if label else key)
    name = said.get("trait", "")
    known = catalogue.attributes.get(name)
    before, after = (_value(asked, known, said.get(side, "")) for side in ("from", "to"))
    name_of = known.label.in_(asked.language) if known else name
    if not said.get("from"):
        return asked.say(N_("%(trait)s: %(value)s"), trait=name_of, value=after)
    return asked.say(N_("%(trait)s: %(before)s → %(after)s"), trait=name_of, before=before, after=after)


def note_of(asked: Asked, event: TimelineEntry) -> str:
    """Return how a change is known that was looked back upon; nothing for one that was noticed."""
    said = {one.name: one.value for one in event.fields}
    if event.type != TRAIT_CHANGED or not said.get("looked_back"):
        return ""
    step, trait = int(said.get("step") or 0), str(said.get("trait") or "")
    if step:
        note = asked.say(
            N_("looked back upon week by week: on this day or up to %(days)s days before"), days=step - 1
        )
    else:
        note = asked.say(N_("looked back upon week by week: already so when the history begins"))
    with asked.context.database.reading() as tx:
        newest = round_of(tx, asked.merchant_id, trait)
    if newest is not None and newest.number != said.get("round"):
        note += " · " + asked.say(N_("by a definition that has changed since"))
    return note


def _value(asked: Asked, known: Known | None, value: str) -> str:
    if not value:
        return asked.say(N_("unknown"))
    if value in {"true", "false"}:
        return asked.say(N_("yes")) if value == "true" else asked.say(N_("no"))
    labels: Mapping[str, Any] = known.values if known else {}
    return str(labels[value].in_(asked.language)) if value in labels else value
