"""Bring .venv to what a lock file says: ``python3 tools/install.py runtime|demo|dev|outside``.

Only the standard library: this runs before anything is installed. With uv where there is one, or can be one; with
plain pip otherwise, or when ``INSTALLER=pip`` says so. What is already as it should be is left alone, so that a second
run takes no time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CLIENTS = ROOT / "tests" / "clients"

COVERS = {"runtime": ("runtime",), "demo": ("runtime", "demo"), "dev": ("runtime", "demo", "dev")}
"""What else is there once a set is: the locks agree with each other."""

Command = list[str | Path]


class InstallError(Exception):
    """Something that a person must mend, said in both languages."""


def say(zh: str, en: str) -> None:
    """Print a step of the progress."""
    print(f"• {zh} · {en}", flush=True)


def run(command: Command, **environment: str) -> bool:
    """Run a command in the project's folder and say whether it went well."""
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=False).returncode == 0


def answers(command: Command) -> bool:
    """Say whether a command exists and succeeds, without a word."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def digest(name: str) -> str:
    """What an installed set depends on: its lock, the project's own metadata, the interpreter and the place."""
    parts = [(ROOT / "requirements" / f"{name}.txt").read_bytes(), (ROOT / "pyproject.toml").read_bytes()]
    parts += [sys.version.encode(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def stamp(name: str) -> Path:
    """File that says with which digest a set was installed."""
    return VENV / f".installed-{name}"


def fresh(name: str) -> bool:
    """Say whether the set is installed as its lock says."""
    mark = stamp(name)
    return PYTHON.exists() and mark.exists() and mark.read_text() == digest(name)


def find_uv() -> Path | None:
    """Path of a uv on the PATH that works, unless ``INSTALLER=pip`` asks for pip."""
    found = shutil.which("uv")
    if os.environ.get("INSTALLER") == "pip" or not found or not answers([found, "--version"]):
        return None
    return Path(found)


def make_environment(uv: Path | None) -> None:
    """Create .venv, anew where it is broken, too old, or made for another place or interpreter."""
    place = VENV / ".place"
    here = f"{ROOT}\n{sys.version}"
    known = place.read_text() if place.exists() else here
    if known == here and answers([PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]):
        place.write_text(here)
        return
    say("建立 Python 环境 .venv", "creating the Python environment .venv")
    if VENV.exists():
        shutil.rmtree(VENV)
    create: Command = [uv, "venv", "--quiet", "--python", sys.executable, VENV] if uv else []
    if not (create and run(create)) and not run([sys.executable, "-m", "venv", VENV]):
        shutil.rmtree(VENV, ignore_errors=True)
        message = (
            "无法建立 Python 环境。Debian/Ubuntu 请先运行: apt install python3-venv\n"
            "The Python environment cannot be created. On Debian or Ubuntu first: apt install python3-venv"
        )
        raise InstallError(message)
    place.write_text(here)


def bring_uv() -> Path | None:
    """Put uv into .venv by its own hashed lock; where that fails, pip does the work, more slowly."""
    if os.environ.get("INSTALLER") == "pip":
        return None
    uv = VENV / "bin" / "uv"
    if answers([uv, "--version"]):
        return uv
    say("下载安装工具 uv", "fetching the installer uv")
    if pip(["install", "--require-hashes", "-r", ROOT / "requirements" / "uv.txt"]):
        return uv
    say("没有 uv，改用 pip（较慢）", "no uv, using pip (slower)")
    return None


def pip(arguments: Command) -> bool:
    """Run .venv's pip, which an environment made by uv lacks at first."""
    if not answers([PYTHON, "-m", "pip", "--version"]) and not run([PYTHON, "-m", "ensurepip"]):
        return False
    return run([PYTHON, "-m", "pip", *arguments], PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_CONSTRAINT="")


def install(name: str) -> None:
    """Install a set by its lock, then the project itself, editable."""
    if fresh(name):
        return
    started = time.monotonic()
    uv = find_uv()
    make_environment(uv)
    uv = uv or bring_uv()
    say("安装依赖（首次约一两分钟）", "installing what Guanxi needs (a minute or two the first time)")
    locked: Command = ["install", "--require-hashes", "-r", ROOT / "requirements" / f"{name}.txt"]
    project: Command = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", ROOT]
    for arguments in (locked, project):
        done = run([uv, "pip", *arguments, "--python", PYTHON]) if uv else pip(arguments)
        if not done:
            message = (
                "安装失败，原因见上。网络恢复后再运行一次即可，已下载的不会重来。\n"
                "The installation failed for the reason above. Run it again when the network is back; "
                "what was fetched is kept."
            )
            raise InstallError(message)
    for covered in COVERS[name]:
        stamp(covered).write_text(digest(covered))
    say(f"完成，用时 {time.monotonic() - started:.0f} 秒", "done")


def outside() -> None:
    """Install what the tests need beside Python where that is possible: a browser, fonts, Java for Spark, npm packages."""
    for step in (_debian, _clients):
        problem = step()
        if problem:
            print(f"!! {problem} (tests that need it are skipped · 相关测试将跳过)", flush=True)


def _debian() -> str | None:
    wanted = {
        "chromium": shutil.which("chromium"),
        "fonts-noto-cjk": _has_chinese_font(),
        "default-jre-headless": shutil.which("java"),
    }
    packages = [name for name, there in wanted.items() if not there]
    if not packages:
        return None
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None if packages == ["fonts-noto-cjk"] else f"NOT INSTALLED: {' '.join(packages)}"
    say(f"安装 {' '.join(packages)}", f"installing {' '.join(packages)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    apt: Command = ["apt-get", "--quiet=2", "--no-install-recommends", "--yes"]
    run([*apt, "update"], **quiet)
    if not run([*apt, "install", *packages], **quiet):
        return f"COULD NOT INSTALL: {' '.join(packages)}"
    return None


def _has_chinese_font() -> bool:
    listed = shutil.which("fc-list")
    if not listed:
        return False
    return bool(subprocess.run([listed, ":lang=zh-cn"], capture_output=True, check=False).stdout.strip())


def _clients() -> str | None:
    lock = CLIENTS / "package-lock.json"
    mark = CLIENTS / "node_modules" / ".installed"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return None
    npm = shutil.which("npm")
    if not npm:
        return "NO npm: the JavaScript client is not tested"
    say("安装 npm 测试包", "installing the npm packages of the client tests")
    if not run([npm, "ci", "--prefix", CLIENTS, "--silent", "--no-audit", "--no-fund"]):
        return "npm ci FAILED: the JavaScript client is not tested"
    mark.write_text(wanted)
    return None


def main() -> int:
    """Install the sets named on the command line."""
    try:
        for name in sys.argv[1:]:
            if name == "outside":
                outside()
            else:
                install(name)
    except InstallError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
