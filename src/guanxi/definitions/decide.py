"""What a change of definitions comes to: which are new, which differ, in which order, and what stands in the way."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from guanxi.definitions.model import (
    Action,
    Change,
    Definition,
    Path,
    Place,
    Plan,
    Problem,
    Ref,
    World,
)
from guanxi.kernel.text import Text

Refs = Callable[[Definition], Collection[Ref]]
"""Tells what a definition rests on."""

UNKNOWN, IN_USE = "unknown_reference", "in_use"


class Drawn(NamedTuple):
    """A plan without effects, what contradicts it, and the keys of which nobody knows what they are."""

    plan: Plan
    problems: list[Problem]
    unsure: frozenset[str]


def draw(
    base: int,
    live: World,
    wanted: Mapping[Ref, Definition],
    dropped: Collection[Ref],
    refs: Refs,
    unsure: frozenset[str] = frozenset(),
) -> Drawn:
    """Return the plan that leads from ``live`` to ``wanted`` without ``dropped``.

    Definitions that are neither wanted nor dropped stay. What stands in a circle or goes is as ``unsure`` as what could
    not be read, and so is what rests on any of these.
    """
    gone = {ref for ref in dropped if ref in live.definitions and ref not in wanted}
    meant = {ref: _settled(live.definitions.get(ref), one) for ref, one in wanted.items()}
    after = World({**{ref: one for ref, one in live.definitions.items() if ref not in gone}, **meant})
    actions = {ref: _action(live.definitions.get(ref), one) for ref, one in meant.items()}
    moved = gone | {ref for ref, action in actions.items() if action is not Action.SAME}
    touched = resting_on(after, moved, refs) - moved
    shown = meant.keys() | touched
    order, circles, circling = in_order(after, refs, meant)
    changes = [
        Change(ref, actions.get(ref, Action.SAME), live.definitions.get(ref), after.definitions[ref])
        for ref in order
        if ref in shown
    ]
    changes += [
        Change(ref, Action.DELETE, live.definitions[ref], None)
        for ref in reversed(in_order(live, refs, {})[0])
        if ref in gone
    ]
    problems = [
        *circles,
        *missing(after.definitions.values(), after, refs, unsure, gone),
        *_in_use(after, gone, refs),
    ]
    unsure = doubtful(after, unsure.union(ref.key for ref in gone | circling), refs)
    return Drawn(Plan(base, tuple(changes), {}, frozenset(touched)), problems, unsure)


def doubtful(world: World, keys: Collection[str], refs: Refs) -> frozenset[str]:
    """Return ``keys`` and those of everything that rests on a definition of such a key, whether it is there or not."""
    if not keys:
        return frozenset()
    named = {needed for one in world.definitions.values() for needed in refs(one) if needed.key in keys}
    some = named | {ref for ref in world.definitions if ref.key in keys}
    return frozenset(keys).union(ref.key for ref in resting_on(world, some, refs))


def after(live: World, changes: Iterable[Change]) -> World:
    """Return what is live once changes are."""
    definitions = dict(live.definitions)
    for change in changes:
        if change.after is None:
            definitions.pop(change.ref, None)
        else:
            definitions[change.ref] = change.after
    return World(definitions)


def to_check(plan: Plan) -> list[Definition]:
    """Return what is new, changes, or rests on a change, in the order of dependence."""
    return [
        change.after
        for change in plan.changes
        if change.after and (change.action is not Action.SAME or change.ref in plan.touched)
    ]


def dependants(world: World, ref: Ref, refs: Refs) -> list[Ref]:
    """Return what rests directly on a definition, sorted."""
    return sorted(one.ref for one in world.definitions.values() if ref in refs(one))


def resting_on(world: World, some: Collection[Ref], refs: Refs) -> set[Ref]:
    """Return everything that rests on one of ``some``, directly or not."""
    users: dict[Ref, list[Ref]] = {}
    for one in world.definitions.values():
        for needed in refs(one):
            users.setdefault(needed, []).append(one.ref)
    found: set[Ref] = set()
    waiting = list(some)
    while waiting:
        new = [ref for ref in users.get(waiting.pop(), ()) if ref not in found]
        found.update(new)
        waiting += new
    return found


def in_order(
    world: World, refs: Refs, wanted: Mapping[Ref, Definition]
) -> tuple[list[Ref], list[Problem], set[Ref]]:
    """Return all definitions so that each comes after what it rests on; of circles what is wrong and what stands in them.

    A circle is told at one of ``wanted``.
    """
    rests = {
        ref: sorted(one for one in refs(world.definitions[ref]) if one in world.definitions)
        for ref in sorted(world.definitions)
    }
    problems: list[Problem] = []
    circling: set[Ref] = set()
    while True:
        sorter: TopologicalSorter[Ref] = TopologicalSorter()
        for ref, needed in rests.items():
            sorter.add(ref, *(needed if ref not in circling else ()))
        try:
            return list(sorter.static_order()), problems, circling
        except CycleError as error:
            path: list[Ref] = error.args[1][::-1]
        circling.update(path)
        problems.append(_circle(world, path, wanted))


def _circle(world: World, path: list[Ref], wanted: Mapping[Ref, Definition]) -> Problem:
    # The circle begins where somebody has just written something.
    start = next((at for at, ref in enumerate(path) if ref in wanted), 0)
    path = [*path[start:-1], *path[: start + 1]]
    said = " → ".join(map(str, path))
    reason = Text(f"循环引用：{said}。", f"these rest on each other in a circle: {said}.")
    return _problem_at(world.definitions[path[0]], path[1], "circle", reason)


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two definitions' data are the same; how they are written and the order of fields do not count."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def unknown_kinds(definitions: Iterable[Definition], kinds: Collection[str]) -> list[Problem]:
    """Return a problem for each definition of a kind that nobody brings."""
    found = []
    for one in definitions:
        if one.ref.kind not in kinds:
            near = nearest(one.ref.kind, kinds)
            named = ", ".join(kinds)
            reason = _asking(
                f"没有 {one.ref.kind} 这种定义；可用：{named}。",
                f"there is no kind {one.ref.kind}; it is one of: {named}.",
                near,
            )
            found.append(one.problem(("kind",), "unknown_kind", reason, near))
    return found


def merged(structure: Iterable[Problem], checks: Collection[Problem]) -> list[Problem]:
    """Return all problems; at one place a kind says better than we what is wrong with a name."""
    said = {(one.ref, one.source, one.line, one.column) for one in checks}
    return [*checks, *(one for one in structure if (one.ref, one.source, one.line, one.column) not in said)]


def repeated(definitions: Iterable[Definition]) -> list[Problem]:
    """Return a problem for each definition whose name another one has already."""
    first: dict[Ref, Definition] = {}
    problems = []
    for one in definitions:
        known = first.setdefault(one.ref, one)
        if known is not one:
            place = f"{known.source}:{known.places.near(())[0]}".lstrip(":")
            reason = Text(f"{one.ref} 已在 {place} 定义过。", f"{one.ref} was defined before at {place}.")
            problems.append(one.problem(("key",), "defined_twice", reason))
    return problems


def diff(before: str, after: str, names: tuple[str, str]) -> str:
    """Return what changed from one text to another as a unified diff; empty if nothing did."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name most like ``name``, or an empty text."""
    # Brings an analytic engine along, which nobody waits for who made no mistake.
    from guanxi.rules.catalogue import nearest as like  # noqa: PLC0415

    return like(name, names)


