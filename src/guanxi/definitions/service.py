"""Plans changes of definitions and makes them live, all or nothing.

Unlike other services this one opens its transactions itself: effects are counted and back-fills made while no
transaction is open, since they may take minutes, and what then goes live does so in one short transaction. A plan that
somebody else overtook is refused there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from guanxi.definitions import decide, store, text
from guanxi.definitions.model import (
    Action,
    Applied,
    BadDefinitions,
    Change,
    Definition,
    Draft,
    Outdated,
    Plan,
    Problem,
    Ref,
    Release,
    Version,
    World,
)
from guanxi.definitions.wishes import Way, Wish
from guanxi.kernel.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from guanxi.definitions.kinds import Kind
    from guanxi.kernel.clock import Clock
    from guanxi.storage.database import Database, Transaction

MAX_REASON = 500
"""Characters of a reason."""


class Definitions:
    """A merchant's definitions: what is live, what was, and how one becomes the other."""

    def __init__(self, database: Database, kinds: Sequence[Kind], clock: Clock) -> None:
        """``kinds`` are told of a change in their order here: what others rest on comes first."""
        self._database = database
        self._clock = clock
        self.kinds: Mapping[str, Kind] = {kind.name: kind for kind in kinds}

    def live(self, tx: Transaction, merchant_id: str) -> World:
        """Return everything that is live."""
        return World(
            {ref: text.stored(ref, said, version) for ref, said, version in store.live(tx, merchant_id)}
        )

    def standing(self, tx: Transaction, merchant_id: str) -> list[Version]:
        """Return the live version of every definition with the release that brought it, sorted by name."""
        return store.standing(tx, merchant_id)

    def release(self, tx: Transaction, merchant_id: str) -> int:
        """Return the number of the newest release, 0 if there is none: it moves whenever ``live`` does."""
        return store.head(tx, merchant_id)

    def get(self, tx: Transaction, merchant_id: str, ref: Ref) -> Definition:
        """Return a live definition; raises ``NotFound``."""
        found = self.live(tx, merchant_id).definitions.get(ref)
        if found is None:
            raise _missing(ref)
        return found

    def dependants(self, tx: Transaction, merchant_id: str, ref: Ref) -> list[Ref]:
        """Return what rests directly on a definition, sorted."""
        return decide.dependants(self.live(tx, merchant_id), ref, self.refs)

    def refs(self, definition: Definition) -> Collection[Ref]:
        """Return what a definition rests on; nothing for one whose kind is not known here."""
        kind = self.kinds.get(definition.ref.kind)
        return kind.refs(definition) if kind else ()

    def history(self, tx: Transaction, merchant_id: str, ref: Ref) -> list[Version]:
        """Return every version of a definition, the newest first; raises ``NotFound`` if there never was one."""
        found = store.history(tx, merchant_id, ref)
        if not found:
            raise _missing(ref)
        return found

    def version(self, tx: Transaction, merchant_id: str, ref: Ref, number: int) -> Version:
        """Return one version of a definition; raises ``NotFound``."""
        found = store.version(tx, merchant_id, ref, number)
        if found is None:
            raise NotFound(what_zh="定义版本", what_en="version of a definition", key=f"{ref} {number}")
        return found

    def releases(
        self, tx: Transaction, merchant_id: str, *, before: int = 2**62, limit: int = 50
    ) -> list[Release]:
        """Return releases with numbers below ``before``, the newest first."""
        return store.releases(tx, merchant_id, before=before, limit=limit)

    def of_release(self, tx: Transaction, merchant_id: str, number: int) -> list[Version]:
        """Return what a release brought, by name; raises ``NotFound``."""
        found = store.of_release(tx, merchant_id, number)
        if not found:
            raise NotFound(what_zh="发布", what_en="release", key=str(number))
        return found

    def plan(
        self,
        merchant_id: str,
        documents: Sequence[Definition] | Draft,
        *,
        prune: bool = False,
        effects: bool = True,
    ) -> Plan:
        """Return what applying ``documents`` would change and, in figures, do.

        What they do not mention stays, or goes with ``prune``. Raises ``BadDefinitions`` with everything that is wrong,
        what is wrong with the form of a ``Draft`` included.
        """
        draft = documents if isinstance(documents, Draft) else _draft(documents)
        wanted: dict[Ref, Definition] = {}
        for one in draft.definitions:
            wanted.setdefault(one.ref, one)

        def aim(_tx: Transaction, live: World) -> _Aim:
            gone = {ref for ref in live.definitions if ref not in wanted and ref.key not in draft.unread}
            return _Aim(wanted, gone if prune else (), draft)

        return self._plan(merchant_id, aim, effects=effects)

    def plan_removal(self, merchant_id: str, refs: Collection[Ref], *, effects: bool = True) -> Plan:
        """Return what deleting definitions would do; raises ``NotFound``, and ``BadDefinitions`` if others rest on them."""

        def aim(_tx: Transaction, live: World) -> _Aim:
            for ref in refs:
                if ref not in live.definitions:
                    raise _missing(ref)
            return _Aim({}, refs)

        return self._plan(merchant_id, aim, effects=effects)

    def plan_rollback(self, merchant_id: str, ref: Ref, version: int, *, effects: bool = True) -> Plan:
        """Return what giving a definition the text of an earlier version would do; raises ``NotFound``, ``BadDefinitions``.

        Back to a version that was a deletion it is deleted.
        """

        def aim(tx: Transaction, _live: World) -> _Aim:
            old = self.version(tx, merchant_id, ref, version)
            if old.action is Action.DELETE:
                return _Aim({}, [ref])
            return _Aim({ref: text.stored(ref, old.text, version)}, ())

        return self._plan(merchant_id, aim, effects=effects)

    def plan_release(self, merchant_id: str, release: int, *, effects: bool = True) -> Plan:
        """Return what going back to all that was live after ``release`` would do; 0 is the time before the first.

        Raises ``NotFound``, ``BadDefinitions``.
        """

        def aim(tx: Transaction, live: World) -> _Aim:
            if not 0 <= release <= store.head(tx, merchant_id):
                raise NotFound(what_zh="发布", what_en="release", key=str(release))
            old = {
                ref: text.stored(ref, said, version)
                for ref, said, version in store.live_at(tx, merchant_id, release)
            }
            return _Aim(old, set(live.definitions) - old.keys())

        return self._plan(merchant_id, aim, effects=effects)

    def plan_wish(self, merchant_id: str, wish: Wish, *, effects: bool = True) -> Plan:
        """Return the plan of a change that was put into words; raises as the plan of its way does."""
        if wish.way is Way.TEXT:
            return self.plan(merchant_id, text.draft({"": wish.text}), effects=effects)
        if wish.way is Way.RESTORE:
            return self.plan_release(merchant_id, wish.number, effects=effects)
        if wish.way is Way.ROLLBACK:
            return self.plan_rollback(merchant_id, wish.ref, wish.number, effects=effects)
        return self.plan_removal(merchant_id, [wish.ref], effects=effects)

    def apply(
        self,
        merchant_id: str,
        what: Plan | Sequence[Definition] | Draft,
        *,
        by: str,
        why: str,
        now: int | None = None,
        expect: int | str | None = None,
        beside: Callable[[Transaction, Applied], None] | None = None,
    ) -> Applied:
        """Make a plan, or documents, live: all of it in one transaction, or nothing. What is so already makes no release.

        ``expect`` is the release or the hash of the plan that somebody has seen. ``now`` is by default the instant at
        which the changes go live, which back-fills may put off. ``beside`` is called in that transaction, last, unless nothing
        changes. Raises ``BadDefinitions``, ``Outdated`` if somebody else was faster, ``InvalidInput`` without a reason.
        """
        reason = _reason(why)
        plan = what if isinstance(what, Plan) else self.plan(merchant_id, what, effects=False)
        after = self._still_right(merchant_id, plan)
        if expect is not None:
            plan.be(expect)
        if plan.empty:
            return Applied(plan.base, plan.changes, changed=False)
        told = [kind for kind in self.kinds.values() if plan.for_kind(kind.name)]
        prepared = {kind.name: kind.prepare(merchant_id, plan.for_kind(kind.name), after) for kind in told}
        with self._database.transaction() as tx:
            at = self._clock.now() if now is None else now
            release = Release(plan.base + 1, at, by, reason, _summary(plan))
            if not store.claim(tx, merchant_id, release):
                raise Outdated(base=plan.base, release=store.head(tx, merchant_id))
            numbered = self._write(tx, merchant_id, release.number, plan)
            world = self.live(tx, merchant_id)
            for kind in told:
                kind.on_apply(tx, merchant_id, numbered.for_kind(kind.name), world, prepared[kind.name], at)
            applied = Applied(release.number, numbered.changes, changed=True)
            if beside is not None:
                beside(tx, applied)
        return applied

    def remove(
        self, merchant_id: str, refs: Collection[Ref], *, by: str, why: str, now: int | None = None
    ) -> Applied:
        """Delete definitions; see ``plan_removal`` and ``apply`` for what is raised."""
        plan = self.plan_removal(merchant_id, refs, effects=False)
        return self.apply(merchant_id, plan, by=by, why=why, now=now)

    def rollback(
        self, merchant_id: str, ref: Ref, version: int, *, by: str, why: str, now: int | None = None
    ) -> Applied:
        """Give a definition the text of an earlier version again, as a new one; see ``plan_rollback`` and ``apply``."""
        plan = self.plan_rollback(merchant_id, ref, version, effects=False)
        return self.apply(merchant_id, plan, by=by, why=why, now=now)

    def rollback_release(
        self, merchant_id: str, release: int, *, by: str, why: str, now: int | None = None
    ) -> Applied:
        """Go back to all that was live after a release, in a new one; see ``plan_release`` and ``apply``."""
        plan = self.plan_release(merchant_id, release, effects=False)
        return self.apply(merchant_id, plan, by=by, why=why, now=now)

    def _plan(self, merchant_id: str, aim: Callable[[Transaction, World], _Aim], *, effects: bool) -> Plan:
        with self._database.reading() as tx:
            base, live = store.head(tx, merchant_id), self.live(tx, merchant_id)
            aimed = aim(tx, live)
            refs = self._remembering()
            nameless = aimed.draft.nameless
            strange = decide.unknown_kinds([*aimed.wanted.values(), *nameless], self.kinds)
            unread = aimed.draft.unread.union(one.ref.key for one in strange if one.ref and one.ref.key)
            plan, structure, unsure = decide.draw(base, live, aimed.wanted, aimed.dropped, refs, unread)
            after = decide.after(live, plan.changes)
            structure += decide.missing(nameless, after, refs, unsure)
            sure = [one for one in structure if one.code != decide.UNKNOWN or self._certain(one)]
            found = self._check(tx, merchant_id, plan, replace(after, unsure=unsure), refs, nameless)
        if problems := [*aimed.draft.problems, *strange, *decide.merged(sure, wrong(found))]:
            raise BadDefinitions([_named(one) for one in problems])
        plan = replace(plan, hints=tuple(one for one in found if one.hint))
        if not effects or plan.empty:
            return plan
        figures: dict[Ref, Mapping[str, Any]] = {}
        for kind in self.kinds.values():
            if told := plan.for_kind(kind.name):
                figures.update(kind.effect(merchant_id, told, after))
        return replace(plan, effects=figures)

    def _certain(self, problem: Problem) -> bool:
        """Say whether what a definition names must be another definition."""
        kind = self.kinds.get(problem.ref.kind) if problem.ref else None
        return kind is None or kind.certain

    def _remembering(self) -> Callable[[Definition], Collection[Ref]]:
        """Return ``refs`` that parses each text once."""
        known: dict[tuple[Ref, str], Collection[Ref]] = {}

        def refs(definition: Definition) -> Collection[Ref]:
            name = (definition.ref, definition.text)
            if name not in known:
                known[name] = self.refs(definition)
            return known[name]

        return refs

    def _still_right(self, merchant_id: str, plan: Plan) -> World:
        """Return what will be live; raises ``Outdated`` and, for what has become wrong since, ``BadDefinitions``."""
        with self._database.reading() as tx:
            if (now := store.head(tx, merchant_id)) != plan.base:
                raise Outdated(base=plan.base, release=now)
            after = decide.after(self.live(tx, merchant_id), plan.changes)
            if problems := wrong(self._check(tx, merchant_id, plan, after, self.refs)):
                raise BadDefinitions(problems)
        return after

    def _check(
        self,
        tx: Transaction,
        merchant_id: str,
        plan: Plan,
        after: World,
        refs: Callable[[Definition], Collection[Ref]],
        nameless: Sequence[Definition] = (),
    ) -> list[Problem]:
        """Return everything that is wrong, without what follows from something else that is, and hints.

        Of the ``nameless``, too: nothing rests on them, and they on anything.
        """
        some = [one for one in decide.to_check(plan) if one.ref.kind in self.kinds]

        def check(one: Definition, world: World) -> list[Problem]:
            return self.kinds[one.ref.kind].check(tx, merchant_id, one, world)

        found = {one.ref: check(one, after) for one in some}
        bad = {ref.key for ref, problems in found.items() if wrong(problems)}
        follow = decide.resting_on(after, [ref for ref, problems in found.items() if wrong(problems)], refs)
        world = replace(after, unsure=after.unsure | decide.doubtful(after, bad, refs))
        found.update({one.ref: check(one, world) for one in some if one.ref in follow})
        more = [check(one, world) for one in nameless if one.ref.kind in self.kinds]
        return [problem for problems in (*found.values(), *more) for problem in problems]

    def _write(self, tx: Transaction, merchant_id: str, release: int, plan: Plan) -> Plan:
        """Write what changes and return the plan with the versions that this makes."""
        newest = store.newest_versions(tx, merchant_id)
        numbered: list[Change] = []
        written: list[tuple[Change, int]] = []
        for change in plan.changes:
            if change.action is Action.SAME:
                numbered.append(change)
                continue
            version = newest.get(change.ref, 0) + 1
            after = replace(change.after, version=version) if change.after else None
            numbered.append(replace(change, after=after))
            written.append((numbered[-1], version))
        store.write(tx, merchant_id, release, written)
        return replace(plan, changes=tuple(numbered))


