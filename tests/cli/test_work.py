"""``guanxi work …`` as a person or a script calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from guanxi.bootstrap import opened
from guanxi.cli import app
from guanxi.kernel.text import Text
from guanxi.runtime.work.model import Asker, NewWork


def call(home: Path, *words: str, status: int = 0) -> str:
    environment = {"GUANXI_LANGUAGE": "zh", "COLUMNS": "200"}
    result = CliRunner().invoke(app, ["work", *words, "--home", str(home)], env=environment)
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture
def made(home: Path) -> Path:
    assert CliRunner().invoke(app, ["init", "--home", str(home), "--json"]).exit_code == 0
    return home


def test_work_is_listed_shown_and_cancelled(made: Path) -> None:
    asker = Asker("person", "per_1", "李店长")
    new = NewWork("audience.export", Text("导出人群「新客」", "Export"), {}, asker, "audiences.export")
    with opened(made) as product:
        work = product.works.start("main", new)
    listed = call(made, "list")
    assert all(text in listed for text in (work.id, "导出人群「新客」", "等待中", "李店长"))
    told: dict[str, Any] = json.loads(call(made, "show", work.id, "--json"))
    assert (told["state"], told["kind"], told["error"]) == ("waiting", "audience.export", None)
    assert json.loads(call(made, "cancel", work.id, "--json")) == {"id": work.id, "state": "cancelled"}
    assert "已取消" in call(made, "list")
    assert "wrk_nobody" in call(made, "show", "wrk_nobody", status=1)
