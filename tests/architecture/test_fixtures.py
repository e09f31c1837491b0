"""The test house itself: fresh databases, closed sockets."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tools import postgres


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_database(database_url: str, dialect: str, turn: int) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as conn:
        assert engine.dialect.name == dialect
        assert sa.inspect(conn).get_table_names() == []
        conn.execute(sa.text(f"CREATE TABLE t{turn} (a INTEGER)"))
    engine.dispose()


def test_a_template_is_built_once_and_copied(postgres_server: postgres.Server) -> None:
    built: list[str] = []

    def build(url: str) -> None:
        built.append(url)
        engine = sa.create_engine(url)
        with engine.begin() as conn:
            conn.execute(sa.text("CREATE TABLE filled (a INTEGER)"))
        engine.dispose()

    name = postgres_server.template("architecture_test", build)
    assert postgres_server.template("architecture_test", build) == name
    assert len(built) == 1
    with postgres_server.database(name) as url:
        engine = sa.create_engine(url)
        assert sa.inspect(engine).get_table_names() == ["filled"]
        engine.dispose()


def test_sockets_are_closed_to_a_plain_test() -> None:
    with pytest.raises(RuntimeError, match="socket"):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


@pytest.mark.server
def test_a_server_test_may_reach_this_machine_and_no_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        socket.create_connection(listening.getsockname()).close()
    with pytest.raises(RuntimeError, match="host"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


@pytest.mark.postgres
def test_the_shared_server_goes_when_its_run_is_gone() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="gx-") as short,  # the path of a Unix socket may not be long
        subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
        ) as run,
    ):
        Path(short).chmod(0o755)
        folder = Path(short) / "pg"
        running = postgres.shared(folder, run.pid)
        assert running.answers()
        run.communicate()
        until = time.monotonic() + 60
        while folder.with_suffix(".lock").exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert not folder.exists()
        assert not running.answers()