@dataclass(frozen=True, slots=True)
class _Aim:
    """What should be live, and what should no longer."""

    wanted: Mapping[Ref, Definition]
    dropped: Collection[Ref]
    draft: Draft = field(default_factory=Draft)


def wrong(problems: Collection[Problem]) -> list[Problem]:
    """Return what is wrong, without hints."""
    return [one for one in problems if not one.hint]


def _named(problem: Problem) -> Problem:
    """Return a problem without a name for what has none."""
    return problem if problem.ref and problem.ref.key else problem._replace(ref=None)


def _draft(documents: Sequence[Definition]) -> Draft:
    return Draft(tuple(documents), tuple(decide.repeated(documents)))


def _missing(ref: Ref) -> NotFound:
    return NotFound(what_zh="定义", what_en="definition", key=str(ref))


def _reason(why: str) -> str:
    reason = why.strip()
    if not reason or len(reason) > MAX_REASON or not reason.isprintable():
        raise InvalidInput(
            reason_zh=f"请用一行文字说明修改原因，最多 {MAX_REASON} 字。",
            reason_en=f"say in one line why, in {MAX_REASON} characters at most.",
        )
    return reason


def _summary(plan: Plan) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for change in plan.changes:
        if change.action is not Action.SAME:
            counts.setdefault(change.ref.kind, Counter())[change.action.value] += 1
    return {kind: dict(sorted(found.items())) for kind, found in sorted(counts.items())}
