"""The commands as a person or a script calls them, on both databases."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from guanxi.cli import app
from guanxi.cli.output import session
from tests.servers import address, age, restore
from tools import postgres

CSV = """订单号,手机号,下单时间,实付金额,姓名
A1,13911110000,2025-06-01 10:00:00,128.50,王小明
A2,139 1111 0000,2025-06-02 10:00:00,"1,028.50",王小明
A3,12345,2025-06-02 10:00:00,5,李四
"""


class Shell:
    """Calls ``guanxi`` in this process."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *words: str, status: int = 0) -> str:
        """Return what a command printed, after checking how it ended."""
        result = CliRunner().invoke(app, [*words, "--home", str(self.home)], env={"GUANXI_LANGUAGE": "zh"})
        assert result.exit_code == status, result.output
        return result.output

    def json(self, *words: str, status: int = 0) -> Any:
        """Return a command's JSON."""
        result = CliRunner().invoke(app, [*words, "--json", "--home", str(self.home)])
        assert result.exit_code == status, result.output
        return json.loads(result.stdout if status == 0 or result.stdout else result.stderr)


@pytest.fixture
def shell(home: Path, database_setting: str) -> Shell:
    """An installation made by ``guanxi init``."""
    made = Shell(home)
    answer = made.json("init", "--database", database_setting)
    assert answer["merchant"] == "main"
    assert len(answer["password"]) >= 12
    return made


def import_orders(shell: Shell, folder: Path) -> dict[str, Any]:
    file = folder / "orders.csv"
    file.write_text(CSV, "utf-8")
    mapping = folder / "orders.yaml"
    mapping.write_text(shell.json("import", str(file), "--guess")["mapping"], "utf-8")
    result: dict[str, Any] = shell.json("import", str(file), "--mapping", str(mapping))
    return result


