"""What the commands show of what other people typed: never obeyed as mark-up, never personal unless asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guanxi.access.service import trail
from guanxi.bootstrap import opened
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
