"""Locks that agree with each other, commands that say what is missing, documents whose links lead somewhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools import bench, check_docs

ROOT = Path(__file__).parents[2]
LOCKS = ("runtime", "demo", "dev", "uv")
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)( ; [^\\]+)? \\$", re.MULTILINE)


def lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")


def pins(name: str) -> set[tuple[str, str, str]]:
    return {(package, version, marker.strip()) for package, version, marker in _PIN.findall(lock(name))}


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes_and_nothing_else_is_there(name: str) -> None:
    lines = [line for line in lock(name).splitlines() if not line.lstrip().startswith("#")]
    assert len(pins(name)) == sum(not line.startswith(" ") for line in lines)
    for line in lines:
        assert _PIN.match(line) or re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
    for before, line in zip(lines, [*lines[1:], ""], strict=True):
        assert before.startswith(" ") or line.startswith("    --hash="), before


@pytest.mark.parametrize("name", ["runtime", "demo"])
def test_the_smaller_locks_agree_with_the_largest(name: str) -> None:
    assert {pin[:2] for pin in pins(name)} <= {pin[:2] for pin in pins("dev")}


def test_the_locks_are_as_new_as_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = {
        "runtime": project["project"]["dependencies"],
        "demo": project["project"]["optional-dependencies"]["demo"],
        "dev": [line for line in project["dependency-groups"]["dev"] if isinstance(line, str)],
        "uv": project["dependency-groups"]["installer"],
    }
    for name, lines in wanted.items():
        locked = {package: version for package, version, _ in pins(name)}
        for line in lines:
            requirement = Requirement(line)
            package = re.sub(r"[-_.]+", "-", requirement.name).lower()
            assert package in locked, f"{package} is not in {name}.txt: make lock"
            assert requirement.specifier.contains(locked[package]), f"{line} in {name}.txt: make lock"


def test_npm_packages_are_locked_without_an_address() -> None:
    packages = json.loads((ROOT / "tests/clients/package-lock.json").read_text("utf-8"))["packages"]
    packages.pop("")
    assert packages
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


def test_make_says_in_both_languages_that_python_is_missing() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make")
    done = subprocess.run(
        [make, "PYTHON=", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode != 0
    assert "没有找到 Python 3.11" in done.stderr
    assert "There is no Python 3.11" in done.stderr


def test_links_and_make_targets_of_a_page(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One thing: 关系 & `more`\n", encoding="utf-8")
    page = tmp_path / "README.md"
    page.write_text(
        "[a](other.md) [b](other.md#one-thing-关系--more) [c](https://example.com/x) `make test`\n"
        "```\n[not a link](nowhere.md)\n```\n"
        "[d](gone.md) [e](other.md#two) ![f](<gone.png>)\n\n    make tea\n",
        encoding="utf-8",
    )
    assert check_docs.problems(page, tmp_path, {"test"}) == [
        "README.md: gone.md does not exist",
        "README.md: other.md#two has no such heading",
        "README.md: gone.png does not exist",
        "README.md: there is no `make tea`",
    ]


def test_a_benchmark_is_summed_up_from_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "_helper.py").write_text("", encoding="utf-8")
    (folder / "good.py").write_text(
        'print(\'working\')\nprint(\'{"name": "good", "ok": true}\')\n', encoding="utf-8"
    )
    (folder / "bad.py").write_text("raise SystemExit(3)\n", encoding="utf-8")
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    assert bench.names() == ["bad", "good"]
    assert bench.measure("good") == {"name": "good", "ok": True}
    assert bench.measure("bad") == {"name": "bad", "ok": False, "bar": "broke with code 3"}
