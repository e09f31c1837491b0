"""What a kind of definition must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guanxi.definitions.model import Change, Definition, Problem, Ref, World
    from guanxi.kernel.text import Text


class Kind(Protocol):
    """What definitions must be told about one kind of them. ``tx`` is an open ``storage.database.Transaction``.

    ``changes`` are those of ``Plan.for_kind``, ``world`` is everything that is live afterwards.
    """

    @property
    def name(self) -> str:
        """What a document says after ``kind:``."""

    @property
    def label(self) -> Text:
        """What people call it."""

    @property
    def certain(self) -> bool:
        """Whether all of ``refs`` must exist. If not, they are what names may mean, and ``check`` says what is unknown."""

    def check(self, tx: Any, merchant_id: str, definition: Definition, world: World) -> list[Problem]:
        """Return everything that is wrong with a definition, and hints; nothing that is only wrong with ``world.unsure``.

        Called for what is new or changes, and for everything that rests on it; again if that turns out to be wrong.
        """

    def refs(self, definition: Definition) -> set[Ref]:
        """Return what a definition rests on; never raises, also for one that is wrong."""

    def effect(
        self, merchant_id: str, changes: Sequence[Change], world: World
    ) -> Mapping[Ref, Mapping[str, Any]]:
        """Return in figures what changes would do, such as ``{"gains": 12, "losses": 3}``; may be slow, writes nothing."""

    def prepare(self, merchant_id: str, changes: Sequence[Change], world: World) -> object:
        """Work ahead what must be there when the changes go live, outside of any transaction; returns a token.

        May be called for changes that then do not go live, and again for the same ones.
        """

    def on_apply(
        self, tx: Any, merchant_id: str, changes: Sequence[Change], world: World, prepared: object, now: int
    ) -> None:
        """Do what belongs to the changes, in the transaction in which they go live; ``prepared`` is ``prepare``'s token."""


class PlainKind:
    """A kind without effect: its definitions are looked up when they are needed, and that is all."""

    certain = True

    def effect(
        self, merchant_id: str, changes: Sequence[Change], world: World
    ) -> Mapping[Ref, Mapping[str, Any]]:
        """See ``Kind.effect``."""
        del merchant_id, changes, world
        return {}

    def prepare(self, merchant_id: str, changes: Sequence[Change], world: World) -> object:
        """See ``Kind.prepare``."""
        del merchant_id, changes, world
        return None

    def on_apply(
        self, tx: Any, merchant_id: str, changes: Sequence[Change], world: World, prepared: object, now: int
    ) -> None:
        """See ``Kind.on_apply``."""
        del tx, merchant_id, changes, world, prepared, now
