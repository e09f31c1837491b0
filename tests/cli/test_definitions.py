"""``guanxi plan``, ``apply`` and ``definition …`` as a person or a script calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from guanxi.bootstrap import product
from guanxi.cli import app
from guanxi.definitions.service import Definitions
from tests.definitions.toy import Toy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guanxi.definitions import Kind
    from guanxi.kernel.clock import Clock
    from guanxi.storage.database import Database

TOYS = "kind: toy\nkey: b\nuses: [a]\n---\nkind: toy\nkey: a\namount: 1\n"


class Shell:
    """Calls ``guanxi`` in this process."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.file = folder / "toys.yaml"

    def run(self, *words: str, status: int = 0, language: str = "zh") -> str:
        environment = {"GUANXI_LANGUAGE": language, "COLUMNS": "200"}
        result = CliRunner().invoke(app, [*words, "--home", str(self.home)], env=environment)
        assert result.exit_code == status, result.output
        return result.output

    def json(self, *words: str, status: int = 0) -> Any:
        result = CliRunner().invoke(app, [*words, "--json", "--home", str(self.home)])
        assert result.exit_code == status, result.output
        return json.loads(result.stdout if status == 0 else result.stderr)

    def apply(self, documents: str, why: str = "试试") -> Any:
        self.file.write_text(documents, "utf-8")
        return self.json("apply", str(self.file), "--why", why, "--yes")


