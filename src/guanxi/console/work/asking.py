"""Asking for long work: whoever asks waits a moment, and only what takes longer goes to the tray."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.console.session import Asked, go
from guanxi.console.shell import STARTED
from guanxi.kernel.text import Text
from guanxi.runtime.work.model import Asker, NewWork, Work
from guanxi.runtime.work.service import Works
from guanxi.storage.database import Transaction

PATIENCE: Final = 1.5
"""Seconds that somebody waits for an answer as if it were no long work at all."""


def ask(
    asked: Asked,
    kind: str,
    title: Text,
    arguments: Mapping[str, Any],
    permission: Permission,
    *,
    link: str = "",
    topic: str = "",
    source: BinaryIO | None = None,
    beside: Callable[[Transaction], None] = lambda _: None,
) -> Work:
    """Ask for a piece of work and return it as it is a moment later: ended, or on its way to the tray.

    ``link`` is the page that shows what came of it (``{id}`` in it is the work's id). ``beside`` writes what belongs to
    the question, in its transaction.
    """
    by = asked.actor
    works = asked.service(Works)
    asker = Asker(by.kind.value, by.id, by.name, by.address, by.request_id)
    new = NewWork(kind, title, arguments, asker, permission.value, link, topic)
    work = works.start(asked.merchant_id, new, source, beside)
    work = works.wait(asked.merchant_id, work.id, PATIENCE)
    if work.state.ended:
        works.told(work)
    return work


def later(address: str) -> Response:
    """Lead to a page that says that the work goes on in the tray."""
    return go(later_at(address))


def later_at(address: str) -> str:
    """Return the address at which a page says that the work goes on in the tray."""
    return f"{address}{'&' if '?' in address else '?'}{STARTED}=started"
