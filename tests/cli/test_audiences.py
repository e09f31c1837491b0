"""``guanxi audience …`` as a person or a script calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from guanxi.cli import app

DEFINITIONS = """\
kind: audience
key: twice
rule: first_seen is not null
---
kind: trait
key: twice
value: count(order.paid, 30d) >= 2
---
kind: audience
key: number
rule: first_seen is null
---
kind: trait
key: number
value: count(order.paid, 30d)
---
kind: audience
key: invited
static: true
"""


@pytest.fixture
def home(home: Path, tmp_path: Path) -> Path:
    """An installation with two audiences, each of which shares its key with a trait."""
    file = tmp_path / "definitions.yaml"
    file.write_text(DEFINITIONS, "utf-8")
    for words in (["init"], ["apply", str(file), "--why", "x", "--yes"]):
        assert CliRunner().invoke(app, [*words, "--json", "--home", str(home)]).exit_code == 0
    return home


def run(home: Path, *words: str, language: str = "zh") -> Result:
    environment = {"GUANXI_LANGUAGE": language, "COLUMNS": "200"}
    return CliRunner().invoke(app, ["audience", *words, "--home", str(home)], env=environment)


def counted(home: Path, rule: str) -> Any:
    return json.loads(run(home, "count", rule, "--json").stdout)["count"]


def test_a_key_that_could_be_an_audience_or_a_condition_is_refused(home: Path) -> None:
    refused = run(home, "count", "twice")
    assert refused.exit_code == 1
    assert "audience/twice 或 twice = true" in refused.stderr.replace("\n", "")
    assert counted(home, "audience/twice") == counted(home, "twice = true") == 0
    assert counted(home, "number") == counted(home, "audience/number") == 0
    assert run(home, "count", "audience/nobody").exit_code == 1


def test_an_export_that_cannot_be_written_says_why(home: Path, tmp_path: Path) -> None:
    for to, why in ((tmp_path / "no" / "x.csv", "不存在"), (tmp_path, "不能写入")):
        refused = run(home, "export", "number", "--to", str(to))
        assert refused.exit_code == 1
        assert why in refused.stderr.replace("\n", "")
        assert "数据库" not in refused.stderr


def test_only_what_is_for_excel_is_marked(home: Path, tmp_path: Path) -> None:
    to = tmp_path / "x.csv"
    for words, content in ((["--excel"], b"\xef\xbb\xbfmember_id,twice\r\n"), ([], b"member_id,twice\r\n")):
        told = run(home, "export", "number", "--columns", "twice", "--to", str(to), *words)
        assert told.exit_code == 0
        assert to.read_bytes() == content
    assert run(home, "export", "number").stdout == "member_id\n"


@pytest.mark.parametrize(
    ("language", "said"), [("zh", "! 2999-01-01 还没有到"), ("en", "! 2999-01-01 has not come yet")]
)
def test_a_day_to_come_is_said_beside_the_answer(home: Path, language: str, said: str) -> None:
    for words in (
        ("count", "number"),
        ("members", "number"),
        ("export", "number"),
        ("overlap", "number", "invited"),
    ):
        later = run(home, *words, "--as-of", "2999-01-01", language=language)
        now = run(home, *words, language=language)
        assert later.exit_code == now.exit_code == 0
        assert later.stderr.startswith(said)
        assert not now.stderr.startswith("!")
        assert said not in later.stdout
    counted = run(home, "count", "number", "--as-of", "2999-01-01", "--json", language=language)
    assert json.loads(counted.stdout) == {"count": 0, "of": 0, "as_of": "2999-01-01"}
    assert said in counted.stderr
    assert run(home, "count", "number", "--as-of", "2020-01-01", language=language).stderr == ""


def test_how_many_more_rows_are_bad_is_said(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    for bad, more in ((1_225, "and 1,205 more bad rows."), (20, "line 20: ")):
        file.write_text("nobody\n" * bad, "utf-8")
        told = run(home, "put", "invited", str(file), language="en")
        assert told.exit_code == 0
        assert told.stderr.splitlines()[-1].startswith(more)
        assert len(told.stderr.splitlines()) == 20 + (bad > 20)
    file.write_text("nobody\n" * 21, "utf-8")
    assert run(home, "put", "invited", str(file)).stderr.splitlines()[-1] == "另有 1 行无效。"