def _settled(before: Definition | None, wanted: Definition) -> Definition:
    """Return a wanted definition; one that is live already keeps its text and version, and is named in its new place."""
    if before and same(before.spec, wanted.spec):
        return replace(wanted, text=before.text, version=before.version)
    return replace(wanted, version=0)


def _action(before: Definition | None, meant: Definition) -> Action:
    if before is None:
        return Action.CREATE
    return Action.SAME if meant.version else Action.CHANGE


def missing(
    some: Iterable[Definition], world: World, refs: Refs, unsure: Collection[str], gone: Collection[Ref] = ()
) -> Iterator[Problem]:
    """Yield a problem for each definition that ``some`` rest on and that there is not."""
    for one in some:
        for needed in sorted(refs(one)):
            if needed in world.definitions or needed in gone or needed.key in unsure:
                continue
            near = nearest(needed.key, world.of(needed.kind))
            reason = _asking(f"没有 {needed} 这个定义。", f"there is no {needed}.", near)
            yield _problem_at(one, needed, UNKNOWN, reason, near)


def _in_use(world: World, gone: Iterable[Ref], refs: Refs) -> Iterator[Problem]:
    for ref in sorted(gone):
        users = dependants(world, ref, refs)
        if users:
            named = ", ".join(map(str, users[:10])) + (" …" if len(users) > 10 else "")
            reason = Text(f"还在被使用，不能删除：{named}。", f"cannot go while these rest on it: {named}.")
            yield Problem(IN_USE, ref, "", 1, 1, reason)


def _asking(zh: str, en: str, near: str) -> Text:
    return Text(f"{zh}是不是 {near}？", f"{en} Did you mean {near}?") if near else Text(zh, en)


def _problem_at(definition: Definition, named: Ref, code: str, reason: Text, near: str = "") -> Problem:
    """Return a problem at the place where a definition names another one, as well as can be told."""
    line, column = _mention(definition, named.key)
    return Problem(code, definition.ref, definition.source, line, column, reason, near)


def _mention(definition: Definition, key: str) -> Place:
    word = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(key)}(?![A-Za-z0-9_])")
    for path, text in _texts((), definition.spec):
        if found := word.search(text):
            return definition.places.inside(path, text, found.start())
    return definition.places.near(())


def _texts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case Mapping():
            for name, one in value.items():
                yield from _texts((*path, name), one)
        case list():
            for at, one in enumerate(value):
                yield from _texts((*path, at), one)
