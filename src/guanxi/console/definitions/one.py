"""One definition: its text, what it rests on, what rests on it, and every text that it ever had."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.console.definitions.shown import (
    HERE,
    RELEASES,
    TONES,
    diff_lines,
    doers,
    href_of,
    kind_label,
    label_of,
    named,
    use_of,
)
from guanxi.console.i18n import N_
from guanxi.console.session import Asked, Page
from guanxi.definitions import Definition, Ref
from guanxi.definitions.model import Version
from guanxi.definitions.service import Definitions

ONE: Final = f"{HERE}/{{kind}}/{{key}}"
_DONE: Final = {
    "applied": N_("Live now, as release %(release)s."),
    "same": N_("It was so already; nothing has changed."),
    "back": N_("Gone back: the text is as it was, in a new version, since release %(release)s."),
}


def pages() -> list[Page]:
    """Return the page of a definition."""
    return [Page(ONE, show, Permission.DEFINITIONS_READ)]


def ref_of(asked: Asked) -> Ref:
    """Return the definition that the address names."""
    return Ref(asked.part("kind"), asked.part("key"))


def show(asked: Asked) -> Response:
    """Show a definition, or, where it was deleted, what it was."""
    ref, service = ref_of(asked), asked.service(Definitions)
    with asked.context.database.reading() as tx:
        history = service.history(tx, asked.merchant_id, ref)
        live = service.live(tx, asked.merchant_id).definitions
        users = service.dependants(tx, asked.merchant_id, ref)
    definition = live.get(ref)
    stands_on = sorted(one for one in service.refs(definition) if one in live) if definition else []
    who = doers(asked)
    return asked.render(
        "definitions/one.html",
        **_heading(asked, ref, definition),
        text=definition.text if definition else "",
        newest=history[0],
        stands_on=[named(asked, one, live) for one in stands_on],
        users=[named(asked, one, live) for one in users],
        history=[
            {
                "version": one.version,
                "action": one.action.label.in_(asked.language),
                "tone": TONES[one.action],
                "release": one.release,
                "who": who(one.release.applied_by),
                "live": definition is not None and one.version == definition.version,
            }
            for one in history
        ],
        by=who(history[0].release.applied_by),
        compared=_compared(asked, history),
        done=asked.say(_DONE[asked.query["done"]], release=history[0].release.number)
        if asked.query.get("done") in _DONE
        else "",
    )


def _heading(asked: Asked, ref: Ref, definition: Definition | None) -> dict[str, Any]:
    note = definition.spec.get("note") if definition else None
    said = note.get(asked.language) if isinstance(note, dict) else note
    return {
        "ref": ref,
        "href": href_of(ref),
        "label": label_of(definition).in_(asked.language) if definition else ref.key,
        "kind": kind_label(asked, ref.kind),
        "note": str(said) if said else "",
        "definition": definition,
        "use": use_of(asked, ref) if definition else "",
        "here": HERE,
        "releases": RELEASES,
    }


def _compared(asked: Asked, history: list[Version]) -> dict[str, Any] | None:
    """Return the difference between the two versions that are asked for; without a question, that of the last change."""
    if len(history) < 2:
        return None
    known = {str(one.version): one for one in history}
    one = known.get(asked.query.get("from", ""), history[1])
    other = known.get(asked.query.get("to", ""), history[0])
    return {
        "from": one.version,
        "to": other.version,
        "versions": [str(each.version) for each in history],
        "lines": diff_lines(one.text, other.text),
    }
