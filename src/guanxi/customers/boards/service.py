"""Builds boards, makes them live together with the definitions they follow from, and tells what changed as events."""

from __future__ import annotations

from shutil import rmtree
from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from guanxi.customers.boards import store
from guanxi.customers.boards.model import (
    AUDIENCE_ENTERED,
    AUDIENCE_FILLED,
    AUDIENCE_LEFT,
    TRAIT_CHANGED,
    Board,
    Size,
)
from guanxi.customers.identity.service import known
from guanxi.customers.privacy.service import generation
from guanxi.customers.profiles.model import MOVED, STABLE, BoardFiles
from guanxi.kernel.errors import Unavailable
from guanxi.kernel.ids import fresh
from guanxi.rules import InAudience, Type
from guanxi.rules.model import Attribute
from guanxi.storage.engine import copy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from guanxi.customers.boards.model import Told
    from guanxi.customers.events.service import EventIntake
    from guanxi.customers.profiles.model import Vocabulary
    from guanxi.customers.profiles.service import Profiles
    from guanxi.customers.traits.service import Vocabularies
    from guanxi.definitions import World
    from guanxi.definitions.service import Definitions
    from guanxi.kernel.clock import Clock
    from guanxi.rules import Node
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.events.log import EventLog
    from guanxi.storage.events.model import NewEvent
    from guanxi.storage.merchants import Merchant

_CHUNK = 2_000
"""Changes told in one transaction."""

SAMPLE = 20_000
"""Members of a sample; a shop with less than twice as many is counted whole."""

_State = tuple[str, int, int, int, int, int]


class Staged(NamedTuple):
    """A board that is built but not live, how large its audiences are, and the number of the one that it changes."""

    board: Board
    base: int
    sizes: tuple[Size, ...]
    vocabulary: Vocabulary


