"""Definitions as text: YAML documents with their places, and nothing of YAML that surprises.

A file holds one or more documents, parted by ``---``; each is a mapping with ``kind``, ``key`` and the kind's own fields.
What is in quotes or in a block is text. Of what is not, ``true``, ``false``, ``null``, ``~`` and nothing at all mean what
they say, numbers are written as in JSON, and everything else is text: ``on``, ``yes``, ``12:30``, ``007``, ``2026-01-01``.
Anchors, aliases, tags, directives and repeated names are refused.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

import yaml

from guanxi.definitions.decide import repeated
from guanxi.definitions.model import BadDefinitions, Definition, Draft, Path, Place, Places, Problem, Ref
from guanxi.kernel.text import Text

MAX_CHARACTERS = 1_000_000
MAX_DOCUMENTS = 2_000
MAX_DEPTH = 30
MAX_PROBLEMS = 100
"""After so many the rest of a file is not looked at."""

_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,3})?")
_WORDS = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_KEYS = re.compile(r"""(?:^|[\s{,])["']?key["']?\s*:\s*["']?([a-z][a-z0-9_]{0,63})\b""")
_NEXT = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_BLANK_LINES = re.compile(r"\A(?:[ \t]*\n)+")
# libyaml reads the same ten times faster; where its wheel is not at hand Python does it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str, source: str = "") -> list[Definition]:
    """Return the definitions of a file's text in their order; ``source`` names it in messages.

    Raises ``BadDefinitions`` with all that is wrong with its form. Kinds and what they hold are not looked at.
    """
    return parse_all({source: text})


def parse_all(files: Mapping[str, str]) -> list[Definition]:
    """Return the definitions of several files by name; raises ``BadDefinitions`` with what is wrong in any of them."""
    found = draft(files)
    if found.problems:
        raise BadDefinitions(found.problems)
    return list(found.definitions)


def draft(files: Mapping[str, str]) -> Draft:
    """Return what can be read of several files by name, and what is wrong with their form."""
    found: list[Definition] = []
    problems: list[Problem] = []
    unread: set[str] = set()
    nameless: list[Definition] = []
    for source, text in files.items():
        reader = _Reader(text.removeprefix("\ufeff").replace("\r\n", "\n"), source)
        found += reader.read()
        problems += reader.problems
        unread |= reader.unread
        nameless += reader.nameless
    return Draft(tuple(found), (*problems, *repeated(found)), frozenset(unread), tuple(nameless))


def keys_in(text: str) -> set[str]:
    """Return the keys that a text seems to define, whatever else it is."""
    return set(_KEYS.findall(text))


@lru_cache(maxsize=4096)
def stored(ref: Ref, text: str, version: int) -> Definition:
    """Return a definition from its stored text. What was stored could be read, and is parsed once in a process."""
    (one,) = parse(text)
    return Definition(ref, text, one.spec, version, one.places)


def scalar(written: str) -> str | float | bool | None:
    """Return what a plain value means: ``int``, ``float``, ``bool``, ``None`` or its own text."""
    if written in _WORDS:
        return _WORDS[written]
    if _INT.fullmatch(written):
        return int(written)
    if _FLOAT.fullmatch(written) and math.isfinite(number := float(written)):
        return number
    return written


def write(ref: Ref, spec: Mapping[str, Any]) -> str:
    """Return a document that ``parse`` reads as the same; for definitions that were filled in as a form."""
    data = {"kind": ref.kind, "key": ref.key, **spec}
    return yaml.dump(
        data, Dumper=_Writer, allow_unicode=True, sort_keys=False, default_flow_style=False, width=100
    )


class _Writer(yaml.SafeDumper):
    """Quotes whatever would be read as something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - theirs
        # Lists stand below their name as people write them.
        del indentless
        super().increase_indent(flow, False)


def _write_mapping(writer: _Writer, value: Mapping[str, Any]) -> yaml.MappingNode:
    # A text in both languages is one thing, on one line.
    flow = set(value) == {"zh", "en"}
    return writer.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=flow)


def _write_text(writer: _Writer, value: str) -> yaml.ScalarNode:
    lines = "\n" in value and not re.search(r"[^\S\n ]|(?m: $|^ )|\A\n", value)
    style = "|" if lines else None if isinstance(scalar(value), str) else "'"
    return writer.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Writer.add_representer(str, _write_text)
_Writer.add_representer(dict, _write_mapping)


@dataclass
class _Document:
    """One document while it is read."""

    start: int
    root: Any = None
    at: dict[Path, Place] = field(default_factory=dict)
    names: dict[Path, Place] = field(default_factory=dict)
    raw: dict[Path, str] = field(default_factory=dict)