def test_what_is_logged_does_not_mix_with_what_is_printed(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    with session(shell.home, as_json=True):
        structlog.get_logger().warning("by_the_way")
    printed = capsys.readouterr()
    assert "by_the_way" in printed.err
    assert not printed.out


def test_init_twice_changes_nothing(shell: Shell) -> None:
    again = shell.json("init")
    assert "password" not in again
    assert [one["merchant_id"] for one in shell.json("merchant", "list")] == ["main"]


def test_a_file_becomes_a_member(shell: Shell, tmp_path: Path) -> None:
    result = import_orders(shell, tmp_path)
    assert (result["accepted"], result["duplicates"], result["dead_lettered"]) == (4, 0, 2), (
        "orders, and behind each what it says of its buyer"
    )
    assert import_orders(shell, tmp_path)["duplicates"] == 4
    assert shell.json("worker", "--settle") == {"events": 4}
    assert shell.json("summary") == {
        "members": 1,
        "orders": 2,
        "gmv": 12850 + 102850,
        "events": 4,
        "dead_letters": 2,
    }
    assert len(shell.json("member", "find", "王小明")) == 1
    member = shell.json("member", "show", "13911110000")
    assert (member["orders"], member["spent"]) == (2, 115700)
    assert "13911110000" not in json.dumps(member)
    tail = shell.run("events", "tail")
    assert "王小明" not in tail
    assert "支付订单（order.paid）" in tail
    assert "139****0000" in shell.run("member", "show", member["member_id"])


def test_a_backup_is_an_installation(
    shell: Shell, tmp_path: Path, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_orders(shell, tmp_path)
    shell.json("worker", "--settle")
    target = tmp_path / "copy"
    if dialect == "postgresql":
        # The dump is made by PostgreSQL's own program; without it the command says what to install.
        monkeypatch.setenv("PATH", str(tmp_path))
        refused = shell.json("backup", str(target), status=1)
        assert "pg_dump" in refused["error"]["message"]["zh"]
        assert not target.exists()
        return
    assert shell.json("backup", str(target))["files"] >= 3
    assert Shell(target).json("summary", status=1)["error"]["code"] == "broken_home"
    shutil.copy(shell.home / "secret.key", target)
    assert Shell(target).json("summary") == shell.json("summary")
    refused = shell.json("backup", str(target), status=1)
    assert refused["error"]["code"] == "invalid_input"


@pytest.mark.postgres
@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_backup_restored_on_another_server_goes_on(
    shell: Shell, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(postgres.binaries()), prepend=os.pathsep)
    age(database_url, 3_000)
    import_orders(shell, tmp_path)
    shell.json("worker", "--settle")
    before = shell.json("member", "show", "13911110000")
    more = tmp_path / "orders.csv"
    more.write_text(CSV.replace("A1", "B1"), "utf-8")
    mapping = str(tmp_path / "orders.yaml")
    assert shell.json("import", str(more), "--mapping", mapping)["accepted"] == 2
    target = tmp_path / "copy"
    assert shell.json("backup", str(target), "--with-key")["database"] == "guanxi.dump"
    with postgres.server() as elsewhere, elsewhere.database() as url:
        restore(target / "guanxi.dump", url)
        settings = (target / "guanxi.toml.backup").rename(target / "guanxi.toml")
        settings.write_text(settings.read_text("utf-8").replace(address(database_url), address(url)), "utf-8")
        there = Shell(target)
        assert "positions" in there.run("doctor", status=1)
        assert there.json("member", "show", "13911110000") == before
        assert "positions" not in there.run("doctor", status=1)
        more.write_text(CSV.replace("A1", "C1"), "utf-8")
        assert there.json("import", str(more), "--mapping", mapping)["accepted"] == 2
        assert there.json("worker", "--settle") == {"events": 4}
        summary = there.json("summary")
        assert (summary["members"], summary["orders"], summary["events"]) == (1, 4, 8)
        assert there.json("events", "replay")["events"] == 8
        assert there.json("summary") == summary


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_lake_of_another_backup_is_found(shell: Shell, tmp_path: Path) -> None:
    import_orders(shell, tmp_path)
    shell.json("worker", "--settle")
    shell.json("backup", str(tmp_path / "older"), "--with-key")
    assert "数据湖" not in Shell(tmp_path / "older").run("doctor", status=1)
    more = tmp_path / "orders.csv"
    more.write_text(CSV.replace("A1", "B1"), "utf-8")
    shell.json("import", str(more), "--mapping", str(tmp_path / "orders.yaml"))
    shell.json("worker", "--settle")
    assert "数据湖" not in shell.run("doctor", status=1)
    for name in ("guanxi.db", "tail.db"):
        shutil.copy(tmp_path / "older" / name, shell.home / name)
        for beside in ("-wal", "-shm"):
            (shell.home / f"{name}{beside}").unlink(missing_ok=True)
    assert "数据湖" in shell.run("doctor", status=1)


def test_replay_gives_the_same_members(shell: Shell, tmp_path: Path) -> None:
    import_orders(shell, tmp_path)
    shell.json("worker", "--settle")
    before = shell.json("member", "show", "13911110000")
    assert shell.json("events", "replay")["events"] == 4
    assert shell.json("member", "show", "13911110000") == before


def test_a_member_is_exported_and_forgotten(shell: Shell, tmp_path: Path) -> None:
    import_orders(shell, tmp_path)
    shell.json("worker", "--settle")
    file = tmp_path / "member.json"
    exported = shell.json("member", "export", "13911110000", "--to", str(file))
    assert exported["bytes"] == file.stat().st_size
    assert "13911110000" in file.read_text("utf-8")
    shell.json("member", "erase", "13911110000", "--yes")
    assert shell.json("member", "find", "13911110000") == []
    summary = shell.json("summary")
    assert (summary["members"], summary["orders"], summary["gmv"]) == (0, 2, 115700)


def test_doctor_says_what_to_mend(shell: Shell, tmp_path: Path) -> None:
    checks = {one["check"]: one["ok"] for one in shell.json("doctor", status=1)["checks"]}
    assert checks["database"]
    assert not checks["worker"]
    (shell.home / "secret.key").chmod(0o644)
    checks = {one["check"]: one["ok"] for one in shell.json("doctor", status=1)["checks"]}
    assert not checks["key"]
    (shell.home / "guanxi.toml").write_text("[server]\nport = 'x'\n", "utf-8")
    assert "server.port" in shell.run("doctor", status=1)
    missing = Shell(tmp_path / "nothing").json("summary", status=1)
    assert missing["error"]["code"] == "no_home"
    assert "guanxi init" in missing["error"]["message"]["zh"]


def test_keys_are_shown_once(shell: Shell) -> None:
    made = shell.json("key", "create", "website")
    assert made["key"].startswith("gx_wk_")
    listed = shell.json("key", "list")
    assert [one["id"] for one in listed] == [made["id"]]
    assert made["key"] not in json.dumps(listed)
    assert shell.json("key", "revoke", made["id"]) == {"id": made["id"], "revoked": True}
    wrong = shell.json("key", "create", "x", "--kind", "other", status=1)
    assert wrong["error"]["code"] == "invalid_input"


def test_own_event_types_are_declared(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "types.yaml"
    file.write_text("lesson.finished:\n  fields:\n    minutes: {type: int, required: true}\n", "utf-8")
    assert shell.json("events", "declare", str(file)) == {"declared": ["lesson.finished"]}
    file.write_text("lesson.finished:\n  fields:\n    minutes: {type: hours}\n", "utf-8")
    refused = shell.json("events", "declare", str(file), status=1)
    assert "lesson.finished.fields.minutes.type" in refused["error"]["message"]["en"]
