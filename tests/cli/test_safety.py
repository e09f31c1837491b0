"""What the commands say when something is wrong with the installation itself, on both databases."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from guanxi.access.store.people import person_by_login
from guanxi.bootstrap import Background, create_web, opened
from guanxi.cli import app
from guanxi.customers.projection.jobs import READER
from guanxi.runtime.worker import Worker
from guanxi.storage import backup
from guanxi.storage.events.log import EventLog
from guanxi.storage.events.model import START
from guanxi.storage.merchants import Merchant, add_merchant
from tests.api.client import Client
from tests.cli.test_commands import Shell, import_orders, shell

if TYPE_CHECKING:
    from pathlib import Path

    from guanxi.storage.events.model import LoggedEvent, Position

__all__ = ["shell"]


def failed_checks(shell: Shell) -> dict[str, dict[str, Any]]:
    """Return what ``doctor`` finds to mend, by name."""
    said = CliRunner().invoke(app, ["doctor", "--json", "--home", str(shell.home)])
    report = json.loads(said.stdout)
    return {one["check"]: one for one in report["checks"] if not one["ok"]}


def test_another_master_key_opens_nothing(shell: Shell) -> None:
    key = shell.home / "secret.key"
    right = key.read_text("ascii")
    key.write_text(("0" if right[0] != "0" else "1") + right[1:], "ascii")
    for words in (("summary",), ("member", "show", "13911110000"), ("worker", "--settle"), ("init",)):
        assert shell.json(*words, status=1)["error"]["code"] == "wrong_key"
    assert "secret.key" in failed_checks(shell)["master key"]["zh"]
    key.write_text(right, "ascii")
    assert "master key" not in failed_checks(shell)
    assert shell.json("summary")["members"] == 0


def test_a_lost_lake_is_said(shell: Shell, tmp_path: Path) -> None:
    import_orders(shell, tmp_path)
    shell.json("worker", "--settle")
    assert "main: lake" not in failed_checks(shell)
    with opened(shell.home) as product:
        client = Client(create_web(product))
        assert client.get("/readyz").status_code == 200
        shutil.rmtree(shell.home / "lake")
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "lake_missing")
    assert "恢复" in failed_checks(shell)["main: lake"]["zh"]
    for words in (("summary",), ("events", "tail"), ("events", "replay")):
        assert shell.json(*words, status=1)["error"]["code"] == "lake_missing"


def test_a_merchant_comes_with_its_owner_or_not_at_all(shell: Shell) -> None:
    for login, code in (("y", "invalid_input"), ("no space", "invalid_input")):
        refused = shell.json("merchant", "add", "third", "--login", login, status=1)
        assert refused["error"]["code"] == code
    assert [one["merchant_id"] for one in shell.json("merchant", "list")] == ["main"]
    added = shell.json("merchant", "add", "third", "--login", "li")
    assert len(added["password"]) >= 12
    assert shell.json("merchant", "add", "third", "--login", "li", status=1)["error"]["code"] == "conflict"
    roles = [(one["login"], one["roles"]) for one in shell.json("staff", "list", "--merchant", "third")]
    assert roles == [("li", ["owner"])]
    shell.json("merchant", "add", "fourth", "--login", "li")
    assert [one["login"] for one in shell.json("staff", "list", "--merchant", "fourth")] == ["li"]


def test_init_gives_a_merchant_without_owner_one(shell: Shell) -> None:
    with opened(shell.home) as product, product.database.transaction() as tx:
        add_merchant(tx, Merchant("lost", "Lost", "Asia/Shanghai", "CNY", "", 0))
    assert shell.json("init", "--merchant", "lost", "--login", "wang")["password"]
    assert shell.json("init", "--merchant", "lost", "--login", "other")["login"] == ""
    assert [one["login"] for one in shell.json("staff", "list", "--merchant", "lost")] == ["wang"]


def test_a_forgotten_password_is_reset(shell: Shell) -> None:
    reset = shell.json("staff", "reset", "Owner")
    with opened(shell.home) as product, product.database.reading() as tx:
        found = person_by_login(tx, "owner")
        assert found is not None
        assert product.access.passwords.verify(found[1], reset["password"])
    assert "owner" in shell.run("staff", "list")
    assert shell.json("staff", "reset", "nobody", status=1)["error"]["code"] == "not_found"


def test_init_that_fails_leaves_nothing_behind(home: Path, tmp_path: Path) -> None:
    new = Shell(tmp_path / "new")
    closed = "postgresql://nobody@127.0.0.1:1/none"
    for words in (("--login", "x"), ("--timezone", "Nowhere"), ("--merchant", "A b"), ("--database", closed)):
        assert new.json("init", *words, status=1)["error"]["code"] == "invalid_input"
        assert not new.home.exists()
    file = tmp_path / "file"
    file.touch()
    assert Shell(file).json("init", status=1)["error"]["code"] == "invalid_input"
    assert not home.exists()


def test_init_does_not_change_the_database_of_a_home(shell: Shell, dialect: str) -> None:
    other = "sqlite" if dialect == "postgresql" else "postgresql://127.0.0.1/db"
    assert shell.json("init", "--database", other, status=1)["error"]["code"] == "conflict"
    assert shell.json("init")["login"] == ""


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.postgres
def test_a_second_home_needs_the_key_of_the_database(
    shell: Shell, tmp_path: Path, database_setting: str
) -> None:
    second = Shell(tmp_path / "second")
    refused = second.json("init", "--database", database_setting, status=1)
    assert refused["error"]["code"] == "conflict"
    assert not second.home.exists()
    second.home.mkdir()
    shutil.copy(shell.home / "secret.key", second.home)
    assert second.json("init", "--database", database_setting)["login"] == ""


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("spoil", ["head", "middle"])
def test_a_damaged_database_is_said(shell: Shell, spoil: str) -> None:
    file = shell.home / "guanxi.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    start = 0 if spoil == "head" else 4096
    content[start : start + 65_536] = b"\xff" * len(content[start : start + 65_536])
    file.write_bytes(content)
    (shell.home / "guanxi.db-wal").unlink(missing_ok=True)
    assert shell.json("summary", status=1)["error"]["code"] == "broken_home"
    assert "备份" in failed_checks(shell)["database"]["zh"]


def test_a_backup_that_fails_leaves_nothing_behind(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_orders(shell, tmp_path)
    shell.json("worker", "--settle")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", full)
    target = tmp_path / "copy"
    shell.json("backup", str(target), status=1)
    assert not target.exists()
    target.mkdir()
    shell.json("backup", str(target), "--with-key", status=1)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.postgres
def test_a_copy_of_a_server_is_not_taken_for_it(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_dump_postgresql", lambda *_: "guanxi.dump")
    shell.json("backup", str(tmp_path / "copy"), "--with-key")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["guanxi.toml.backup", "secret.key"]
    assert Shell(tmp_path / "copy").json("summary", status=1)["error"]["code"] == "no_home"


def test_a_replay_beside_a_worker_counts_each_event_once(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_orders(shell, tmp_path)
    assert "4 条事件" in shell.run("summary")
    shell.json("worker", "--settle")
    whole = shell.json("summary")
    assert "重新推算" not in shell.run("summary")
    read = EventLog.read
    busy: list[bool] = []

    def together(log: EventLog, merchant_id: str, after: Position, limit: int) -> list[LoggedEvent]:
        """Read, and let a worker take the first of it meanwhile."""
        events = read(log, merchant_id, after, limit)
        if events and not busy:
            busy.append(True)
            with opened(shell.home) as other:
                other.projection.run(merchant_id, 1)
            busy.clear()
        return events

    monkeypatch.setattr(EventLog, "read", together)
    assert shell.json("events", "replay") == {"events": 4}
    assert shell.json("summary") == whole
    with opened(shell.home) as product, product.database.transaction() as tx:
        product.log.advance(tx, "main", READER, START)
    assert "重新推算" in shell.run("summary")


def test_a_replay_keeps_what_there_is_when_the_lake_is_lost(shell: Shell, tmp_path: Path) -> None:
    import_orders(shell, tmp_path)
    shell.json("worker", "--settle")
    lake = shell.home / "lake"
    lake.rename(tmp_path / "kept")
    assert shell.json("events", "replay", status=1)["error"]["code"] == "lake_missing"
    (tmp_path / "kept").rename(lake)
    assert shell.json("summary")["members"] == 1


def test_doctor_knows_whether_a_worker_runs(shell: Shell) -> None:
    def says() -> tuple[bool, str]:
        found = failed_checks(shell).get("worker")
        return (True, "") if found is None else (False, found["en"])

    shell.json("worker", "--settle")
    assert says() == (False, "is not running; start guanxi worker or guanxi serve.")
    with opened(shell.home) as product:
        running = Worker(product.database, Background(product).jobs(), product.clock)
        running.step()
        running.write_status()
        assert says()[0]
        running.stop()
        running.run()
        assert not says()[0]
