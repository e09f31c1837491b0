"""Our own lint rules: what each one finds, and what it leaves alone."""

from __future__ import annotations

import pytest

from tools import lint_guanxi

SLICE = "src/guanxi/customers/people/service.py"


def codes(text: str, path: str = SLICE) -> list[str]:
    return [problem.code for problem in lint_guanxi.lint(path, text)]


@pytest.mark.parametrize(
    "text",
    [
        "amount = 1.5",
        "amount = 0.5 * quantity",
        "half = order.amount / 2",
        "half = row['amount'] / 2",
        "amount: float = read()",
        "def total_fee() -> float: ...",
        "def pay(amount: float) -> None: ...",
        "def pay(*, fee=0.1) -> None: ...",
        "pay(fee=0.1)",
        "event = {'amount': 12.5}",
        "fen = round(x * 100.0)",
        "fen = int(float(text) * 100)",
        "share = float(amount)",
        "balance /= 2",
        "if price > 1.5: ...",
        "def fee():\n    return 0.5",
        "orderAmount = 1.0",
    ],
)
def test_gx001_finds_floats_near_money(text: str) -> None:
    assert "GX001" in codes(text)


@pytest.mark.parametrize(
    "text",
    [
        "amount = 150",
        "half = amount // 2",
        "fee_rate = 0.045",
        "pay(amount, timeout=0.5)",
        "amount = fetch(timeout=0.5)",
        "share = done / rows",
        "file = home / 'prices.csv'",
        "def wait(seconds: float) -> None: ...",
        "price_count: float = 1.0",
        "shown = f'{amount}: {seconds / 2}'",
    ],
)
def test_gx001_leaves_the_rest_alone(text: str) -> None:
    assert codes(text) == []


def test_gx001_leaves_statistics_and_tests_alone() -> None:
    assert codes("amount = 1.5", "src/guanxi/stats/tests.py") == []
    assert codes("amount = 1.5", "tests/stats/test_it.py") == []


def test_gx002_commit_belongs_to_storage() -> None:
    assert codes("connection.commit()") == ["GX002"]
    assert codes("connection.commit()", "src/guanxi/storage/database.py") == []
    assert codes("commit = version()") == []


@pytest.mark.parametrize(
    "text",
    [
        "import datetime\nx = datetime.datetime.now(tz)",
        "from datetime import datetime\nx = datetime.now(tz)",
        "import datetime as dt\nx = dt.datetime.utcnow()",
        "from datetime import date\nx = date.today()",
        "from dataclasses import field\nfrom datetime import datetime\nx = field(default_factory=datetime.now)",
        "import time\nx = time.time()",
        "import time\nx = time.time_ns()",
        "from time import time\nx = time()",
        "from time import time as clock\nx = clock()",
    ],
)
def test_gx003_finds_clocks(text: str) -> None:
    assert codes(text) == ["GX003"]
    assert codes(text, "src/guanxi/kernel/clock.py") == []


def test_gx003_finds_the_clock_of_the_database() -> None:
    assert "GX003" in codes(
        "from sqlalchemy import func\nx = func.now()", "src/guanxi/customers/people/store.py"
    )


@pytest.mark.parametrize(
    "text",
    [
        "import time\nx = time.monotonic()",
        "import time\nx = time.perf_counter()",
        "from guanxi.kernel import clock\nx = clock.now()",
        "event.time = row.time",
        "now = event.date",
        "from datetime import datetime\nx = datetime.fromisoformat(text)",
    ],
)
def test_gx003_leaves_the_rest_alone(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "import sqlalchemy as sa",
        "from sqlalchemy.dialects import postgresql",
        "import sqlite3",
        "import psycopg",
        "rows = run('SELECT a FROM b')",
        "run('''\n  INSERT INTO t VALUES (1)''')",
        "run(f'DELETE FROM {table}')",
    ],
)
def test_gx004_sql_has_its_rooms(text: str) -> None:
    assert codes(text) == ["GX004"]
    for room in (
        "customers/people/store.py",
        "customers/people/store/rows.py",
        "customers/schema.py",
        "storage/events/log.py",
    ):
        assert codes(text, f"src/guanxi/{room}") == []
    assert codes(text, "tests/customers/test_people.py") == []


def test_gx004_leaves_prose_and_a_connectors_own_files_alone() -> None:
    assert codes("'''SELECT a FROM b is what the store does.'''") == []
    assert codes("text = 'Select a member from the list'") == []
    assert codes("run('SELECT a FROM b')", "src/guanxi/connectors/shop/source.py") == []
    assert codes("import sqlite3", "src/guanxi/connectors/shop/source.py") == ["GX004"]


def test_gx005_counts_lines() -> None:
    assert codes("x = 1\n" * 399) == []
    (mentioned,) = lint_guanxi.lint(SLICE, "x = 1\n" * 400)
    assert mentioned.warning
    (refused,) = lint_guanxi.lint(SLICE, "x = 1\n" * 601)
    assert not refused.warning


def test_gx006_counts_a_functions_lines_but_not_its_docstring() -> None:
    body = "    x = 1\n" * 59
    assert codes(f"def f():\n{body}") == []
    assert codes(f"def f():\n    '''One.\n\n    Three.\n    '''\n{body}") == []
    assert codes(f"def f():\n{body}    x = 2\n") == ["GX006"]


def test_an_exception_is_said_on_its_line() -> None:
    assert codes("amount = 1.5  # noqa: GX001 - a picture's height") == []
    assert codes("amount = 1.5  # noqa: GX002") == ["GX001"]


@pytest.mark.parametrize(
    "text",
    [
        "see https://py" + "pi.org/simple",
        "--extra" + "-index-url x",
        "cd /ro" + "ot/x",
        "'/ho" + "me/ann/data'",
    ],
)
def test_gx007_finds_places(text: str) -> None:
    assert [problem.code for problem in lint_guanxi.named_hosts("README.md", f"one\n{text}\n")] == ["GX007"]


def test_gx007_leaves_words_alone() -> None:
    assert (
        lint_guanxi.named_hosts("README.md", "A package from PyPI or npm; the homepage; /homes; root") == []
    )
