"""What the commands say when something is wrong with the installation itself, on both databases."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from guanxi.access.store.people import person_by_login
from guanxi.bootstrap import create_web, opened
from guanxi.storage.merchants import Merchant, add_merchant
from tests.api.client import Client
from tests.cli.test_commands import Shell, import_orders, shell

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["shell"]


def failed_checks(shell: Shell) -> dict[str, dict[str, Any]]:
    """Return what ``doctor`` finds to mend, by name."""
    report = shell.json("doctor", status=1)
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
