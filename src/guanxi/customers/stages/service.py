"""What one may ask about the stages of a trait: who is where, and who went where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.boards.model import TRAIT_CHANGED
from guanxi.customers.history.decide import ranks
from guanxi.customers.history.model import STEP
from guanxi.customers.history.service import round_of
from guanxi.customers.stages import store
from guanxi.customers.stages.model import (
    Behind,
    Funnel,
    Looking,
    Move,
    Moves,
    Passed,
    Reached,
    Staged,
    Standing,
)
from guanxi.customers.stages.store import Trail
from guanxi.kernel.ids import member_id
from guanxi.rules import Node, Type, parse
from guanxi.rules.model import Attribute

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from guanxi.customers.boards.service import Boards
    from guanxi.customers.history.model import Round
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
            name: Staged(name, one.label, one.values, one.told, ranks(vocabulary, one))
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

    def looking(self, merchant: Merchant, trait: str) -> Looking | None:
        """Return how far looking back upon a trait has come; ``None`` if it has not begun."""
        with self._database.reading() as tx:
            one = round_of(tx, merchant.merchant_id, trait)
            board = self._boards.live(tx, merchant.merchant_id)
        if one is None or board is None:
            return None
        steps = -(-max(0, board.as_of - one.since) // STEP) + 1
        return Looking(one.since, min(steps, (one.day - one.since) // STEP), steps, one.ended)

    def moves(self, merchant: Merchant, trait: str, days: int = 30) -> Moves:
        """Return who went where on the last ``days`` days, today included; see ``Moves``.

        Raises ``LakeMissing``, and ``Unavailable`` while hand-overs follow each other too quickly.
        """
        vocabulary, one = self._known(merchant, trait)
        today = merchant.days.day(self._clock.now())
        since = today - days + 1
        if one is not None and one.ended:
            with self._profiles.asking(merchant, vocabulary, _told(vocabulary), today) as asked:
                moved = store.moves(asked.con, Trail(trait, one.number, one.board), since)
            return Moves(since, one.since, False, tuple(Move(*row) for row in moved))
        stage, trail = Attribute(trait, Type.TEXT), Trail(trait)
        with self._profiles.asking(merchant, vocabulary, [stage, *_told(vocabulary)], today) as asked:
            began = store.began(asked.con, trail)
            moved = store.moves(asked.con, trail, since)
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

    def funnel(
        self, merchant: Merchant, trait: str, on: Sequence[str], days: int | None = None
    ) -> Funnel | None:
        """Return how far members came on the way ``on``, of those first met in the last ``days`` days, or of all.

        ``None`` until looking back has ended. Raises ``LakeMissing``, and ``Unavailable`` while hand-overs follow each
        other too quickly.
        """
        vocabulary, one = self._known(merchant, trait)
        if one is None or not one.ended:
            return None
        today = merchant.days.day(self._clock.now())
        came = None if days is None else today - days + 1
        with self._profiles.asking(merchant, vocabulary, _told(vocabulary), today) as asked:
            members, found = store.reached(asked.con, Trail(trait, one.number, one.board), on, came)
        stages = []
        for place, stage in enumerate(on):
            stages.append(Reached(stage, *found.get(place, (0, 0, 0, 0, 0, None))))
        return Funnel(members, came, one.since, tuple(stages))

    def behind(
        self, merchant: Merchant, trait: str, on: Sequence[str], asked: Behind, days: int | None = None
    ) -> list[Passed]:
        """Return members behind a figure of the funnel, who came there last first; nobody before there is one."""
        vocabulary, one = self._known(merchant, trait)
        if one is None or not one.ended:
            return []
        today = merchant.days.day(self._clock.now())
        came = None if days is None else today - days + 1
        with self._profiles.asking(merchant, vocabulary, _told(vocabulary), today) as question:
            trail = Trail(trait, one.number, one.board)
            rows = store.behind(question.con, trail, on, came, asked)
        return [Passed(member_id(row[0]), *row[1:]) for row in rows]

    def _known(self, merchant: Merchant, trait: str) -> tuple[Vocabulary, Round | None]:
        with self._database.reading() as tx:
            vocabulary = self._vocabularies.live(tx, merchant.merchant_id)
            return vocabulary, round_of(tx, merchant.merchant_id, trait)

    def _before(self, merchant: Merchant, vocabulary: Vocabulary, stage: Attribute, as_of: int) -> pa.Table:
        with self._profiles.asking(merchant, vocabulary, [stage], as_of) as asked:
            now = asked.sql(asked.table.select("member", stage.name))
            return store.stages(asked.con, now, stage.name)


def _told(vocabulary: Vocabulary) -> list[Node]:
    """Return rules that need what events say of moves: from where, and to where, and who says so."""
    texts = [f"count({TRAIT_CHANGED} where \"{name}\" = '', 1d)" for name in ("from", "to")]
    texts += [f"sum({TRAIT_CHANGED}.{name}, 1d)" for name in ("step", "round", "board")]
    return [parse(text, vocabulary.catalogue) for text in texts]
