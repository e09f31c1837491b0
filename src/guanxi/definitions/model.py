"""What a definition is, what may be wrong with it, and what a change of some of them is made of.

Places are lines and columns from 1: of the file that a definition was read from, or of its stored text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from guanxi.kernel.errors import Conflict, GuanxiError
from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from guanxi.rules.model import BadRule

Path = tuple[str | int, ...]
"""The way to a value in a definition's data: names of fields and, in lists, positions from 0."""

Place = tuple[int, int]
"""Line and column, both from 1."""


class Ref(NamedTuple):
    """The name of a definition: unique for a merchant."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


@dataclass(frozen=True, slots=True)
class Places(Mapping[Path, Place]):
    """Where each value of a definition is written; ``()`` is the document itself.

    ``names`` tells where a field's name stands, ``raw`` how a single value was written, from its place on.
    """

    at: Mapping[Path, Place] = field(default_factory=dict)
    names: Mapping[Path, Place] = field(default_factory=dict)
    raw: Mapping[Path, str] = field(default_factory=dict)

    def __getitem__(self, path: Path) -> Place:
        return self.at[path]

    def __iter__(self) -> Iterator[Path]:
        return iter(self.at)

    def __len__(self) -> int:
        return len(self.at)

    def near(self, path: Path) -> Place:
        """Return the place of ``path``, or of the innermost value around it that is written at all."""
        while path and path not in self.at:
            path = path[:-1]
        return self.at.get(path, (1, 1))

    def inside(self, path: Path, value: str, offset: int) -> Place:
        """Return where the character at ``offset`` of a text stands, whichever way the text was written.

        Quotes, folded lines and indentation are stepped over. A text in double quotes that holds a backslash is named
        by its beginning.
        """
        line, column = self.near(path)
        raw = self.raw.get(path, "")
        at = _written_at(raw, value, offset)
        before = raw[:at]
        breaks = before.count("\n")
        return (line + breaks, at - before.rfind("\n")) if breaks else (line, column + at)


def _written_at(raw: str, value: str, offset: int) -> int:
    """Return the position in ``raw`` of a character of the text that ``raw`` means."""
    if not raw or (raw[0] == '"' and "\\" in raw):
        return 0
    block = raw[0] in "|>"
    at = raw.find("\n") + 1 if block else int(raw[0] in "'\"")
    last = at
    for letter in value[: offset + 1]:
        blank = letter.isspace()
        while at < len(raw) and (not raw[at].isspace() if blank else raw[at] != letter):
            at += 1
        if at == len(raw):
            break
        last = at
        at += 1
    # A place behind the last letter is as far behind it as it was in the text.
    return min(last + max(0, offset - max(0, len(value) - 1)), len(raw)) if value else at


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition: ``text`` is the YAML document as its author wrote it, ``spec`` its data without kind and key.

    ``version`` is 0 until it is applied. ``source`` names the file that it was read from, for messages.
    """

    ref: Ref
    text: str
    spec: Mapping[str, Any]
    version: int = 0
    places: Places = field(default_factory=Places, compare=False, repr=False)
    source: str = field(default="", compare=False)

    def problem(
        self, path: Path, code: str, reason: Text, nearest: str = "", *, name: bool = False
    ) -> Problem:
        """Return a problem at a value of the definition, or at the ``name`` of the field that holds it."""
        place = self.places.names.get(path) if name else None
        line, column = place or self.places.near(path)
        return Problem(code, self.ref, self.source, line, column, reason, nearest)


class Problem(NamedTuple):
    """One thing that is wrong; ``code`` is stable, ``nearest`` a right name or empty, ``source`` a file or empty.

    A ``hint`` is right as it stands, but perhaps not what was meant.
    """

    code: str
    ref: Ref | None
    source: str
    line: int
    column: int
    reason: Text
    nearest: str = ""
    hint: bool = False

    @property
    def of_whole(self) -> bool:
        """Say whether it is no place that is wrong: nothing is, but the definition may not go."""
        return self.code == "in_use"

    @property
    def where(self) -> str:
        """Return the place as ``file:line:column``; without a file, what the definition is called.

        What is wrong with a definition as a whole has no line.
        """
        if self.of_whole:
            return str(self.ref)
        return f"{self.source or self.ref or ''}:{self.line}:{self.column}".lstrip(":")


@dataclass(frozen=True, slots=True)
class Draft:
    """What was read of files: definitions, what is wrong with the files, and the keys of what could not be read.

    Of the ``unread`` nobody knows what they are, so naming one of them is not wrong. The ``nameless`` have a kind but no
    right key, which is among the problems; the key that they have here is empty.
    """

    definitions: tuple[Definition, ...] = ()
    problems: tuple[Problem, ...] = ()
    unread: frozenset[str] = frozenset()
    nameless: tuple[Definition, ...] = ()


class BadDefinitions(GuanxiError):
    """Definitions that cannot be used, or cannot go. ``problems`` say why and where, in the order of the files."""

    code: ClassVar[str] = "bad_definitions"
    status: ClassVar[int] = 422
    text: ClassVar[Text] = Text("{reason_zh}", "{reason_en}")

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda one: (one.source, one.line, one.column, one.code))
        first, more = self.problems[0], len(self.problems) - 1
        # What may not go is not wrong, and says so itself.
        said = Text("", "") if first.of_whole else Text("定义有误：", "The definitions cannot be used: ")
        super().__init__(
            reason_zh=f"{said.zh}{first.where} {first.reason.zh}" + (f"（另有 {more} 处）" if more else ""),
            reason_en=f"{said.en}{first.where} {first.reason.en}" + (f" ({more} more)" if more else ""),
            problems=[problem_data(one) for one in self.problems],
        )


