"""What one may ask and do about audiences: count a rule, list members, compare two, put in and take out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guanxi.customers.audiences import store
from guanxi.customers.audiences.decide import cell, estimated, place_after, rows_of
from guanxi.customers.audiences.model import AudienceLine, BadRow, Counted, KnownValue, Overlap, Put
from guanxi.customers.audiences.reasons import batch_only, on_board
from guanxi.customers.boards.service import everything
from guanxi.customers.events.service import fragment
from guanxi.customers.identity import service as people
from guanxi.customers.profiles.met import Occurred
from guanxi.customers.profiles.model import needs
from guanxi.customers.traits.derived import AUDIENCE, AUDIENCE_FIELDS
from guanxi.definitions import Ref
from guanxi.definitions.reading import Reading
from guanxi.kernel.errors import InvalidInput, NotFound
from guanxi.kernel.ids import fragment_of, member_id
from guanxi.rules import InAudience, Node, Type, condition, parse
from guanxi.rules.explain import explain
from guanxi.rules.hints import hints
from guanxi.rules.model import Problem
from guanxi.storage.engine import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from guanxi.customers.boards.service import Boards
    from guanxi.customers.profiles.everybody import Question
    from guanxi.customers.profiles.model import Vocabulary
    from guanxi.customers.profiles.service import Profiles
    from guanxi.customers.traits.service import Vocabularies
    from guanxi.definitions.service import Definitions
    from guanxi.kernel.clock import Clock
    from guanxi.rules.explain import Reason
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.merchants import Merchant
    from guanxi.storage.vault import Vault

_SET = 10_000
_TOLD = 1_000
"""Lines after which progress is told."""

_EXAMPLES = 20


class Audiences:
    """The audiences of all merchants."""

    def __init__(
        self,
        database: Database,
        profiles: Profiles,
        boards: Boards,
        vocabularies: Vocabularies,
        definitions: Definitions,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._database = database
        self._profiles = profiles
        self._boards = boards
        self._vocabularies = vocabularies
        self._definitions = definitions
        self._vault = vault
        self._clock = clock
        self._occurred = Occurred()

    # Asking ---------------------------------------------------------------------------------------------------------

    def vocabulary(self, merchant: Merchant) -> Vocabulary:
        """Return what rules may name now."""
        with self._database.reading() as tx:
            return self._vocabularies.live(tx, merchant.merchant_id)

    def today(self, merchant: Merchant) -> int:
        """Return the merchant's present day."""
        return merchant.days.day(self._clock.now())

    def rule(self, merchant: Merchant, text: str) -> Node:
        """Return a condition; raises ``BadRule``."""
        return condition(text, self.vocabulary(merchant).catalogue)

    def hints(self, merchant: Merchant, text: str, rule: Node) -> list[Problem]:
        """Return what of a rule, given with its text, is right but perhaps not meant."""
        with self._database.reading() as tx:
            vocabulary = self._vocabularies.live(tx, merchant.merchant_id)
            met = self._occurred.values(tx, merchant.merchant_id)
        return hints(text, rule, vocabulary.catalogue, met)

    def _asking(
        self, merchant: Merchant, nodes: Sequence[Node], as_of: int
    ) -> AbstractContextManager[Question]:
        return self._profiles.asking(merchant, self.vocabulary(merchant), nodes, as_of)

    def count(self, merchant: Merchant, rule: Node, as_of: int | None = None) -> Counted:
        """Return how many members a rule is true of at the end of a day, today unless given; exact."""
        as_of = self.today(merchant) if as_of is None else as_of
        with self._asking(merchant, [rule], as_of) as asked:
            true = asked.truth(rule)
            ((count, of),) = asked.rows(asked.table.aggregate(n=true.sum(), of=asked.table.count()))
        return Counted(int(count or 0), int(of))

    def look(
        self, merchant: Merchant, rule: Node, as_of: int | None = None, *, limit: int = 10
    ) -> tuple[Counted, list[str]]:
        """Return how many members a rule is true of, and the ids of the first of them, at once."""
        as_of = self.today(merchant) if as_of is None else as_of
        with self._asking(merchant, [rule], as_of) as asked:
            true = asked.truth(rule)
            ((count, of),) = asked.rows(asked.table.aggregate(n=true.sum(), of=asked.table.count()))
            found = asked.matching(rule).select("member").order_by("member").limit(limit)
            rows = asked.rows(found)
        return Counted(int(count or 0), int(of)), [member_id(row[0]) for row in rows]

    def count_now(self, merchant: Merchant, rule: Node, *, sampled: bool) -> Counted | None:
        """Return how many members a rule is true of as of the last board, or estimate it from the board's sample.

        ``None`` if the board cannot tell, or there is no need of a sample: then ``count`` can. Exact and sampled counts of
        what stands on the board take a few hundredths of a second for two million members.
        """
        merchant_id, today = merchant.merchant_id, self.today(merchant)
        with self._database.reading() as tx:
            vocabulary = self._vocabularies.live(tx, merchant_id)
            board = self._boards.live(tx, merchant_id)
            if board is None or (board.as_of, board.release) != (today, vocabulary.release):
                return None
            files = self._boards.files(merchant_id, board)
            sampled = sampled and files.every > 1 and bool(needs(vocabulary, [rule]).windows)
            opened = self._profiles.on_board(
                tx, merchant_id, vocabulary, files, [rule], today, sampled=sampled
            )
        with opened as asked:
            if asked is None:
                return None
            ((found, of),) = asked.rows(
                asked.table.aggregate(n=asked.truth(rule).sum(), of=asked.table.count())
            )
        if not sampled:
            return Counted(int(found or 0), int(of))
        return estimated(int(found or 0), int(of), board.members)

    def overlap(self, merchant: Merchant, one: Node, other: Node, as_of: int | None = None) -> Overlap:
        """Return how many members two rules are true of, each and both."""
        as_of = self.today(merchant) if as_of is None else as_of
        with self._asking(merchant, [one, other], as_of) as asked:
            first, second = (asked.truth(rule) for rule in (one, other))
            counted = asked.table.aggregate(a=first.sum(), b=second.sum(), c=(first & second).sum())
            (row,) = asked.rows(counted)
        return Overlap(*(int(number or 0) for number in row))

    def members(
        self,
        merchant: Merchant,
        rule: Node,
        as_of: int | None = None,
        *,
        after: str = "",
        limit: int = 100,
    ) -> list[str]:
        """Return the ids of the first members of whom a rule is true, in an order that is always the same."""
        as_of = self.today(merchant) if as_of is None else as_of
        with self._asking(merchant, [rule], as_of) as asked:
            found = asked.matching(rule)
            if after:
                found = found.filter(found.member > place_after(after))
            rows = asked.rows(found.select("member").order_by("member").limit(limit))
        return [member_id(row[0]) for row in rows]

    def export(
        self,
        merchant: Merchant,
        rule: Node,
        columns: Sequence[str],
        as_of: int | None = None,
        on_progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> Iterator[list[str]]:
        """Yield a header and a row per member of whom a rule is true: the member's id and ``columns`` by name.

        Progress is rows yielded and rows there are. Raises ``BadRule`` for a column that is not known.
        """
        as_of = self.today(merchant) if as_of is None else as_of
        vocabulary = self.vocabulary(merchant)
        nodes = [_named(vocabulary, name) for name in columns]
        types = [node.type for node in nodes]
        with self._profiles.asking(merchant, vocabulary, [rule, *nodes], as_of) as asked:
            found = asked.matching(rule).select("member", *columns).order_by("member")
            done, total = 0, count(asked.con, asked.sql(found))
            yield ["member_id", *columns]
            rows = asked.con.execute(asked.sql(found))
            while some := rows.fetchmany(_SET):
                for row in some:
                    yield [member_id(row[0]), *map(cell, row[1:], types)]
                done += len(some)
                on_progress(done, total)

    def known_of(self, tx: Transaction, merchant: Merchant, member: str) -> list[KnownValue]:
        """Return what is known of a member: attributes, traits, and the audiences they are in or not.

        ``member`` is the id of any identity of theirs. What only a batch can know is as the last board has it.
        """
        vocabulary = self._vocabularies.live(tx, merchant.merchant_id)
        wanted = fragment_of(member)
        one = people.holders(tx, merchant.merchant_id, [wanted])[wanted]
        nodes = everything(vocabulary)
        values = self._values(tx, merchant, vocabulary, one, nodes)
        aged = [each for node in nodes for each in batch_only(node, vocabulary)]
        board = on_board(self._profiles, self._boards, tx, merchant, vocabulary, one, aged)
        values |= board.values
        found = [
            KnownValue(
                name,
                known.label,
                known.type,
                values.get(name),
                {**known.called, **known.values},
                name in vocabulary.derived,
                False,
                board.day if name in board.values else None,
            )
            for name, known in vocabulary.catalogue.attributes.items()
        ]
        for key, label in vocabulary.catalogue.audiences.items():
            name = InAudience(key).name
            day = board.day if name in board.values else None
            found.append(KnownValue(key, label, Type.BOOL, bool(values.get(name)), {}, True, True, day))
        return found

    def _values(
        self, tx: Transaction, merchant: Merchant, vocabulary: Vocabulary, member: int, nodes: Sequence[Node]
    ) -> dict[str, Any]:
        """Return what ``nodes`` need of one member: online, and from the last board what is not known online."""
        board = self._boards.live(tx, merchant.merchant_id)
        cuts = board.cuts if board is not None else {}
        return self._profiles.of(tx, merchant, vocabulary, [member], nodes, self.today(merchant), cuts)[
            member
        ]

    def warm(self, merchant: Merchant) -> None:
        """Count once what everybody has, so that the first who counts need not wait until the engine is loaded."""
        self.count_now(merchant, self.rule(merchant, "first_seen is not null"), sampled=False)

    # Audiences ------------------------------------------------------------------------------------------------------

    def list(self, tx: Transaction, merchant: Merchant) -> list[AudienceLine]:
        """Return all audiences by key, with their size on the last board."""
        merchant_id = merchant.merchant_id
        sizes = self._boards.newest_sizes(tx, merchant_id)
        found = []
        for key, one in sorted(self._definitions.live(tx, merchant_id).of(AUDIENCE).items()):
            reading = Reading(one, AUDIENCE_FIELDS)
            size = sizes.get(key)
            found.append(
                AudienceLine(
                    key,
                    reading.label(),
                    reading.note(),
                    bool(one.spec.get("static")),
                    str(one.spec.get("rule", "")),
                    one.version,
                    size.size if size else None,
                    size.entered if size else 0,
                    size.left if size else 0,
                    size.at if size else 0,
                )
            )
        return found

    def rule_of(self, merchant: Merchant, key: str) -> Node:
        """Return the rule "is in this audience"; raises ``NotFound``."""
        if key not in self.vocabulary(merchant).catalogue.audiences:
            raise NotFound(what_zh="人群", what_en="audience", key=key)
        return InAudience(key)

    def meaning(self, merchant: Merchant, key: str) -> Node:
        """Return the rule that an audience follows; of a list it is the membership itself. Raises ``NotFound``."""
        membership = self.rule_of(merchant, key)
        derived = self.vocabulary(merchant).derived.get(InAudience(key).name)
        source = derived.source if derived is not None else membership
        return source if isinstance(source, Node) else membership

    def why(self, tx: Transaction, merchant: Merchant, member: str, rule: Node) -> tuple[Reason, int | None]:
        """Return why a rule is true, false or unknown of a member today; ``member`` is the id of any identity of theirs.

        What only a batch can know is as the last board has it and marked as aged; the day of that board comes with it.
        """
        vocabulary = self._vocabularies.live(tx, merchant.merchant_id)
        wanted = fragment_of(member)
        one = people.holders(tx, merchant.merchant_id, [wanted])[wanted]
        values = self._values(tx, merchant, vocabulary, one, [rule])
        aged = batch_only(rule, vocabulary)
        board = on_board(self._profiles, self._boards, tx, merchant, vocabulary, one, aged)
        values |= board.values
        reason = explain(rule, values, self.today(merchant), vocabulary.catalogue, board.values.keys())
        return reason, board.day

    # Lists ----------------------------------------------------------------------------------------------------------

    def put(
        self,
        merchant: Merchant,
        key: str,
        lines: Iterable[tuple[int, str]],
        kind: str,
        scope: str = "",
        *,
        replace: bool = False,
        on_progress: Callable[[int], None] = lambda _: None,
        on_bad: Callable[[BadRow], None] = lambda _: None,
        before: int | None = None,
        beside: Callable[[Transaction, Put], None] = lambda _tx, _put: None,
    ) -> Put:
        """Put identities of one kind into a static audience, from numbered lines, in sets; bad ones are told and skipped.

        With ``replace`` whoever is not among them is taken out, once all lines are read. ``before`` is how many were in
        it, if somebody began this already. ``beside`` is called in the last transaction. Raises ``NotFound``,
        ``InvalidInput`` for an audience that follows a rule, an unknown kind, or a replacement that names nobody.
        """
        merchant_id = merchant.merchant_id
        with self._database.reading() as tx:
            self.be_static(tx, merchant_id, key)
            before = store.count(tx, merchant_id, key) if before is None else before
        counted = _Counted()
        lookup, now = self._vault.lookup_key(merchant_id), self._clock.now()
        given: set[int] = set()
        batch: set[int] = set()
        for found in rows_of(lines, kind, scope):
            if counted.lines % _TOLD == 0:
                on_progress(counted.lines)
            if isinstance(found, BadRow):
                counted.skip(found)
                on_bad(found)
                continue
            counted.rows += 1
            batch.add(fragment(lookup, found))
            if len(batch) >= _SET:
                self._put(merchant_id, key, batch, now)
                given |= batch
                batch = set()
        self._put(merchant_id, key, batch, now)
        given |= batch
        on_progress(counted.lines)
        with self._database.reading() as tx:
            known = len(people.known(tx, merchant_id, given))
        with self._database.transaction() as tx:
            added = store.count(tx, merchant_id, key) - before
            if replace and not given:
                # An empty or unreadable file is a mistake more often than a wish, and whom the list kept out would be in.
                raise InvalidInput(
                    reason_zh="名单里没有一个有效的身份，原有名单没有改动。",
                    reason_en="the list names nobody; what was there before stays.",
                )
            gone = set(store.fragments(tx, merchant_id, key)) - given if replace else set[int]()
            store.take(tx, merchant_id, key, gone)
            if added or gone:
                self._boards.filled(tx, merchant, key, added, len(gone))
            done = Put(counted.rows, added, known, counted.bad, tuple(counted.examples))
            beside(tx, done)
        return done

    def be_static(self, tx: Transaction, merchant_id: str, key: str) -> None:
        """Raise ``NotFound`` unless there is an audience, ``InvalidInput`` if it follows a rule."""
        one = self._definitions.live(tx, merchant_id).definitions.get(Ref(AUDIENCE, key))
        if one is None:
            raise NotFound(what_zh="人群", what_en="audience", key=key)
        if not one.spec.get("static"):
            raise InvalidInput(
                reason_zh=f"人群 {key} 由规则决定，不能导入名单。",
                reason_en=f"the audience {key} follows a rule; a list cannot be put into it.",
            )

    def listed(self, tx: Transaction, merchant_id: str, key: str) -> int:
        """Return how many identities have been put into an audience."""
        return store.count(tx, merchant_id, key)

    def _put(self, merchant_id: str, key: str, some: set[int], now: int) -> None:
        with self._database.transaction() as tx:
            store.put(tx, merchant_id, key, some, now)


class _Counted:
    """The lines of a list that name somebody, and those that do not."""

    def __init__(self) -> None:
        self.rows = self.bad = 0
        self.examples: list[BadRow] = []

    @property
    def lines(self) -> int:
        return self.rows + self.bad

    def skip(self, row: BadRow) -> None:
        self.bad += 1
        self.examples += [row] if len(self.examples) < _EXAMPLES else []


def _named(vocabulary: Vocabulary, name: str) -> Node:
    written = name.replace('"', '""')
    return parse(f'"{written}"', vocabulary.catalogue)
