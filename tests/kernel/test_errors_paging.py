"""One error tree in two languages; cursors that lead somewhere or nowhere."""

from __future__ import annotations

import base64
import importlib
import json
import pkgutil
import re
from typing import Any

import pytest
from hypothesis import given, strategies as st

import guanxi
from guanxi.kernel.errors import GuanxiError, InvalidInput, TooLarge
from guanxi.kernel.paging import InvalidCursor, read_cursor, write_cursor
from guanxi.kernel.text import LANGUAGES, Text

HAN = re.compile(r"[\u4e00-\u9fff]")
KEYS = st.integers(-(1 << 63), (1 << 63) - 1) | st.text(
    st.characters(codec="utf-8", exclude_characters="\x00")
)


def tree() -> list[type[GuanxiError]]:
    for module in pkgutil.walk_packages(guanxi.__path__, "guanxi."):
        if not module.name.startswith(("guanxi.storage.migrations", "guanxi.__main__")):
            importlib.import_module(module.name)
    found, todo = [], [GuanxiError]
    while todo:
        kind = todo.pop()
        found.append(kind)
        todo += kind.__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("guanxi.")]


def test_every_error_of_the_product_speaks_both_languages() -> None:
    kinds = tree()
    assert len(kinds) > 15
    for kind in kinds:
        assert HAN.search(kind.text.zh) or "_zh}" in kind.text.zh, kind
        assert not HAN.search(kind.text.en), kind
        assert 400 <= kind.status < 600, kind
        assert re.fullmatch(r"[a-z][a-z0-9_.]*", kind.code), kind
        names = [set(re.findall(r"\{(\w+)\}", said)) for said in (kind.text.zh, kind.text.en)]
        zh, en = ({re.sub(r"(^|_)(zh|en)$", "", name) for name in some} for some in names)
        assert zh == en, kind


def test_an_error_says_what_to_do_in_the_language_asked_for() -> None:
    error = TooLarge(what="batch", size=5, limit=4)
    assert "上限 4" in error.say("zh")
    assert "limit is 4" in error.say("en")
    assert str(error) == f"{error.say('zh')} / {error.say('en')}"
    assert {Text("甲", "a").in_(language) for language in LANGUAGES} == {"甲", "a"}


def test_what_fills_a_text_is_no_template() -> None:
    assert "{0.__class__}" in InvalidInput(reason_zh="{0.__class__}", reason_en="{}").say("zh")


@given(st.lists(KEYS, max_size=5))
def test_a_cursor_leads_back(keys: list[Any]) -> None:
    assert read_cursor(write_cursor(*keys), *(type(key) for key in keys)) == tuple(keys)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    ["", "%%%", "游标", "a", encoded("{}"), encoded("[1, 2]"), encoded('["a"]'), encoded("[true]"), encoded("[1.0]"),
     encoded(f"[{1 << 63}]"), encoded("[NaN]"), encoded("[" * 100_000), encoded("[1]")[:-1], "\x00", "a" * 1_000_000],
)  # fmt: skip
def test_any_other_cursor_leads_nowhere(cursor: str) -> None:
    with pytest.raises(InvalidCursor) as caught:
        read_cursor(cursor, int)
    assert caught.value.status == 404


@pytest.mark.parametrize("text", ["\ud800", "a\x00b"])
def test_a_cursor_never_brings_what_no_database_takes(text: str) -> None:
    with pytest.raises(InvalidCursor):
        read_cursor(encoded(json.dumps([text])), str)


@given(st.text())
def test_no_text_breaks_the_reader(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        read_cursor(cursor, str, int, str, int)