@pytest.fixture
def shell(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A fresh installation on SQLite that also knows toys."""

    def with_toys(database: Database, kinds: Sequence[Kind], clock: Clock) -> Definitions:
        return Definitions(database, [*kinds, Toy()], clock)

    monkeypatch.setattr(product, "Definitions", with_toys)
    made = Shell(home, tmp_path)
    made.json("init")
    made.file.write_text(TOYS, "utf-8")
    return made


def test_a_plan_is_shown_and_then_applied(shell: Shell) -> None:
    file = str(shell.file)
    plan = shell.json("plan", file)
    assert [(one["key"], one["action"], one["effect"]) for one in plan["changes"]] == [
        ("a", "create", {"gains": 2}),
        ("b", "create", {"gains": 2}),
    ]
    shown = shell.run("plan", file)
    assert "+ 新增 toy a  进入 2" in shown
    assert plan["hash"] in shown
    assert "+ create toy a  gains 2" in shell.run("plan", file, language="en")
    assert shell.json("definition", "list") == []
    done = shell.json("apply", file, "--why", "开店", "--expect", plan["hash"])
    assert (done["release"], done["changed"], len(done["changes"])) == (1, True, 2)
    assert shell.json("apply", file, "--why", "again", "--yes") == {
        "release": 1,
        "changed": False,
        "changes": [],
    }
    refused = shell.json("apply", file, "--why", "x", "--expect", plan["hash"], status=1)
    assert refused["error"]["code"] == "definitions_moved"
    shell.file.write_text("kind: toy\nkey: c", "utf-8")
    for language, said in (("zh", "现在的计划不是 deadbeef"), ("en", "The plan is not deadbeef")):
        shown = shell.run("apply", file, "--why", "x", "--expect", "deadbeef", status=1, language=language)
        assert shown.startswith(f"✗ {said}"), "and no word of the plan before"
        assert "?" not in shown
        assert "toy" not in shown
    shell.file.write_text(TOYS, "utf-8")
    assert "toy" in shell.run("definition", "list")


def test_nothing_is_applied_unasked(shell: Shell) -> None:
    file = str(shell.file)
    assert shell.json("apply", file, "--why", "x", status=1)["error"]["code"] == "invalid_input"
    assert "--yes" in shell.run("apply", file, "--why", "x", status=1)
    assert shell.json("apply", file, "--why", " ", "--yes", status=1)["error"]["code"] == "invalid_input"
    assert shell.json("definition", "releases") == []


def test_history_difference_and_the_way_back(shell: Shell) -> None:
    shell.apply(TOYS, "开店")
    shell.apply(TOYS.replace("amount: 1", "amount: 2"), "涨价")
    history = shell.json("definition", "history", "toy", "a")
    assert [(one["version"], one["action"], one["why"], one["applied_by"]) for one in history] == [
        (2, "change", "涨价", "cli"),
        (1, "create", "开店", "cli"),
    ]
    shown = shell.run("definition", "history", "toy", "a")
    assert "涨价" in shown
    assert "+08:00" in shown
    assert "-amount: 1\n+amount: 2\n" in shell.json("definition", "diff", "toy", "a", "1", "2")["diff"]
    assert "+amount: 2" in shell.run("definition", "diff", "toy", "a", "1", "2")
    shell.json("definition", "rollback", "toy", "a", "1", "--why", "退回", "--yes")
    assert shell.json("definition", "show", "toy", "a") == {
        "kind": "toy",
        "key": "a",
        "version": 3,
        "text": "kind: toy\nkey: a\namount: 1\n",
        "dependants": [{"kind": "toy", "key": "b"}],
    }
    assert "amount: 2" in shell.run("definition", "show", "toy", "a", "--version", "2")
    shell.json("definition", "restore", "2", "--why", "x", "--yes")
    assert "amount: 2" in shell.run("definition", "show", "toy", "a")
    assert [one["release"] for one in shell.json("definition", "releases")] == [4, 3, 2, 1]
    assert "涨价" in shell.run("definition", "releases")


def test_what_is_in_use_stays(shell: Shell) -> None:
    shell.apply(TOYS)
    refused = shell.json("definition", "remove", "toy", "a", "--why", "x", "--yes", status=1)
    assert refused["error"]["problems"][0]["code"] == "in_use"
    for language, said in (
        ("zh", "✗ toy a 还在被使用，不能删除：toy b。"),
        ("en", "✗ toy a cannot go while these rest on it: toy b."),
    ):
        shown = shell.run("definition", "remove", "toy", "a", "--why", "x", status=1, language=language)
        assert shown.strip() == said
    shell.json("definition", "remove", "toy", "b", "--why", "x", "--yes")
    shell.file.write_text("kind: toy\nkey: c", "utf-8")
    assert "- 删除 toy a" in shell.run("apply", str(shell.file), "--why", "x", "--prune", "--yes")
    assert [one["key"] for one in shell.json("definition", "list", "--kind", "toy")] == ["c"]
    assert shell.json("definition", "show", "toy", "a", status=1)["error"]["code"] == "not_found"


def test_all_that_is_wrong_is_told_with_its_place(shell: Shell) -> None:
    shell.file.write_text("kind: toy\nkey: a\nuses: [q]\n---\nkind: toy\nkey: b\nrule: cty = 'x'\n", "utf-8")
    file = str(shell.file)
    shown = shell.run("plan", file, status=1).replace("\n", "")
    for place in ("toys.yaml:3:8", "toys.yaml:7:7"):
        assert place in shown
    told = shell.json("plan", file, status=1)["error"]
    assert told["code"] == "bad_definitions"
    assert [(one["line"], one["column"]) for one in told["problems"]] == [(3, 8), (7, 7)]


def test_all_files_are_told_about_whatever_is_wrong_with_each(shell: Shell, tmp_path: Path) -> None:
    written = {
        "a.yaml": b"kind: toy\nkey: a\nuses: [b]\n---\nkind: toy\nkey: c\nrule: cty = 'x' and ctiy = 'y'\n",
        "b.yaml": b"kind: toy\nkey: b\namount: [\n",
        "gbk.yaml": b"kind: toy\n# " + "名".encode("gbk") + b"\nkey: d\n",
    }
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
    files = [str(tmp_path / name) for name in written]
    told = shell.json("plan", *files, status=1)["error"]["problems"]
    assert [(Path(one["source"]).name, one["line"], one["column"], one["code"]) for one in told] == [
        ("a.yaml", 7, 7, "unknown_attribute"),
        ("a.yaml", 7, 21, "unknown_attribute"),
        ("b.yaml", 4, 1, "bad_yaml"),
        ("gbk.yaml", 2, 3, "not_utf8"),
    ]
    shown = shell.run("plan", *files, status=1).replace("\n", "")
    assert all(place in shown for place in ("a.yaml:7:7", "a.yaml:7:21", "b.yaml:4:1", "gbk.yaml:2:3"))


def test_folders_are_read_and_what_is_no_definition_is_refused(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "toys"
    (folder / "more").mkdir(parents=True)
    assert "没有任何定义" in shell.run("plan", str(folder), "--prune", status=1)
    (folder / "a.yaml").write_text("kind: toy\nkey: a")
    (folder / "more" / "b.yml").write_text("kind: toy\nkey: b")
    (folder / ".hidden.yaml").write_text("[")
    (folder / "readme.txt").write_text("[")
    assert [one["key"] for one in shell.json("plan", str(folder))["changes"]] == ["a", "b"]
    for name, content in (("gbk.yaml", "名".encode("gbk")), ("big.yaml", b"#" * 4_000_001)):
        (folder / name).write_bytes(content)
        assert name in shell.run("plan", str(folder / name), status=1).replace("\n", "")
    assert shell.json("plan", str(folder / "none.yaml"), status=1)["error"]["code"] == "invalid_input"
