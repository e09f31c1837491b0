"""What the commands say when something is wrong with the installation itself, on both databases."""

from __future__ import annotations

from typing import Any

from tests.cli.test_commands import Shell, shell

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
