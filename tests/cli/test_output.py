"""What the commands show of what other people typed: never obeyed as mark-up, never personal unless asked for."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from guanxi.access.service import trail
from guanxi.bootstrap import opened
from guanxi.cli.output import Tenths
from guanxi.customers.events.model import Source
from tests.cli.test_commands import Shell

MESSAGES = [
    {
        "type": "identify",
        "messageId": "m1",
        "timestamp": "2025-06-01T10:00:00+08:00",
        "context": {
            "identities": [
                {"type": "member_no", "scope": "shop", "value": "M1"},
                {"type": "phone", "value": "13911110000"},
            ]
        },
        "traits": {
            "name": "[/]王二麻",
            "note": "[red]李",
            "phone": "13911110000",
            "address": "幸福路 1 号",
            "idcard": "310101199001011234",
        },
    },
    {
        "type": "track",
        "event": "[/b]x",
        "messageId": "m2",
        "timestamp": "2025-06-01T10:00:01+08:00",
        "userId": "[blink]u",
        "properties": {"note": "[bold]:smile:"},
    },
]


@pytest.fixture
def shell(home: Path) -> Shell:
    """An installation with a member whose name looks like mark-up."""
    made = Shell(home)
    made.json("init")
    with opened(home) as product:
        product.intake.accept("main", Source("test", "", "web"), MESSAGES)
    made.json("worker", "--settle")
    return made


def test_marks_in_data_are_shown_and_not_obeyed(shell: Shell) -> None:
    assert "[/]王二麻" in shell.run("member", "find", "王二麻")
    shown = shell.run("member", "show", "M1")
    assert "[/]王二麻" in shown
    assert "[red]李" in shown
    tail = shell.run("events", "tail")
    assert "[/b]x" in tail
    assert "[bold]:smile:" in tail
    assert "[blink]nobody" in shell.run("member", "show", "[blink]nobody", status=1)


def test_personal_values_are_masked_until_asked_for(shell: Shell) -> None:
    secrets = ("13911110000", "幸福路", "310101199001011234")
    for said in (shell.run("member", "show", "M1"), json.dumps(shell.json("member", "show", "M1"))):
        assert not any(secret in said for secret in secrets)
    assert "******" in shell.run("member", "show", "M1")
    full = shell.run("member", "show", "M1", "--personal")
    assert "幸福路 1 号" in full
    with opened(shell.home) as product, product.database.reading() as tx:
        assert any(one.action == "member.attributes_seen" for one in trail.entries(tx, "main").items)


@pytest.mark.enable_socket
def test_a_port_in_use_is_said_before_anything_is_served(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = shell.run("serve", "--host", "127.0.0.1", "--port", port, "--no-worker", status=1)
    assert f"端口 {port} 已被占用" in said
    assert "控制台" not in said


def test_forgetting_must_be_confirmed_by_a_program_too(shell: Shell) -> None:
    refused = shell.json("member", "erase", "M1", status=1)
    assert "--yes" in refused["error"]["message"]["en"]
    assert shell.json("member", "show", "M1")["erased_at"] is None


def test_times_of_events_say_their_zone(shell: Shell) -> None:
    assert "2025-06-01 10:00:00+08:00" in shell.run("events", "tail")


def test_a_masked_phone_is_found_and_a_lost_search_gets_advice(shell: Shell) -> None:
    assert len(shell.json("member", "find", "139****0000")) == 1
    assert shell.json("member", "find", "139****0001") == []
    assert "后四位" in shell.run("member", "find", "nobody")


def test_progress_is_told_where_no_bar_can_be_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    tenths = Tenths("读取")
    for done in range(0, 101, 5):
        tenths(done, 100)
    assert capsys.readouterr().err.split("\n")[:-1] == [f"读取 {tenth}0 %" for tenth in range(1, 11)]


def test_the_guides_declaration_is_one(shell: Shell, tmp_path: Path) -> None:
    guide = Path(__file__).parents[2] / "docs/guide/declare.md"
    file = tmp_path / "types.yaml"
    file.write_text(guide.read_text("utf-8").split("```yaml\n")[1].split("```")[0], "utf-8")
    assert shell.json("events", "declare", str(file)) == {"declared": ["lesson.finished"]}
