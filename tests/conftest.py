"""Fixtures and rules for all tests.

Sockets are closed but for tests marked ``server``, ``browser``, ``clients``, ``postgres`` or ``spark``, which may
reach 127.0.0.1.
Every test that touches the store runs on SQLite and on PostgreSQL by asking for ``database_url``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.support import REQUIRE_ALL, needs
from tools import postgres

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.installation import Installation

EXTERNAL = ("browser", "postgres", "clients", "spark")
LOCAL = (*EXTERNAL, "server")

# How long an example takes to make says how busy the machine is.
hypothesis.settings.register_profile(
    "guanxi", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("guanxi")


def pytest_configure(config: pytest.Config) -> None:
    """Name this run once, in the process that xdist's workers descend from."""
    if not hasattr(config, "workerinput"):
        os.environ["GUANXI_TEST_RUN"] = str(os.getpid())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by fixture, and open 127.0.0.1 where a test says that it needs it."""
    for item in items:
        if "postgres_server" in getattr(item, "fixturenames", ()):
            item.add_marker("postgres")
        if any(item.get_closest_marker(name) for name in LOCAL):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "::1", "localhost"]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run; ``clients`` names what it needs: ``@pytest.mark.clients("node")``."""
    for name in ("browser", "postgres", "spark"):
        if item.get_closest_marker(name):
            needs(name)
    for mark in item.iter_markers("clients"):
        needs(*mark.args)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under ``GUANXI_REQUIRE_ALL`` a skipped test of the outside world is a failed one."""
    report = yield
    if REQUIRE_ALL and report.skipped and any(item.get_closest_marker(name) for name in EXTERNAL):
        report.outcome = "failed"
        report.longrepr = f"skipped, but this run must leave nothing out: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one loud line what was left out and how to have it."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", ()):
        if any(name in report.keywords for name in EXTERNAL):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            reason = reason.removeprefix("Skipped: ")
            reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        left_out = "; ".join(f"{count} × {reason}" for reason, count in reasons.items())
        terminalreporter.write_line(f"NOT TESTED / 未测试: {left_out}", yellow=True, bold=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder for an installation; it does not exist yet."""
    return tmp_path / "home"


@pytest.fixture(scope="session")
def postgres_server() -> postgres.Server:
    """A real PostgreSQL server, one for each worker of the run.

    Readers of the log wait for the oldest writing transaction of the whole server, so tests that run at once do not
    share one.
    """
    needs("postgres")
    run = int(os.environ["GUANXI_TEST_RUN"])
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    return postgres.shared(Path(tempfile.gettempdir()) / f"guanxi-pg-{run}-{worker}", run)


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> Iterator[str]:
    """SQLAlchemy URL of an empty PostgreSQL database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def dialect(request: pytest.FixtureRequest) -> str:
    """Both databases in turn; ask for it beside ``database_url`` to know which one it is."""
    return str(request.param)


@pytest.fixture
def database_url(dialect: str, home: Path, request: pytest.FixtureRequest) -> str:
    """SQLAlchemy URL of an empty database for the state store, on both databases in turn."""
    if dialect == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    home.mkdir(exist_ok=True)
    return f"sqlite:///{home / 'guanxi.db'}"


@pytest.fixture
def tail_url(dialect: str, database_url: str, home: Path) -> str:
    """SQLAlchemy URL of the event tail that belongs to ``database_url``."""
    return database_url if dialect == "postgresql" else f"sqlite:///{home / 'tail.db'}"


@pytest.fixture
def database_setting(dialect: str, database_url: str) -> str:
    """What ``guanxi.toml`` says for ``database_url``: ``sqlite``, or the address of a PostgreSQL database."""
    return "sqlite" if dialect == "sqlite" else database_url.replace("+psycopg", "", 1)


@pytest.fixture(scope="session")
def migrated_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the migrated files of an empty SQLite installation, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    _migrate(folder, "sqlite")
    return folder


@pytest.fixture
def migrated_setting(dialect: str, home: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Like ``database_setting``, with the tables already there: a copy costs less than the migrations."""
    if dialect == "sqlite":
        home.mkdir(exist_ok=True)
        for file in request.getfixturevalue("migrated_files").glob("*.db"):
            shutil.copy(file, home)
        yield "sqlite"
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    with (
        tempfile.TemporaryDirectory() as scratch,
        server.database(server.template("migrated", lambda url: _migrate(Path(scratch), url))) as url,
    ):
        yield url.replace("+psycopg", "", 1)


def _migrate(folder: Path, setting: str) -> None:
    from guanxi.storage.database import Database
    from guanxi.storage.home import Home
    from guanxi.storage.migrate import migrate

    opened = Database.of(Home.create(folder, database=setting))
    migrate(opened)
    opened.dispose()


@pytest.fixture
def installation(home: Path, migrated_setting: str) -> Iterator[Installation]:
    """A migrated installation on both databases in turn, with one merchant, ``shop``, in Asia/Shanghai."""
    from tests.installation import Installation  # the lake's libraries take a second to import

    with Installation.fresh(home, migrated_setting) as made:
        yield made