class Boards:
    """The boards of all merchants."""

    def __init__(
        self,
        database: Database,
        log: EventLog,
        intake: EventIntake,
        profiles: Profiles,
        vocabularies: Vocabularies,
        definitions: Definitions,
        clock: Clock,
    ) -> None:
        self._database = database
        self._log = log
        self._intake = intake
        self._profiles = profiles
        self._vocabularies = vocabularies
        self._clock = clock
        self._definitions = definitions
        self._staged: list[tuple[_State, World, Staged]] = []

    def folder(self, merchant_id: str) -> Path:
        """Return where a merchant's boards lie."""
        return self._profiles.facts.folder(merchant_id).parent / "boards"

    def path(self, merchant_id: str, board: Board) -> Path:
        """Return a board's file."""
        return self.files(merchant_id, board).wide

    def files(self, merchant_id: str, board: Board) -> BoardFiles:
        """Return where a board's parts lie."""
        return BoardFiles(self.folder(merchant_id) / board.file, max(1, board.members // SAMPLE))

    def live(self, tx: Transaction, merchant_id: str) -> Board | None:
        """Return the newest board, ``None`` if there never was one."""
        return store.live(tx, merchant_id)

    def sizes(self, tx: Transaction, merchant_id: str, audience: str) -> list[Size]:
        """Return how large an audience was from board to board, the oldest first."""
        return store.sizes(tx, merchant_id, audience)

    def newest_sizes(self, tx: Transaction, merchant_id: str) -> dict[str, Size]:
        """Return how large each audience was last, by key."""
        return store.newest_sizes(tx, merchant_id)

    def stage(self, merchant: Merchant, world: World) -> Staged:
        """Build a board of a world of definitions; asked again for the same one at the same moment, return it again."""
        merchant_id = merchant.merchant_id
        state = self._state(merchant)
        for kept in self._staged:
            if kept[0] == state and kept[1] == world:
                return kept[2]
        with self._database.reading() as tx:
            vocabulary = self._vocabularies.of(tx, merchant_id, world)
        staged = self._build(merchant, vocabulary)
        self._staged = [*self._staged[-1:], (self._state(merchant), world, staged)]
        return staged

    def present(self, merchant: Merchant) -> Staged:
        """Return a board of what is live, as it is now."""
        with self._database.reading() as tx:
            world = self._definitions.live(tx, merchant.merchant_id)
        return self.stage(merchant, world)

    def _state(self, merchant: Merchant) -> _State:
        """Return what a board stands on, definitions aside."""
        merchant_id = merchant.merchant_id
        with self._database.reading() as tx:
            before = store.live(tx, merchant_id)
            position = self._log.peek(tx, merchant_id, self._profiles.reader)
            erased = generation(tx, merchant_id)
        today = merchant.days.day(self._clock.now())
        return (merchant_id, before.board if before else 0, today, *position, erased)

    def publish(self, tx: Transaction, merchant_id: str, staged: Staged) -> None:
        """Make a staged board the live one, once, in the transaction in which its definitions go live.

        Raises ``Unavailable`` if another one went live since it was built: its changes were counted from the one before.
        """
        before = store.live(tx, merchant_id)
        if before is not None and before.file == staged.board.file:
            return
        if (before.board if before is not None else 0) != staged.base:
            raise Unavailable(
                reason_zh="会员宽表刚刚更新过，请再试一次。",
                reason_en="the table of members was renewed meanwhile; try again.",
            )
        number, release = staged.base + 1, self._definitions.release(tx, merchant_id)
        board = staged.board._replace(board=number, release=release)
        store.add(tx, merchant_id, board, [size._replace(board=number) for size in staged.sizes])

    def refresh(self, merchant: Merchant, *, force: bool = False) -> bool:
        """Build a new board if the day, the log, the definitions or the erasures have moved; says whether one was built."""
        merchant_id = merchant.merchant_id
        with self._database.reading() as tx:
            before = store.live(tx, merchant_id)
            vocabulary = self._vocabularies.live(tx, merchant_id)
            now_at = self._log.peek(tx, merchant_id, self._profiles.reader)
            erased = generation(tx, merchant_id)
        today = merchant.days.day(self._clock.now())
        if before is not None and not force:
            state = (before.as_of, before.release, before.epoch, before.number, before.generation)
            if state == (today, vocabulary.release, *now_at, erased):
                return False
        if before is None and not vocabulary.derived:
            return False
        staged = self._build(merchant, vocabulary)
        with self._database.transaction() as tx:
            live = store.live(tx, merchant_id)
            if (live.board if live else 0) != staged.base:
                return False
            if self._definitions.release(tx, merchant_id) != vocabulary.release:
                return False
            self.publish(tx, merchant_id, staged)
            kept = store.files(tx, merchant_id)
        if before is not None and before.generation != erased:
            # It tells of somebody who is to be forgotten.
            rmtree(self.folder(merchant_id) / before.file, ignore_errors=True)
        store.sweep(self.folder(merchant_id), kept)
        return True

    def _build(self, merchant: Merchant, vocabulary: Vocabulary) -> Staged:
        merchant_id, now = merchant.merchant_id, self._clock.now()
        # What the next board changes is counted from this one, so this one's changes are told first.
        while self.tell(merchant):
            pass
        started = perf_counter_ns()
        today = merchant.days.day(now)
        with self._database.reading() as tx:
            before = store.live(tx, merchant_id)
            erased = generation(tx, merchant_id)
        name = uuid4().hex
        files = BoardFiles(self.folder(merchant_id) / name, 1)
        with self._profiles.asking(merchant, vocabulary, everything(vocabulary), today, keep=True) as asked:
            con = asked.con
            columns = ["member", "first_day", *self._columns(vocabulary)]
            members = copy(con, asked.sql(asked.table.select(*columns)), files.wide)
            old = self.path(merchant_id, before) if before is not None else None
            old = old if old is not None and old.exists() else None
            there = store.columns(con, old) if old is not None else {}
            told = {one.name: one.membership for one in vocabulary.derived.values() if one.told}
            told |= dict.fromkeys(vocabulary.lists, True)
            # Where the board before is lost, nobody can say what has changed; that all came anew would be wrong.
            compared = told if before is None or old is not None else {}
            changes = copy(con, store.changes_sql(files.wide, old, compared, there), files.changes)
            store.write_table(con, STABLE, files.stable)
            store.write_table(con, MOVED, files.moved)
            if (every := members // SAMPLE) > 1:
                store.sample(con, files, asked.tables, every)
            moved = store.counts(con, files.changes)
            sized = store.memberships(con, files.wide, [each for each, member in told.items() if member])
        keys = {InAudience(key).name: key for key in vocabulary.catalogue.audiences}
        sizes = tuple(
            Size(keys[each], 0, now, size, moved.get((each, "true"), 0), moved.get((each, ""), 0))
            for each, size in sized.items()
        )
        took = (perf_counter_ns() - started) // 1_000
        board = Board(
            0,
            name,
            today,
            vocabulary.release,
            *asked.position,
            erased,
            members,
            now,
            took,
            asked.cuts,
            changes,
            0,
        )
        return Staged(board, before.board if before is not None else 0, sizes, vocabulary)

    @staticmethod
    def _columns(vocabulary: Vocabulary) -> list[str]:
        given = [*vocabulary.provided, *vocabulary.declared, *sorted(vocabulary.lists)]
        return [*given, *vocabulary.derived]

    def forget(self, merchant_id: str) -> None:
        """Take off the live board whoever is no member any more, and delete all other boards.

        Called while somebody is being erased. A question that is reading a board fails.
        """
        with self._database.reading() as tx:
            board = store.live(tx, merchant_id)
            people = self._profiles.people(tx, merchant_id)
        self._staged = []
        store.sweep(self.folder(merchant_id), {board.file} if board else (), grace=0)
        if board is not None and self.path(merchant_id, board).exists():
            with self._profiles.facts.engine() as con:
                con.register("people", people)
                store.without_others(con, self.files(merchant_id, board))

    def filled(self, tx: Transaction, merchant: Merchant, audience: str, added: int, removed: int) -> None:
        """Write that somebody put members into an audience, which makes the board out of date."""
        said = {"audience": audience, "added": added, "removed": removed}
        event = self._intake.internal_event(merchant, AUDIENCE_FILLED, fresh("fill"), [], said)
        self._log.append(tx, [event])

    # Comparing ------------------------------------------------------------------------------------------------------

    def compare(
        self, merchant: Merchant, before: Staged, after: Staged, name: str
    ) -> tuple[int, int, int, int]:
        """Return of one column of two boards: who has a value (or is a member) before and after, who gains, who loses.

        For a trait those who gain are all whose value differs.
        """
        paths = [self.path(merchant.merchant_id, one.board) for one in (before, after)]
        with self._profiles.facts.engine() as con:
            return store.compared(con, paths[0], paths[1], name)

    # Telling --------------------------------------------------------------------------------------------------------

    def tell(self, merchant: Merchant) -> int:
        """Write events of the next changes that the live board brought; returns how many changes were dealt with.

        Killed, it goes on where it was.
        """
        merchant_id = merchant.merchant_id
        with self._database.reading() as tx:
            board = store.live(tx, merchant_id)
        if board is None or board.told >= board.changes:
            return 0
        path = self.files(merchant_id, board).changes
        end = min(board.changes, board.told + _CHUNK)
        with self._profiles.facts.engine() as con:
            told = store.changes(con, path, board.told, end)
        with self._database.transaction() as tx:
            current = store.live(tx, merchant_id)
            if current is None or (current.board, current.told) != (board.board, board.told):
                return 0
            # Somebody may have been erased since the board was built.
            there = known(tx, merchant_id, {one.member for one in told})
            events = [
                self._event(merchant, board, board.told + place, one)
                for place, one in enumerate(told)
                if one.member in there
            ]
            self._log.append(tx, events)
            store.told(tx, merchant_id, board.board, end)
        return end - board.told

    def _event(self, merchant: Merchant, board: Board, place: int, one: Told) -> NewEvent:
        said: dict[str, object]
        if one.membership:
            kind = AUDIENCE_ENTERED if one.after else AUDIENCE_LEFT
            said = {"audience": InAudience.key_of(one.name)}
        else:
            kind, said = TRAIT_CHANGED, {"trait": one.name, "from": one.before, "to": one.after}
            said["board"] = board.board
        return self._intake.internal_event(
            merchant,
            kind,
            f"board-{board.board}-{place}",
            [],
            said,
            fragments=[one.member],
            now=board.built_at,
        )


def everything(vocabulary: Vocabulary) -> list[Node]:
    """Return rules that name all that can be known of a member, windows of traits included."""
    named: Mapping[str, Type] = {name: known.type for name, known in vocabulary.catalogue.attributes.items()}
    return [
        *(Attribute(name, type_) for name, type_ in named.items()),
        *(InAudience(key) for key in vocabulary.catalogue.audiences),
    ]
