"""The values around every page: the places one can go to, who is looking, and at which merchant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from guanxi.kernel.text import Language

DEFAULT_TIMEZONE = "Asia/Shanghai"
STARTED = "work"
"""What the address of a page asks when long work was just started there."""


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the left navigation.

    ``label`` is an English message marked with ``N_``; ``icon`` a name in the sprite; ``go`` the letter that follows
    ``g`` on the keyboard. A place with ``children`` is a heading: its own ``href`` is where the heading leads.
    """

    key: str
    label: str
    icon: str
    href: str
    children: tuple[Place, ...] = ()
    go: str = ""

    def holds(self, path: str) -> bool:
        """Say whether ``path`` is this place or lies below it."""
        return path == self.href or path.startswith(self.href.rstrip("/") + "/")


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant that the person may look at; a form that posts to ``href`` switches to it."""

    key: str
    name: str
    href: str


@dataclass(frozen=True, slots=True)
class Person:
    """The person who is signed in; ``role`` is already in their language."""

    name: str
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What the routes know about a request before they render it; they put it at ``request.state.visit``.

    ``language`` is the merchant's default, which a cookie or ``?lang=`` overrides. ``places`` holds only what the
    person may see. ``search`` is where the search box leads (its text is ``q``), ``tray`` where the tray of long work
    is read from (at once if somebody is ``busy``), ``account`` where the person's own account is, ``sign_out`` where the
    form of the user menu posts to; an empty one is not shown. ``started`` says that long work was just started here.
    ``note`` is one line above every page, such as what demonstration data is.
    """

    language: Language = "zh"
    timezone: str = DEFAULT_TIMEZONE
    person: Person | None = None
    merchant: Merchant | None = None
    merchants: tuple[Merchant, ...] = ()
    places: tuple[Place, ...] = ()
    csrf: str = ""
    request_id: str = ""
    home: str = "/console"
    search: str = ""
    tray: str = ""
    busy: bool = False
    started: bool = False
    account: str = ""
    sign_out: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A place as it is drawn for one path."""

    place: Place
    active: bool
    children: tuple[Shown, ...] = field(default=())


def draw(places: Iterable[Place], path: str) -> tuple[Shown, ...]:
    """Mark the one place that ``path`` belongs to (the longest match wins) and its heading."""
    entries = tuple(places)
    every = [place for entry in entries for place in (entry, *entry.children)]
    # A place above all others (the overview) is not where their unlisted pages belong: it must match exactly.
    roots = {
        place.href
        for place in every
        if sum(place.holds(other.href) for other in every) > len(place.children) + 1
    }
    matching = [
        place for place in every if place.href == path or (place.holds(path) and place.href not in roots)
    ]
    best = max(matching, key=lambda place: len(place.href), default=None)
    shown = []
    for entry in entries:
        children = tuple(Shown(child, child is best) for child in entry.children)
        active = entry is best or any(child.active for child in children)
        shown.append(Shown(entry, active, children))
    return tuple(shown)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a list: ``label`` is translated; ``sort`` allows sorting by it; ``end`` aligns numbers right.

    ``wide_only`` hides it on a phone; ``optional`` columns can be switched off by the reader.
    """

    key: str
    label: str
    sort: bool = False
    end: bool = False
    wide_only: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    """Where a list stands: its path, what is asked of it, and where it continues.

    Everything a reader chose is in the address, so that a list can be sent to a colleague or opened in a new tab.
    ``params`` are the search and filters as they stand in the address, without the parameters named below.
    """

    path: str
    params: tuple[tuple[str, str], ...] = ()
    sort: str = ""
    descending: bool = False
    cursor: str = ""
    next_cursor: str | None = None
    total: int | None = None

    def address(self) -> str:
        """Return the address that shows exactly this."""
        query = [*((key, value) for key, value in self.params if value)]
        if self.sort:
            query.append(("sort", ("-" if self.descending else "") + self.sort))
        if self.cursor:
            query.append(("cursor", self.cursor))
        return self.path + ("?" + urlencode(query) if query else "")

    def sorted_by(self, key: str) -> str:
        """Return the address sorted by ``key``: descending first, the other way when it is already so."""
        descending = not self.descending if self.sort == key else True
        return replace(self, sort=key, descending=descending, cursor="").address()

    def following(self) -> str:
        """Return the address of the next page."""
        return replace(self, cursor=self.next_cursor or "").address()

    def first(self) -> str:
        """Return the address of the first page."""
        return replace(self, cursor="").address()

    def without(self, key: str) -> str:
        """Return the address without one filter."""
        return replace(
            self, params=tuple(pair for pair in self.params if pair[0] != key), cursor=""
        ).address()