def problem_data(one: Problem) -> dict[str, str | int]:
    """Return a problem as JSON values."""
    return {
        "code": one.code,
        "where": one.where,
        "kind": one.ref.kind if one.ref else "",
        "key": one.ref.key if one.ref else "",
        "source": one.source,
        "line": one.line,
        "column": one.column,
        "zh": one.reason.zh,
        "en": one.reason.en,
        "nearest": one.nearest,
    }


def problems_of(definition: Definition, path: Path, bad: BadRule) -> list[Problem]:
    """Return what is wrong with a rule inside a definition, at its places in the file; the rule is the text at ``path``."""
    rule = definition.spec
    for step in path:
        rule = rule[step]  # type: ignore[index]
    found = []
    for one in bad.problems:
        line, column = definition.places.inside(path, str(rule), one.at.start)
        found.append(
            Problem(one.code, definition.ref, definition.source, line, column, one.reason, one.nearest)
        )
    return found


@dataclass(frozen=True, slots=True)
class World:
    """All definitions of a merchant that are live together.

    ``unsure`` are keys of which nobody can say what they are, since what defines them is wrong: whatever names one is not
    wrong for that.
    """

    definitions: Mapping[Ref, Definition] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()
    _kinds: dict[str, dict[str, Definition]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        for ref, one in self.definitions.items():
            self._kinds.setdefault(ref.kind, {})[ref.key] = one

    def of(self, kind: str) -> Mapping[str, Definition]:
        """Return the definitions of a kind by key."""
        return self._kinds.get(kind, {})


class Action(StrEnum):
    """What a change does to a definition."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    SAME = "same"

    @property
    def label(self) -> Text:
        """Return the action's name for people."""
        return _ACTION_LABELS[self]


_ACTION_LABELS = {
    Action.CREATE: Text("新增", "create"),
    Action.CHANGE: Text("修改", "change"),
    Action.DELETE: Text("删除", "delete"),
    Action.SAME: Text("不变", "same"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one definition; ``before`` is ``None`` for a new one, ``after`` for one that goes."""

    ref: Ref
    action: Action
    before: Definition | None
    after: Definition | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A change of definitions, made against release ``base`` (0: none yet).

    ``changes`` stand in the order of dependence, what goes comes last and backwards. ``touched`` are definitions that stay
    as they are but rest on one that changes; they are among ``changes`` as ``SAME``. ``effects`` are figures by kind of
    definition; ``hints`` say what is right but perhaps not meant.
    """

    base: int
    changes: tuple[Change, ...]
    effects: Mapping[Ref, Mapping[str, Any]] = field(default_factory=dict)
    touched: frozenset[Ref] = frozenset()
    hints: tuple[Problem, ...] = ()

    @property
    def empty(self) -> bool:
        """Say whether nothing would change."""
        return all(change.action is Action.SAME for change in self.changes)

    @property
    def hash(self) -> str:
        """Return 32 hex digits: equal for plans that do the same to the same release, whatever their effects say."""
        said = [
            [
                *change.ref,
                change.action,
                change.before.version if change.before else 0,
                _text_of(change.after),
            ]
            for change in self.changes
            if change.action is not Action.SAME
        ]
        content = json.dumps([self.base, said], ensure_ascii=False).encode()
        return hashlib.blake2b(content, digest_size=16).hexdigest()

    def be(self, expected: int | str) -> None:
        """Raise ``Outdated`` unless this is the plan that somebody has seen: by its hash, or by its release."""
        if isinstance(expected, str) and expected != self.hash:
            raise OtherPlan(expect=expected, release=self.base)
        if isinstance(expected, int) and expected != self.base:
            raise Outdated(base=expected, release=self.base)

    def for_kind(self, kind: str) -> tuple[Change, ...]:
        """Return what a kind is told: the changes of its definitions, and as ``SAME`` those that rest on a change."""
        return tuple(
            change
            for change in self.changes
            if change.ref.kind == kind and (change.action is not Action.SAME or change.ref in self.touched)
        )


@dataclass(frozen=True, slots=True)
class Release:
    """Definitions that went live together; ``summary`` counts actions by kind: ``{"trait": {"create": 2}}``.

    ``applied_at`` is an instant in microseconds.
    """

    number: int
    applied_at: int
    applied_by: str
    why: str
    summary: Mapping[str, Mapping[str, int]]

    @property
    def reason(self) -> Text:
        """Return why, for readers of either language: our own reasons are written as "中文 / English"."""
        return Text.read(self.why) if self.applied_by == "demo" else Text(self.why, self.why)


@dataclass(frozen=True, slots=True)
class Version:
    """One text that a definition had, and the release that brought it; a deletion has no text."""

    ref: Ref
    version: int
    action: Action
    text: str
    release: Release


@dataclass(frozen=True, slots=True)
class Applied:
    """What ``apply`` did. ``release`` is the newest one; ``changed`` is false if everything was so already."""

    release: int
    changes: tuple[Change, ...]
    changed: bool


class Outdated(Conflict):
    """Somebody else has applied definitions since a plan was made."""

    code = "definitions_moved"
    text = Text(
        "定义在此计划之后已被改动（计划基于发布 {base}，当前为 {release}）；请重新查看计划。",
        "Definitions have changed since this plan was made (against release {base}, now {release}); plan again.",
    )


class OtherPlan(Outdated):
    """What would be done now is not the plan that was seen; a hash does not say against which release that was made."""

    text = Text(
        "现在的计划不是 {expect}：定义或文件已被改动，或从未有过这份计划（当前为发布 {release}）；请重新查看计划。",
        "The plan is not {expect}: definitions or files have changed since, or there never was such a plan"
        " (now release {release}); plan again.",
    )


def _text_of(definition: Definition | None) -> str:
    return definition.text if definition else ""
