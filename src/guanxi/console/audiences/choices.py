"""What the visual side of a rule offers to choose from, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from guanxi.console.audiences.rows import (
    ATTRIBUTE,
    AUDIENCE,
    EVENT,
    Group,
    Row,
    settled,
    slices_of,
    takes_of,
    type_of,
    whats_of,
)
from guanxi.console.i18n import N_
from guanxi.console.session import Asked
from guanxi.customers.profiles.met import values_met
from guanxi.customers.profiles.model import Vocabulary
from guanxi.kernel.text import Text
from guanxi.rules import Catalogue, Type
from guanxi.rules.model import NUMERIC
from guanxi.rules.operators import Takes, operators

MOST_BOXES: Final = 30
"""Values up to which each gets a box to tick; more are typed."""

_WHATS: Final = {
    "count": N_("how many times"),
    "sum": N_("%(what)s in all"),
    "avg": N_("%(what)s on average"),
    "max": N_("%(what)s at most"),
    "min": N_("%(what)s at least"),
    "last": N_("day of the last one"),
    "first": N_("day of the first one"),
    "distinct": N_("how many different: %(what)s"),
}
_HEADINGS: Final = (
    (EVENT, N_("Behaviour")),
    ("trait", N_("Traits")),
    (ATTRIBUTE, N_("Attributes")),
    (AUDIENCE, N_("Audiences")),
)
_YES_NO: Final = (("true", N_("yes")), ("false", N_("no")))

SPENT: Final = Row(f"{EVENT}:order.paid", "sum amount", "90", op=">=")
BOUGHT: Final = Row(f"{EVENT}:order.paid", "count", "30", op=">=")
AWAY: Final = Row(f"{EVENT}:order.paid", "last", "365", op="days_ago_at_least")
_STARTS: Final = {
    "spent": (SPENT, N_("Spent at least …")),
    "bought": (BOUGHT, N_("Bought … times")),
    "away": (AWAY, N_("Not bought for … days")),
}


@dataclass(frozen=True, slots=True)
class Choices:
    """Everything that can be chosen by a reader of one merchant."""

    asked: Asked
    vocabulary: Vocabulary
    met: Mapping[tuple[str, str], Sequence[str]]

    @property
    def catalogue(self) -> Catalogue:
        """Return what rules may name."""
        return self.vocabulary.catalogue

    def starts(self) -> dict[str, Row]:
        """Return rows that are ready but for a number, as far as the merchant's events allow."""
        return {key: row for key, (row, _) in _STARTS.items() if settled(row, self.catalogue).op == row.op}

    def start_labels(self) -> list[tuple[str, str]]:
        """Return the ready rows with what to call them."""
        return [(key, self.asked.say(_STARTS[key][1])) for key in self.starts()]

    def subjects(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return what conditions may be about, under headings; what is worth most in a shop stands first."""
        of, catalogue = self._said, self.catalogue
        events = sorted(catalogue.events.items(), key=lambda one: not one[1].measures)
        found = {
            EVENT: [(f"{EVENT}:{name}", of(one.label)) for name, one in events],
            "trait": [],
            ATTRIBUTE: [],
            AUDIENCE: [(f"{AUDIENCE}:{key}", of(label)) for key, label in catalogue.audiences.items()],
        }
        for name, known in catalogue.attributes.items():
            found["trait" if name in self.vocabulary.derived else ATTRIBUTE].append(
                (f"{ATTRIBUTE}:{name}", of(known.label))
            )
        return [(self.asked.say(label), found[key]) for key, label in _HEADINGS if found[key]]

    def group(self, group: Group, missing: Mapping[str, str], place: str = "") -> dict[str, Any]:
        """Return a group as its template needs it."""
        items = []
        for number, item in enumerate(group.items):
            here = f"{place}.{number}".lstrip(".")
            one = (
                self.group(item, missing, here)
                if isinstance(item, Group)
                else self.row(item, here, missing.get(here, ""))
            )
            items.append(one)
        return {"place": place, "join": group.join, "rows": items, "group": True}

    def row(self, raw: Row, place: str, lack: str) -> dict[str, Any]:
        """Return a row as its template needs it; ``lack`` says what is missing, untranslated."""
        catalogue = self.catalogue
        row = settled(raw, catalogue)
        view: dict[str, Any] = {
            "group": False,
            "place": place,
            "row": row,
            "event": row.kind == EVENT,
            "lack": self.asked.say(lack) if lack else "",
            "takes": "",
            "whats": [],
            "dimensions": [],
            "chosen": None,
        }
        if not row.subject:
            return view
        type_ = type_of(row, catalogue)
        view["operators"] = [(one.op, self._said(one.label)) for one in operators(type_)]
        view["takes"] = takes_of(row, catalogue).value
        view["values"] = self._values(row, type_)
        view["input"] = self._input(type_, takes_of(row, catalogue))
        view["money"] = type_ is Type.MONEY
        if row.kind == EVENT:
            kind = catalogue.events[row.name]
            view["whats"] = [(what, self._what(row.name, what)) for what in whats_of(row.name, catalogue)]
            view["dimensions"] = [
                (name, self._said(kind.dimensions[name].label)) for name in slices_of(row, catalogue)
            ]
            if row.dimension:
                view["chosen"] = self._chosen(row)
        return view

    def _said(self, text: Text) -> str:
        return text.in_(self.asked.language)

    def _what(self, event: str, what: str) -> str:
        how, _, measure = what.partition(" ")
        kind = self.catalogue.events[event]
        known = kind.dimensions.get(measure) if how == "distinct" else kind.measures.get(measure)
        return self.asked.say(_WHATS[how], **({"what": self._said(known.label)} if known else {}))

    def _values(self, row: Row, type_: Type | None) -> list[tuple[str, str]]:
        """Return all values that a row may compare with, if they are declared."""
        if type_ is Type.BOOL:
            return [(value, self.asked.say(label)) for value, label in _YES_NO]
        if row.kind != ATTRIBUTE:
            return []
        declared = self.catalogue.attributes[row.name].values
        return [(value, self._said(label)) for value, label in declared.items()]

    @staticmethod
    def _input(type_: Type | None, takes: Takes) -> str:
        if takes is Takes.DAYS:
            return "days"
        if type_ is Type.DATE:
            return "date"
        return "number" if type_ in NUMERIC else "text"

    def _chosen(self, row: Row) -> list[tuple[str, str]]:
        """Return the values of a row's dimension that can be ticked; none if they are to be typed."""
        dimension = self.catalogue.events[row.name].dimensions[row.dimension]
        some = dict.fromkeys([*dimension.values, *self.met.get((row.name, row.dimension), ()), *row.chosen])
        if len(some) > MOST_BOXES:
            return []
        labels = [dimension.label_of(value) for value in some]
        return [
            (value, self._said(label) if label else value) for value, label in zip(some, labels, strict=True)
        ]


def choices(asked: Asked, vocabulary: Vocabulary) -> Choices:
    """Return what may be chosen now."""
    with asked.context.database.reading() as tx:
        met = values_met(tx, asked.merchant_id)
    return Choices(asked, vocabulary, met)
