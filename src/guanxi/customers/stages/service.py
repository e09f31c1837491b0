"""What one may ask about the stages of a trait: who is where, and who went where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.boards.model import TRAIT_CHANGED
from guanxi.customers.stages import store
from guanxi.customers.stages.model import Move, Moves, Staged, Standing
from guanxi.rules import Node, Type, parse
from guanxi.rules.model import Attribute

if TYPE_CHECKING:
    import pyarrow as pa

    from guanxi.customers.boards.service import Boards
    from guanxi.customers.profiles.model import Vocabulary
    from guanxi.customers.profiles.service import Profiles
    from guanxi.customers.traits.service import Vocabularies
    from guanxi.kernel.clock import Clock
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.merchants import Merchant


class Stages:
    """The stages of the members of all merchants."""

    def __init__(
        self,
        database: Database,
        profiles: Profiles,
        boards: Boards,
        vocabularies: Vocabularies,
        clock: Clock,
    ) -> None:
        self._database = database
        self._profiles = profiles
        self._boards = boards
        self._vocabularies = vocabularies
        self._clock = clock

    def traits(self, tx: Transaction, merchant: Merchant) -> dict[str, Staged]:
        """Return the traits that have stages, by name."""
        vocabulary = self._vocabularies.live(tx, merchant.merchant_id)
        return {
            name: Staged(name, one.label, one.values, one.told)
            for name, one in vocabulary.derived.items()
            if one.values and one.type is Type.TEXT and not one.membership
        }

    def flags(self, tx: Transaction, merchant: Merchant) -> set[str]:
        """Return the traits that are true or false of a member."""
        vocabulary = self._vocabularies.live(tx, merchant.merchant_id)
        return {
            name for name, one in vocabulary.derived.items() if one.type is Type.BOOL and not one.membership
        }

    def standing(self, merchant: Merchant, trait: str, flag: str = "") -> Standing | None:
        """Return who is where on the last board; ``None`` if there is none yet. Both names must be known."""
        with self._database.reading() as tx:
            board = self._boards.live(tx, merchant.merchant_id)
        if board is None:
            return None
        wide = self._boards.path(merchant.merchant_id, board)
        with self._profiles.facts.engine() as con:
            rows = store.standing(con, wide, trait, flag)
        return Standing(
            board.members,
            {stage: count for stage, count, _ in rows},
            {stage: flagged for stage, _, flagged in rows},
            board.as_of,
            board.built_at,
        )

    def moves(self, merchant: Merchant, trait: str, days: int = 30) -> Moves:
        """Return who went where on the last ``days`` days, today included; see ``Moves``.

        Raises ``LakeMissing``, and ``Unavailable`` while hand-overs follow each other too quickly.
        """
        with self._database.reading() as tx:
            vocabulary = self._vocabularies.live(tx, merchant.merchant_id)
        today = merchant.days.day(self._clock.now())
        since = today - days + 1
        stage = Attribute(trait, Type.TEXT)
        with self._profiles.asking(merchant, vocabulary, [stage, *_told(vocabulary)], today) as asked:
            began = store.began(asked.con, trait)
            moved = store.moves(asked.con, trait, since)
            if began is not None and began < since:
                return Moves(since, began, False, tuple(Move(*row) for row in moved))
            now = asked.sql(asked.table.select("member", trait))
            before = self._before(merchant, vocabulary, stage, since - 1)
            crossed = store.crossed(asked.con, before, now, trait)
        timed = {row[:2]: row[3:] for row in moved}
        found = [
            Move(one, other, count, *timed.get((one, other), (None, 0)))
            for one, other, count in crossed
            if one != other
        ]
        return Moves(since, began, True, tuple(found))

    def _before(self, merchant: Merchant, vocabulary: Vocabulary, stage: Attribute, as_of: int) -> pa.Table:
        with self._profiles.asking(merchant, vocabulary, [stage], as_of) as asked:
            now = asked.sql(asked.table.select("member", stage.name))
            return store.stages(asked.con, now, stage.name)


def _told(vocabulary: Vocabulary) -> list[Node]:
    """Return rules that need what events say of moves: from where, and to where."""
    return [
        parse(f"count({TRAIT_CHANGED} where \"{name}\" = '', 1d)", vocabulary.catalogue)
        for name in ("from", "to")
    ]
