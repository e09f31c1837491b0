"""Definitions as text: what an author writes is what comes out, and whatever is wrong is said at its place."""

from __future__ import annotations

import string
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from guanxi.definitions import BadDefinitions, Ref, problems_of, text
from guanxi.definitions.model import Definition
from guanxi.kernel.text import Text
from guanxi.rules import BadRule, Problem, Span

FILE = """\
# What is spent
kind: trait
key: spent
label: {zh: 消费, en: Spent}
parts:
  - sum
  - when: >
      a = 1
      and b = 2
---
# Who spends much
kind: audience
key: rich
rule: |
  spent > 5

    and city = 'x'
...
---
# nothing here
"""


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of the library's parsers, the fast one and the one that is always there."""
    monkeypatch.setattr(text, "_LOADER", getattr(yaml, request.param))


def one(document: str) -> Definition:
    (found,) = text.parse(document, "f.yaml")
    return found


def refusals(document: str, source: str = "") -> list[tuple[str, int, int]]:
    with pytest.raises(BadDefinitions) as caught:
        text.parse(document, source)
    assert all(found.reason.zh and found.reason.en for found in caught.value.problems)
    return [(found.code, found.line, found.column) for found in caught.value.problems]


def test_documents_keep_their_text_their_data_and_their_places() -> None:
    spent, rich = text.parse(FILE, "f.yaml")
    assert spent.ref == Ref("trait", "spent")
    assert spent.spec == {
        "label": {"zh": "消费", "en": "Spent"},
        "parts": ["sum", {"when": "a = 1 and b = 2\n"}],
    }
    assert spent.text == FILE[: FILE.index("---")]
    assert spent.places[()] == (2, 1)
    assert spent.places["label", "en"] == (4, 21)
    assert spent.places["parts", 1, "when"] == (7, 11)
    assert spent.places.names["label",] == (4, 1)
    assert rich.spec == {"rule": "spent > 5\n\n  and city = 'x'\n"}
    assert rich.text.startswith("# Who spends much\n")
    assert rich.text.endswith("'x'\n")
    assert rich.places["rule",] == (14, 7)
    assert (rich.source, rich.version) == ("f.yaml", 0)


def test_a_stored_text_reads_as_its_file_did() -> None:
    for found in text.parse(FILE, "f.yaml"):
        again = text.stored(found.ref, found.text, 3)
        assert (again.spec, again.text, again.version) == (found.spec, found.text, 3)
        assert one(again.text).text == found.text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"), ("yes", "yes"), ("n", "n"), ("12:30", "12:30"), ("2026-01-01", "2026-01-01"),
        ("007", "007"), ("0x1F", "0x1F"), ("1_000", "1_000"), (".5", ".5"), ("1e999", "1e999"), (".inf", ".inf"),
        ("12345678901234567890", "12345678901234567890"), ("1.2.3", "1.2.3"), ("=", "="), ("90d", "90d"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-5", -5),
        ("1.50", 1.5), ("1e3", 1000.0), ("'5'", "5"), ('"true"', "true"), ("''", ""), ("|-\n  5", "5"),
    ],
)  # fmt: skip
def test_a_value_is_what_its_author_means(written: str, meant: object) -> None:
    found = one(f"kind: a\nkey: b\nx: {written}\n").spec["x"]
    assert (found, type(found)) == (meant, type(meant))