@dataclass
class _Open:
    """A mapping or list that has begun and not ended; ``name`` is the field whose value comes next, if any."""

    path: Path
    value: dict[str, Any] | list[Any]
    name: str | None = None


class _Stop(Exception):
    """Too much is wrong to go on."""


class _Skip(Exception):
    """The rest of a document cannot be read."""


class _Reader:
    """Builds values from the parser's events, so that what may not be is refused before anything grows from it."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._open: list[_Open] = []
        self._document = _Document(0)
        self._documents = 0
        self._base = 0
        self._told = 0
        self._found: list[Definition] = []
        self.problems: list[Problem] = []
        self.unread: set[str] = set()
        self.nameless: list[Definition] = []

    def read(self) -> list[Definition]:
        """Return what could be read; ``problems`` says what could not, ``unread`` which keys may stand there."""
        try:
            self._readable()
            while self._read():
                pass
        except _Stop:
            self.unread |= keys_in(self._text[self._document.start :])
        return self._found

    def _read(self) -> bool:
        """Read from the base on; after a mistake move the base to the next document and say that there is more."""
        try:
            for event in yaml.parse(self._text[self._base :], Loader=_LOADER):
                self._take(event)
        except _Skip:
            at = self._index(self.problems[-1])
        except yaml.YAMLError as error:
            self._bad("bad_yaml", *self._explained(error))
            at = self._index(self.problems[-1])
        else:
            return False
        start = self._document.start
        following = _NEXT.search(self._text, max(at, start, self._base + 1))
        end = following.start() if following else len(self._text)
        self.unread |= keys_in(self._text[start:end])
        self._documents += 1
        self._told, self._open, self._base = len(self.problems), [], end
        self._document = _Document(end)
        return following is not None

    def _index(self, problem: Problem) -> int:
        return self._lines[problem.line - 1] + problem.column - 1

    def _readable(self) -> None:
        if len(self._text) > MAX_CHARACTERS:
            zh = f"文件超过 {MAX_CHARACTERS:,} 个字符，请拆分。"
            self._stop("too_large", (1, 1), zh, f"the file has more than {MAX_CHARACTERS:,} characters.")
        if odd := yaml.reader.Reader.NON_PRINTABLE.search(self._text):
            line, said = bisect_right(self._lines, odd.start()), f"U+{ord(odd[0]):04X}"
            place = (line, odd.start() - self._lines[line - 1] + 1)
            self._stop("bad_yaml", place, f"YAML 中不允许字符 {said}。", f"YAML allows no {said}.")

    def _place(self, mark: Any) -> Place:
        """Return a place as editors count: YAML also ends a line where they do not."""
        at = self._base + mark.index
        line = bisect_right(self._lines, at)
        return (line, at - self._lines[line - 1] + 1)

    def _explained(self, error: yaml.YAMLError) -> tuple[Place, str, str]:
        """Return where the parser gave up and, in both languages, why: the parser's own words are English."""
        place, said = (1, 1), str(error)
        if isinstance(error, yaml.MarkedYAMLError):
            mark = error.problem_mark or error.context_mark
            place = self._place(mark) if mark else place
            said = ": ".join(part for part in (error.context, error.problem) if part)
        return place, f"YAML 语法有误（{said}）。", f"this is not YAML: {said}."

    def _bad(self, code: str, place: Place, zh: str, en: str) -> None:
        self.problems.append(Problem(code, None, self._source, *place, Text(zh, en)))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Stop

    def _stop(self, code: str, place: Place, zh: str, en: str) -> NoReturn:
        self._bad(code, place, zh, en)
        raise _Stop

    def _skip(self, code: str, place: Place, zh: str, en: str) -> NoReturn:
        self._bad(code, place, zh, en)
        raise _Skip

    def _take(self, event: Any) -> None:
        where: Any = event  # the stubs say that a mark may be missing
        match event:
            case yaml.DocumentStartEvent():
                if event.version or event.tags:
                    zh, en = "不支持以 % 开头的 YAML 指令。", "YAML directives (%) are not supported."
                    self._bad("bad_yaml", self._place(event.start_mark), zh, en)
                start = self._base + (where.end_mark if event.explicit else where.start_mark).index
                self._document = _Document(0 if not self._documents and not event.explicit else start)
            case yaml.DocumentEndEvent():
                self._finish(self._base + where.start_mark.index)
            case yaml.AliasEvent():
                self._refuse_anchor(event)
                raise _Skip
            case yaml.MappingStartEvent():
                self._begin(event, {})
            case yaml.SequenceStartEvent():
                self._begin(event, [])
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._open.pop()
            case yaml.ScalarEvent():
                self._scalar(event)

    def _refuse_anchor(self, event: Any) -> None:
        zh, en = (
            "不支持 YAML 的锚点和引用（& 和 *）。",
            "YAML anchors and aliases (& and *) are not supported.",
        )
        self._bad("anchor", self._place(event.start_mark), zh, en)

    def _check(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse_anchor(event)
        if event.tag is not None:
            zh, en = f"不支持 YAML 标签 {event.tag}。", f"the YAML tag {event.tag} is not supported."
            self._bad("tag", self._place(event.start_mark), zh, en)

    def _begin(self, event: Any, value: dict[str, Any] | list[Any]) -> None:
        self._check(event)
        if len(self._open) >= MAX_DEPTH:
            zh, en = f"嵌套超过 {MAX_DEPTH} 层。", f"this is nested deeper than {MAX_DEPTH} levels."
            self._skip("too_deep", self._place(event.start_mark), zh, en)
        self._open.append(_Open(self._put(event, value), value))

    def _scalar(self, event: Any) -> None:
        self._check(event)
        value = scalar(event.value) if not event.style else event.value
        top = self._open[-1] if self._open else None
        if top and isinstance(top.value, dict) and top.name is None:
            self._name(top, event, value)
            return
        path = self._put(event, value)
        if isinstance(value, str):
            self._document.raw[path] = self._text[
                self._base + event.start_mark.index : self._base + event.end_mark.index
            ]

    def _name(self, top: _Open, event: Any, value: object) -> None:
        if not isinstance(value, str):
            zh = f"字段名必须是文字；{event.value or '空'} 请加引号。"
            self._bad(
                "bad_name",
                self._place(event.start_mark),
                zh,
                f"a field's name is a text; quote {event.value!r}.",
            )
        elif value in top.value:
            zh, en = f"字段 {value} 重复。", f"the field {value} is given twice."
            self._bad("given_twice", self._place(event.start_mark), zh, en)
        top.name = event.value
        self._document.names[(*top.path, event.value)] = self._place(event.start_mark)

    def _put(self, event: Any, value: Any) -> Path:
        """Put a value where it belongs and return the way to it."""
        path: Path = ()
        if not self._open:
            self._document.root = value
        else:
            top = self._open[-1]
            if isinstance(top.value, list):
                path = (*top.path, len(top.value))
                top.value.append(value)
            elif top.name is None:
                zh, en = "字段名必须是文字。", "a field's name is a text."
                self._skip("bad_name", self._place(event.start_mark), zh, en)
            else:
                path = (*top.path, top.name)
                top.value[top.name] = value
                top.name = None
        self._document.at[path] = self._place(event.start_mark)
        return path

    def _finish(self, end: int) -> None:
        document, told = self._document, self._told
        self._documents += 1
        if document.root is None:
            return  # nothing between two lines of dashes, or comments only
        if self._documents > MAX_DOCUMENTS:
            zh, en = (
                f"一个文件最多 {MAX_DOCUMENTS:,} 份定义。",
                f"a file has at most {MAX_DOCUMENTS:,} definitions.",
            )
            self._stop("too_many", document.at[()], zh, en)
        ref = self._ref_of(document)
        if len(self.problems) > told:
            name = ref if ref and ref.key else None
            self.problems[told:] = [one._replace(ref=name) for one in self.problems[told:]]
            self.unread |= keys_in(self._text[document.start : end])
        self._told = len(self.problems)
        if ref is None:
            return
        text = _BLANK_LINES.sub("", self._text[document.start : end]).rstrip() + "\n"
        spec = {name: value for name, value in document.root.items() if name not in ("kind", "key")}
        places = Places(document.at, document.names, document.raw)
        some = self._found if ref.key else self.nameless
        some.append(Definition(ref, text, spec, 0, places, self._source))

    def _ref_of(self, document: _Document) -> Ref | None:
        """Return what a document is called, with an empty key if that is wrong; nothing without a kind."""
        if not isinstance(document.root, dict):
            zh, en = "每份定义应为“字段: 值”。", "a definition is a mapping: `field: value`."
            self._bad("not_a_mapping", document.at[()], zh, en)
            return None
        named = {"kind": "", "key": ""}
        for name in named:
            value = document.root.get(name)
            if name not in document.root:
                zh, en = f"缺少 {name}。", f"{name} is missing."
                self._bad("missing_field", document.at[()], zh, en)
            elif not isinstance(value, str) or not _KEY.fullmatch(value):
                zh = f"{name} 须以小写字母开头，只含小写字母、数字和 _，最多 64 个。"
                en = f"{name} begins with a-z and holds a-z, 0-9 and _ only, 64 at most."
                self._bad("bad_key", document.at[(name,)], zh, en)
            else:
                named[name] = value
        return Ref(**named) if named["kind"] else None