@pytest.mark.parametrize(
    ("document", "refused"),
    [
        ("kind: a\nkey: b\nx: &x 1\ny: *x", [("anchor", 3, 4), ("anchor", 4, 4)]),
        ("kind: a\nkey: b\nx: !!python/object:os.system 1", [("tag", 3, 4)]),
        ("kind: a\nkey: b\nx: !mine {}", [("tag", 3, 4)]),
        ("%YAML 1.1\n---\nkind: a\nkey: b", [("bad_yaml", 1, 1)]),
        ("kind: a\nkey: b\nx: 1\nx: 2", [("given_twice", 4, 1)]),
        ("kind: a\nkey: b\nx: {y: 1, z: 2, y: 3}", [("given_twice", 3, 17)]),
        ("kind: a\nkey: b\n1: x\ntrue: y", [("bad_name", 3, 1), ("bad_name", 4, 1)]),
        ("kind: a\nkey: b\n? [c]\n: d", [("bad_name", 3, 3)]),
        ("kind: a\nkey: b\n? *c\n: d", [("anchor", 3, 3)]),
        ("- a\n- b", [("not_a_mapping", 1, 1)]),
        ("text", [("not_a_mapping", 1, 1)]),
        ("kind: a\nkey: b\n---\n5", [("not_a_mapping", 4, 1)]),
        ("x: 1", [("missing_field", 1, 1), ("missing_field", 1, 1)]),
        ("kind: a\nkey: Ö", [("bad_key", 2, 6)]),
        ("kind: a\nkey: 5", [("bad_key", 2, 6)]),
        ("kind: a\nkey: " + "k" * 65, [("bad_key", 2, 6)]),
        ("kind: [a]\nkey:", [("bad_key", 1, 7), ("bad_key", 2, 5)]),
        ("kind: a\nkey: b\n---\nkind: a\nkey: b", [("defined_twice", 5, 6)]),
        ("a: b: c", [("bad_yaml", 1, 5)]),
        ("kind: a\nkey: b\nx: 'open", [("bad_yaml", 3, 9)]),
        ("kind: a\nkey: b\nx: \x00", [("bad_yaml", 3, 4)]),
        ("kind: a\nkey: b\nx: \ud800", [("bad_yaml", 3, 4)]),
        ("kind: a\nkey: b\nx: " + "[" * 31 + "]" * 31, [("too_deep", 3, 33)]),
        ("[" * 100_000, [("too_deep", 1, 31)]),
        ("- " * 100_000, [("too_deep", 1, 61)]),
        ("x" * 1_000_001, [("too_large", 1, 1)]),
    ],
)  # fmt: skip
def test_what_may_not_be_is_refused_at_its_place(document: str, refused: list[tuple[str, int, int]]) -> None:
    assert refusals(document) == refused


@pytest.mark.parametrize(
    ("broken", "code", "place"),
    [
        ("x: {y: 1", "bad_yaml", (11, 1)),
        ("x: 'open", "bad_yaml", (11, 1)),
        ("x: a: b", "bad_yaml", (8, 5)),
        ("x: *b", "anchor", (8, 4)),
        ("x: " + "[" * 40, "too_deep", (8, 33)),
        ("x: &b 1", "anchor", (8, 4)),
        ("kind: c", "given_twice", (8, 1)),
    ],
)
def test_after_a_mistake_the_next_document_is_read_on(broken: str, code: str, place: tuple[int, int]) -> None:
    written = f"kind: a\nkey: one\n---\n# here\nkind: a\nkey: two\n# then\n{broken}\n# it\n\n--- # more\nkind: a\nkey: three\nx: ['3']\n---\ny: 1\n"
    found = text.draft({"f.yaml": written})
    assert [(one.code, one.line, one.column) for one in found.problems] == [
        (code, *place),
        ("missing_field", 16, 1),
        ("missing_field", 16, 1),
    ]
    assert found.unread == {"two"}
    first, *_, third = found.definitions
    assert (first.ref.key, third.ref.key, third.text) == (
        "one",
        "three",
        " # more\nkind: a\nkey: three\nx: ['3']\n",
    )
    assert third.places[("x", 0)] == (14, 5)


def test_a_problem_of_form_names_its_definition() -> None:
    (problem,) = text.draft({"": "kind: a\nkey: b\nx: 1\nx: 2"}).problems
    assert (problem.ref, problem.where) == (Ref("a", "b"), "a b:4:1")


def test_what_has_a_kind_but_no_right_key_is_read_all_the_same() -> None:
    found = text.draft({"f.yaml": "kind: a\nkey: b c\nx: 1\n---\nkind: a\ny: 2\n---\nkind: 1\nkey: d\n"})
    assert [(one.code, one.ref, one.line) for one in found.problems] == [
        ("bad_key", None, 2),
        ("missing_field", None, 5),
        ("bad_key", None, 8),
    ]
    assert found.definitions == ()
    assert [(one.ref, one.spec) for one in found.nameless] == [
        (Ref("a", ""), {"x": 1}),
        (Ref("a", ""), {"y": 2}),
    ]


def test_thirty_levels_are_enough() -> None:
    assert one("kind: a\nkey: b\nx: " + "[" * 29 + "]" * 29).spec["x"]


def test_more_documents_than_a_file_may_have() -> None:
    found = refusals("".join(f"---\nkind: a\nkey: k{n}\n" for n in range(text.MAX_DOCUMENTS + 1)))
    assert found == [("too_many", 3 * text.MAX_DOCUMENTS + 2, 1)]


def test_not_every_one_of_many_problems_is_told() -> None:
    assert len(refusals("kind: a\nkey: b\n" + "x: 1\n" * 10_000)) == text.MAX_PROBLEMS


def test_a_bomb_costs_nothing() -> None:
    lines = ["kind: a", "key: b", "l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)]
    began = time.perf_counter()
    assert refusals("\n".join(lines))[0] == ("anchor", 3, 5)
    assert time.perf_counter() - began < 1


def test_all_problems_of_all_files_are_told_at_once() -> None:
    with pytest.raises(BadDefinitions) as caught:
        text.parse_all(
            {"b.yaml": "kind: a", "a.yaml": "kind: a\nkey: b\n---\nx: [", "c.yaml": FILE, "d.yaml": FILE}
        )
    assert [(found.source, found.code) for found in caught.value.problems] == [
        ("a.yaml", "bad_yaml"),
        ("b.yaml", "missing_field"),
        ("d.yaml", "defined_twice"),
        ("d.yaml", "defined_twice"),
    ]
    assert "a.yaml:4:5" in caught.value.say("zh")
    assert "3 more" in caught.value.say("en")
    assert caught.value.params["problems"][1]["line"] == 1


RULE = "city = 'x' and\n  cty = 'y'"
BAD = BadRule(RULE, [Problem("unknown_name", Span(17, 20), Text("无", "none"))])


@pytest.mark.parametrize(
    ("rule", "written", "at", "place"),
    [
        ("cty = 1", "rule: cty = 1", 0, (3, 7)),
        ("a and cty", "rule: a and cty", 6, (3, 13)),
        ("a = 'b' and cty", "rule: \"a = 'b' and cty\"", 12, (3, 20)),
        ("a = 'b' and cty", "rule: 'a = ''b'' and cty'", 12, (3, 22)),
        ("a and cty\n", "rule: |\n  a and cty\n", 6, (4, 9)),
        ("a\n  and cty\n", "rule: |\n  a\n    and cty\n", 8, (5, 9)),
        ("a and cty\n", "rule: >\n  a\n  and\n  cty\n", 6, (6, 3)),
        ("a and cty", "rule: a\n  and cty", 6, (4, 7)),
        ("a and cty", 'rule: "a and \\u0063ty"', 6, (3, 7)),
        ("a and", "rule: a and", 5, (3, 12)),
        ("人 and cty", "rule: 人 and cty", 6, (3, 13)),
    ],
)
def test_a_rules_problem_is_told_at_its_place_in_the_file(
    rule: str, written: str, at: int, place: tuple[int, int]
) -> None:
    definition = one(f"kind: a\nkey: b\n{written}")
    assert definition.spec["rule"] == rule
    bad = BadRule(rule, [Problem("unknown_name", Span(at, at), Text("无", "none"), "city")])
    (found,) = problems_of(definition, ("rule",), bad)
    assert (found.line, found.column) == place
    assert (found.code, found.ref, found.source, found.nearest) == (
        "unknown_name",
        definition.ref,
        "f.yaml",
        "city",
    )


def test_a_problem_of_what_is_not_there_is_told_nearby() -> None:
    definition = one("kind: a\nkey: b\nx: {y: 1}")
    assert definition.problem(("x", "z"), "c", Text("", "")).line == 3
    assert definition.problem(("q",), "c", Text("", ""))[3:5] == (1, 1)
    assert definition.problem(("x", "y"), "c", Text("", ""), name=True)[3:5] == (3, 5)


_names = st.text(string.ascii_lowercase, min_size=1, max_size=8).filter(
    lambda name: name not in ("kind", "key")
)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**17), 10**17),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co", "Zl", "Zp"]), max_size=20
    ),
    st.sampled_from(
        ["on", "1e5", "true", "a\nb", "\n", " x ", "a: b", "# c", "it's", "- x", "~", "a\n\n  b\n", "12:30"]
    ),
)
_specs = st.dictionaries(
    _names,
    st.recursive(
        _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3)
    ),
    max_size=5,
)


@given(_specs)
def test_what_is_written_reads_as_the_same(spec: dict[str, Any]) -> None:
    found = one(text.write(Ref("a", "b"), spec))
    assert found.spec == spec
    assert [type(value) for value in leaves(found.spec)] == [type(value) for value in leaves(spec)]


def leaves(value: Any) -> Iterator[Any]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if inside is None:
        yield value
    else:
        for part in inside:
            yield from leaves(part)


@given(st.text("ab:-?&*!|>'\"%@[]{},# \n\t1~é\u2028", max_size=60))
def test_whatever_is_written_is_read_or_refused(document: str) -> None:
    lines = f"kind: a\nkey: b\n{document}"
    try:
        found = text.parse(lines)
    except BadDefinitions as error:
        problems = error.problems
    else:
        assert found
        assert text.parse(found[0].text)[0].spec == found[0].spec
        return
    assert all(1 <= problem.line <= lines.count("\n") + 1 for problem in problems)
